#pragma once
#include <fmt/format.h>

#include "mushin/nn/data/dataset.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::data {

/// ShapeError unless every index is one of `samples`.
inline void check_indices(const char* op, Indices which, std::int64_t samples) {
  for (const auto i : which)
    if (i < 0 || i >= samples)
      throw ShapeError(fmt::format("[{}] there must be a sample of that number: {}, there are {}", op, i, samples).c_str());
}

}  // namespace mushin::data
