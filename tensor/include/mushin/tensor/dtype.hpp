#pragma once
#include <cstddef>
#include <cstdint>

#include "mushin/tensor/export.hpp"
#include "mushin/tensor/half.hpp"

namespace mushin {

/// An element type at run time. The values are those of `mu_dtype` in the plugin header (DLPack's code | bits << 8 | lanes << 16).
enum class dtype : std::uint32_t {
  f32 = 2u | 32u << 8 | 1u << 16,   ///< float
  f64 = 2u | 64u << 8 | 1u << 16,   ///< double
  f16 = 2u | 16u << 8 | 1u << 16,   ///< 16-bit float of IEEE 754
  bf16 = 4u | 16u << 8 | 1u << 16,  ///< the upper half of a float
  i8 = 0u | 8u << 8 | 1u << 16,     ///< signed char
  u8 = 1u | 8u << 8 | 1u << 16,     ///< unsigned char
  i32 = 0u | 32u << 8 | 1u << 16,   ///< 32-bit integer
  i64 = 0u | 64u << 8 | 1u << 16,   ///< 64-bit integer
  b8 = 6u | 8u << 8 | 1u << 16,     ///< bool
};

/// Every element type.
inline constexpr dtype all_dtypes[] = {dtype::f32, dtype::f64, dtype::f16, dtype::bf16, dtype::i8,
                                       dtype::u8,  dtype::i32, dtype::i64, dtype::b8};

/// Bytes of one element.
constexpr std::size_t bytes_of(dtype t) { return (static_cast<std::uint32_t>(t) >> 8 & 0xFFu) / 8u; }
/// f16, bf16, f32 or f64.
constexpr bool is_float(dtype t) { return (static_cast<std::uint32_t>(t) & 2u) != 0 ? t != dtype::b8 : t == dtype::bf16; }
/// An integer; bool is none.
constexpr bool is_integer(dtype t) { return (static_cast<std::uint32_t>(t) & 0xFEu) == 0 && static_cast<std::uint32_t>(t) != 0; }
/// f16 or bf16: stored in 16 bits, computed in float.
constexpr bool is_half(dtype t) { return t == dtype::f16 || t == dtype::bf16; }

/// What sums and products of such elements are made in: float for 16-bit floats, int64 for integers and bool.
constexpr dtype sum_type(dtype t) { return is_float(t) ? is_half(t) ? dtype::f32 : t : dtype::i64; }

/// `float`, `bf16`, `int64`, …
MUSHIN_API const char* name_of(dtype);

/// The dtype of an element type; dtype{} where it is none.
template <class T>
inline constexpr dtype dtype_of{};
template <>
inline constexpr dtype dtype_of<float> = dtype::f32;
template <>
inline constexpr dtype dtype_of<double> = dtype::f64;
template <>
inline constexpr dtype dtype_of<f16> = dtype::f16;
template <>
inline constexpr dtype dtype_of<bf16> = dtype::bf16;
template <>
inline constexpr dtype dtype_of<std::int8_t> = dtype::i8;
template <>
inline constexpr dtype dtype_of<std::uint8_t> = dtype::u8;
template <>
inline constexpr dtype dtype_of<std::int32_t> = dtype::i32;
template <>
inline constexpr dtype dtype_of<std::int64_t> = dtype::i64;
template <>
inline constexpr dtype dtype_of<bool> = dtype::b8;

/// Can tensors have elements of this type?
template <class T>
inline constexpr bool is_element_type = dtype_of<T> != dtype{};
/// Is it float, double, f16 or bf16?
template <class T>
inline constexpr bool is_float_type = is_float(dtype_of<T>);
/// Is it an integer that tensors can have?
template <class T>
inline constexpr bool is_integer_type = is_integer(dtype_of<T>);
/// Is it f16 or bf16?
template <class T>
inline constexpr bool is_half_type = is_half(dtype_of<T>);

}  // namespace mushin
