#pragma once
#include "mushin/tensor/tensor.hpp"

namespace mushin {

/// A tensor and its name in a file. `name` is borrowed. `{"weight", w}`; of a variable, its value.
struct NamedTensor {
  const char* name;
  core::Array value;

  NamedTensor(const char* n, core::Array v) : name(n), value(static_cast<core::Array&&>(v)) {}
  template <TensorLike A>
  NamedTensor(const char* n, const A& a) : name(n), value(detail::constant(a.raw())) {}
};

}  // namespace mushin
