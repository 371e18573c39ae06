// Bits of elements among which are many equals, and each type's values that are ordered in a way of their own.
#pragma once
#include "backend.hpp"

namespace backend_test {

inline constexpr mu_dtype all_types[] = {MU_F32, MU_F64, MU_I64, MU_I32, MU_I8, MU_U8, MU_BOOL, MU_F16, MU_BF16};

/// Zeros, infinities, and NaN of both signs, numbers near each, the least and the greatest integer; or any.
inline std::uint64_t some_bits(mu_dtype type, Random& random) {
  const unsigned width = static_cast<unsigned>(8 * mu_dtype_bytes(type));
  const std::uint64_t all = ~std::uint64_t{0} >> (64 - width), top = std::uint64_t{1} << (width - 1);
  if (type == MU_BOOL) return random.next() & 1;
  if (random.below(3) == 0) return random.next() & all;
  const std::uint64_t infinity = type == MU_F64   ? std::uint64_t{0x7FF} << 52
                                 : type == MU_F32 ? 0x7F800000
                                 : type == MU_F16 ? 0x7C00
                                                  : 0x7F80;
  const std::uint64_t bits = (random.below(2) ? infinity : 0) + static_cast<std::uint64_t>(random.below(3)) - 1;
  return (bits ^ (random.below(2) ? top : 0)) & all;
}

}  // namespace backend_test
