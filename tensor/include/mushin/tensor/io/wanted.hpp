#pragma once
#include "mushin/tensor/core/array.hpp"
#include "mushin/tensor/shape.hpp"

namespace mushin {

namespace core {
/// What a typed reader asks for. A size of -1 may be anything; -2 - k is the size of axis k, which bears the same name.
struct Wanted {
  dtype type;
  Sizes sizes;
  const char* shape;  // as the type says it: `(batch, 3)`
};
}  // namespace core

namespace detail {

template <extent... E>
inline constexpr auto shape_text = spell(Shape{E...});

template <class T, extent... E>
core::Wanted wanted() {
  constexpr Shape shape{E...};
  core::Wanted out{dtype_of<T>, {}, shape_text<E...>.chars};
  for (unsigned i = 0; i < shape.rank; ++i) {
    const int first = shape[i].is_named() ? shape.find(shape[i]) : static_cast<int>(i);
    out.sizes.push(shape[i].is_static() ? shape[i].size : first < static_cast<int>(i) ? -2 - first : -1);
  }
  return out;
}

}  // namespace detail
}  // namespace mushin
