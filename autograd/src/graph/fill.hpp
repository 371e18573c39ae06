#pragma once
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {

/// `value` in every element of the shape: a view of a literal, so that it takes no memory and folds.
inline Array filled(const Sizes& sizes, mushin::dtype type, double value) { return broadcast_to(literal(value, type), sizes); }
inline Array filled(const Array& like, double value) { return filled(like.sizes(), like.type(), value); }

}  // namespace mushin::core
