#pragma once
#include "mushin/autograd/core/traced.hpp"
#include "mushin/tensor/ops/rnn.hpp"

namespace mushin::core {
/// core::rnn's y. Gradient: all steps in one op, and one product over all of them for the weight's. Not under vmap: the batch is mapped.
/// Where `narrow` is f16 or bf16, the products with the weight, and those of the gradients, are of operands rounded to it, one for each
/// step, rounded to it, and summed as floats.
MUSHIN_API Traced rnn(RnnWay, const Traced& x, const Traced& weight, const Traced& hidden, const Traced& extra, dtype narrow = dtype::f32);
}  // namespace mushin::core
