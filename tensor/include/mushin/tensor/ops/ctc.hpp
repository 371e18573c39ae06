#pragma once
#include <cstdint>

#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

/// What the steps shall spell. Of each row of the batch the first `lengths` labels and the first `steps` steps count.
struct CtcTargets {
  Array labels;          ///< (batch, most), int64
  Array steps, lengths;  ///< (batch), int64
  std::int64_t blank;
};

/// -log of the probability that the steps of `logs`, log-probabilities (time, batch, classes), spell the labels once repeats and blanks
/// are left out: (batch). Infinite where no spelling fits. https://doi.org/10.1145/1143844.1143891 ShapeError where
/// sizes do not fit; the values of labels and numbers are the device's to check.
MUSHIN_API Array ctc(const Array& logs, const CtcTargets&);
/// The gradient of each of them for its own row, (time, batch, classes); 0 where a loss is infinite.
MUSHIN_API Array ctc_gradient(const Array& logs, const CtcTargets&);

}  // namespace mushin::core
