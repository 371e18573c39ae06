#pragma once
// From an element type at run time to one at compile time.
#include <cstdint>

#include "mushin/tensor/dtype.hpp"

namespace mushin::test {

/// f(T{}) with the element type T; bool as unsigned char, which memory can be read into.
template <class F>
auto with_element(dtype type, F f) {
  switch (type) {
    case dtype::f32:
      return f(float{});
    case dtype::f64:
      return f(double{});
    case dtype::f16:
      return f(f16{});
    case dtype::bf16:
      return f(bf16{});
    case dtype::i8:
      return f(std::int8_t{});
    case dtype::u8:
      return f(std::uint8_t{});
    case dtype::i32:
      return f(std::int32_t{});
    case dtype::i64:
      return f(std::int64_t{});
    case dtype::b8:
      break;
  }
  return f(static_cast<unsigned char>(0));
}

}  // namespace mushin::test
