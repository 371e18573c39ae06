#pragma once
// A small tensor of each element type, by its bits.
#include <string>

#include "mushin/tensor.hpp"

namespace mushin::test {

/// Four values whose bytes are all different (bool: 0 and 1).
template <class T>
Tensor<T, 4> sample() {
  std::string bytes(4 * sizeof(T), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(dtype_of<T> == dtype::b8 ? i % 2 : 1 + i * 5);
  return Tensor<T, 4>{core::from_values({4}, dtype_of<T>, bytes.data())};
}

inline std::string bits(const core::Array& a) {
  std::string out(static_cast<std::size_t>(a.sizes().count()) * bytes_of(a.type()), '\0');
  core::read_all(a, out.data());
  return out;
}

/// `f.operator()<T>()` for each element type.
template <class F>
void for_each_element_type(F f) {
  f.template operator()<float>();
  f.template operator()<double>();
  f.template operator()<f16>();
  f.template operator()<bf16>();
  f.template operator()<std::int8_t>();
  f.template operator()<std::uint8_t>();
  f.template operator()<std::int32_t>();
  f.template operator()<std::int64_t>();
  f.template operator()<bool>();
}

}  // namespace mushin::test
