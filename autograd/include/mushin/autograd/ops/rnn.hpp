#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/rnn.hpp"

namespace mushin::core {
/// core::rnn's y. Gradient: all steps in one op, and one product over all of them for the weight's. Not under vmap: the batch is mapped.
MUSHIN_API Traced rnn(RnnWay, const Traced& x, const Traced& weight, const Traced& hidden, const Traced& extra);
}  // namespace mushin::core
