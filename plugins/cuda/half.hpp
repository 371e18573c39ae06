// The 16-bit floats as kernels of the plugin's own read and write them: by way of float.
#pragma once
#include <cmath>
#include <cstring>

#include "arithmetic.hpp"

namespace mushin::cuda {

struct F16 {
  std::uint16_t bits;
};
struct BF16 {
  std::uint16_t bits;
};

MUSHIN_BOTH std::uint32_t bits_of(float x) {
  std::uint32_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}
MUSHIN_BOTH float float_of(std::uint32_t b) {
  float x;
  memcpy(&x, &b, sizeof x);
  return x;
}

MUSHIN_BOTH float f16_value(std::uint16_t h) {
#ifdef __CUDA_ARCH__
  float x;
  asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
  return x;
#else
  const int exponent = h >> 10 & 31, digits = h & 1023;
  float x = std::ldexp(static_cast<float>(exponent ? digits + 1024 : digits), (exponent ? exponent : 1) - 25);
  if (exponent == 31) x = digits ? NAN : INFINITY;
  return h >> 15 ? -x : x;
#endif
}
MUSHIN_BOTH std::uint16_t f16_bits(float x) {
#ifdef __CUDA_ARCH__
  std::uint16_t h;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
  return h;
#else
  const std::uint32_t sign = bits_of(x) >> 16 & 0x8000u;
  const float size = std::fabs(x);
  if (x != x) return static_cast<std::uint16_t>(sign | 0x7E00u);
  if (size >= 65520.0f) return static_cast<std::uint16_t>(sign | 0x7C00u);
  int exponent = 0;
  std::frexp(size, &exponent);
  if (size == 0 || exponent < -13) exponent = -13;
  // Steps of 2^(exponent - 11), ties to even; each exponent begins where the one below ends.
  const auto steps = static_cast<std::uint32_t>(std::nearbyint(std::ldexp(size, 11 - exponent)));
  return static_cast<std::uint16_t>(sign | ((static_cast<std::uint32_t>(exponent + 13) << 10) + steps));
#endif
}

MUSHIN_BOTH float wide(float x) { return x; }
MUSHIN_BOTH double wide(double x) { return x; }
MUSHIN_BOTH std::uint64_t wide(std::uint64_t x) { return x; }
MUSHIN_BOTH float wide(F16 x) { return f16_value(x.bits); }
MUSHIN_BOTH float wide(BF16 x) { return float_of(static_cast<std::uint32_t>(x.bits) << 16); }

MUSHIN_BOTH void store(float& to, float x) { to = x; }
MUSHIN_BOTH void store(double& to, double x) { to = x; }
MUSHIN_BOTH void store(std::uint64_t& to, std::uint64_t x) { to = x; }
MUSHIN_BOTH void store(F16& to, float x) { to.bits = f16_bits(x); }
MUSHIN_BOTH void store(BF16& to, float x) {
  const std::uint32_t b = bits_of(x);
  to.bits = static_cast<std::uint16_t>((x != x ? b | 0x400000u : b + 0x7FFFu + (b >> 16 & 1u)) >> 16);
}

/// What an element type is computed in.
template <class T>
using Wide = decltype(wide(T{}));

}  // namespace mushin::cuda
