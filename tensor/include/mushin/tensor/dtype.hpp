#pragma once
#include <cstddef>
#include <cstdint>

#include "mushin/tensor/export.hpp"

namespace mushin {

/// An element type at run time. The values are those of `mu_dtype` in the plugin header (DLPack's code | bits << 8 | lanes << 16).
enum class dtype : std::uint32_t {
  f32 = 2u | 32u << 8 | 1u << 16,
  f64 = 2u | 64u << 8 | 1u << 16,
  i64 = 0u | 64u << 8 | 1u << 16,
  b8 = 6u | 8u << 8 | 1u << 16,
};

/// Bytes of one element.
constexpr std::size_t bytes_of(dtype t) { return (static_cast<std::uint32_t>(t) >> 8 & 0xFFu) / 8u; }
constexpr bool is_float(dtype t) { return (static_cast<std::uint32_t>(t) & 0xFFu) == 2u; }

/// `float`, `int64`, …
MUSHIN_API const char* name_of(dtype);

template <class T>
inline constexpr bool is_element_type = false;
template <class T>
inline constexpr dtype dtype_of{};

template <>
inline constexpr bool is_element_type<float> = true;
template <>
inline constexpr bool is_element_type<double> = true;
template <>
inline constexpr bool is_element_type<std::int64_t> = true;
template <>
inline constexpr bool is_element_type<bool> = true;
template <>
inline constexpr dtype dtype_of<float> = dtype::f32;
template <>
inline constexpr dtype dtype_of<double> = dtype::f64;
template <>
inline constexpr dtype dtype_of<std::int64_t> = dtype::i64;
template <>
inline constexpr dtype dtype_of<bool> = dtype::b8;

}  // namespace mushin
