#pragma once
#include <bit>
#include <compare>
#include <cstdint>
#include <type_traits>

namespace mushin {

namespace detail {

// A value rounded to odd, so that rounding it once more, to fewer digits, gives what one rounding would have given.
constexpr float odd_float(float v) { return v; }
constexpr float odd_float(double v) {
  constexpr double most = 0x1.fffffep127;
  if (v > most) return 0x1.fffffep127f;
  if (v < -most) return -0x1.fffffep127f;
  const auto near = static_cast<float>(v);
  const double back = static_cast<double>(near);
  const auto bits = std::bit_cast<std::uint32_t>(near);
  if (back == v || v != v || (bits & 1u) != 0) return near;
  const bool farther = (back < v) == (v > 0);
  return std::bit_cast<float>(farther ? bits + 1 : bits - 1);
}
template <class S>
requires std::is_integral_v<S>
constexpr float odd_float(S v) {
  if constexpr (sizeof(S) < 8) {
    return odd_float(static_cast<double>(v));
  } else {
    const bool negative = v < S{0};
    std::uint64_t u = negative ? 0 - static_cast<std::uint64_t>(v) : static_cast<std::uint64_t>(v);
    if (u >> 53) u = (u & ~std::uint64_t{0x7FF}) | std::uint64_t{(u & 0x7FF) != 0} << 11;
    const auto exact = static_cast<double>(u);
    return odd_float(negative ? -exact : exact);
  }
}

/// Nearest, ties to even; what is too large becomes infinite; a NaN is quiet.
constexpr std::uint16_t f16_bits(float v) {
  const auto u = std::bit_cast<std::uint32_t>(v), sign = u >> 16 & 0x8000u, m = u & 0x7FFFFFFFu;
  std::uint32_t h;
  if (m > 0x7F800000u)
    h = 0x7E00u | (m >> 13 & 0x1FFu);
  else if (m >= 0x477FF000u)
    h = 0x7C00u;
  else if (m < 0x38800000u)  // below the normal numbers a step is that of floats from 0.5 on
    h = std::bit_cast<std::uint32_t>(std::bit_cast<float>(m) + 0.5f) - 0x3F000000u;
  else
    h = (m + 0xFFFu + (m >> 13 & 1u) - (112u << 23)) >> 13;
  return static_cast<std::uint16_t>(sign | h);
}
constexpr float f16_value(std::uint16_t h) {
  const std::uint32_t sign = (h & 0x8000u) << 16, e = h >> 10 & 31u, m = h & 0x3FFu;
  if (e == 0) return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(static_cast<float>(m) * 0x1p-24f));
  if (e == 31) return std::bit_cast<float>(sign | 0x7F800000u | (m ? 0x400000u : 0u) | m << 13);
  return std::bit_cast<float>(sign | (e + 112) << 23 | m << 13);
}

constexpr std::uint16_t bf16_bits(float v) {
  const auto u = std::bit_cast<std::uint32_t>(v);
  if ((u & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<std::uint16_t>(u >> 16 | 0x40u);
  return static_cast<std::uint16_t>((u + 0x7FFFu + (u >> 16 & 1u)) >> 16);
}
constexpr float bf16_value(std::uint16_t h) { return std::bit_cast<float>(std::uint32_t{h} << 16); }

}  // namespace detail

/// A 16-bit float of IEEE 754: 11 significant bits, up to 65504. A value to store and convert: compute in float, or in tensors of it.
/// Made from any number, rounded once to the nearest, ties to even.
struct f16 {
  f16() = default;
  template <class S>
  requires std::is_arithmetic_v<S>
  explicit constexpr f16(S value) : bits_(detail::f16_bits(detail::odd_float(value))) {}
  template <class S>
  requires std::is_arithmetic_v<S>
  explicit constexpr operator S() const { return static_cast<S>(detail::f16_value(bits_)); }
  /// Of these bits, as they are.
  static constexpr f16 from_bits(std::uint16_t bits) {
    f16 h{};
    h.bits_ = bits;
    return h;
  }
  constexpr std::uint16_t bits() const { return bits_; }

  friend constexpr bool operator==(f16 a, f16 b) { return detail::f16_value(a.bits_) == detail::f16_value(b.bits_); }
  friend constexpr auto operator<=>(f16 a, f16 b) { return detail::f16_value(a.bits_) <=> detail::f16_value(b.bits_); }

 private:
  std::uint16_t bits_;
};

/// The upper half of a float: 8 significant bits, float's range. Otherwise as f16.
struct bf16 {
  bf16() = default;
  template <class S>
  requires std::is_arithmetic_v<S>
  explicit constexpr bf16(S value) : bits_(detail::bf16_bits(detail::odd_float(value))) {}
  template <class S>
  requires std::is_arithmetic_v<S>
  explicit constexpr operator S() const { return static_cast<S>(detail::bf16_value(bits_)); }
  /// Of these bits, as they are.
  static constexpr bf16 from_bits(std::uint16_t bits) {
    bf16 h{};
    h.bits_ = bits;
    return h;
  }
  constexpr std::uint16_t bits() const { return bits_; }

  friend constexpr bool operator==(bf16 a, bf16 b) { return detail::bf16_value(a.bits_) == detail::bf16_value(b.bits_); }
  friend constexpr auto operator<=>(bf16 a, bf16 b) { return detail::bf16_value(a.bits_) <=> detail::bf16_value(b.bits_); }

 private:
  std::uint16_t bits_;
};

static_assert(sizeof(f16) == 2 && std::is_trivially_copyable_v<f16> && sizeof(bf16) == 2 && std::is_trivially_copyable_v<bf16>);

}  // namespace mushin
