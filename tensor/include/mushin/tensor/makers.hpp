#pragma once
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/sizes.hpp"
#include "mushin/tensor/tensor.hpp"

// Every maker takes its extents as template arguments, after an optional element type (float when left out), and the size of
// each named extent as its last arguments: `zeros<double, batch, 3>(batch = 32)`. What is made is on the default device.
namespace mushin {

/// Any number, where a 16-bit float is to be given.
struct AnyNumber {
  template <Scalar S>
  constexpr AnyNumber(S s) : value(static_cast<double>(s)) {}
  constexpr explicit operator double() const { return value; }
  double value;  ///< the number, before it is rounded to the element type
};
/// What makers take a value of element type `T` by: `T`, or any number where that is a 16-bit float.
template <class T>
using number_for = std::conditional_t<is_half_type<T>, AnyNumber, T>;

namespace detail {
/// Exact for integers.
template <class T>
using exact_for = std::conditional_t<std::integral<T>, T, double>;
}  // namespace detail

/// All elements `value`.
template <class T, extent... E, text... Names>
Tensor<T, E...> fill(number_for<T> value, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("fill");
  return Tensor<T, E...>{core::full(detail::given_sizes<E...>(given...), dtype_of<T>, static_cast<detail::exact_for<T>>(value))};
}
template <extent... E, text... Names>
auto fill(float value, SizedDim<Names>... given) {
  return fill<float, E...>(value, given...);
}

/// All zeros.
template <class T, extent... E, text... Names>
Tensor<T, E...> zeros(SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("zeros");
  return Tensor<T, E...>{core::full(detail::given_sizes<E...>(given...), dtype_of<T>, 0)};
}
template <extent... E, text... Names>
auto zeros(SizedDim<Names>... given) {
  return zeros<float, E...>(given...);
}

/// All ones.
template <class T, extent... E, text... Names>
Tensor<T, E...> ones(SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("ones");
  return Tensor<T, E...>{core::full(detail::given_sizes<E...>(given...), dtype_of<T>, 1)};
}
template <extent... E, text... Names>
auto ones(SizedDim<Names>... given) {
  return ones<float, E...>(given...);
}

/// `value` where the last two indices are equal, else 0; the same for each index of axes before them. Rank 2 or more.
template <class T, extent... E, text... Names>
Tensor<T, E...> eye(number_for<T> value, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("eye");
  static_assert(sizeof...(E) >= 2, "[eye] needs at least two axes");
  return Tensor<T, E...>{core::eye(detail::given_sizes<E...>(given...), dtype_of<T>, static_cast<detail::exact_for<T>>(value))};
}
template <extent... E, text... Names>
auto eye(float value, SizedDim<Names>... given) {
  return eye<float, E...>(value, given...);
}
template <class T, extent... E, text... Names>
auto eye(SizedDim<Names>... given) {
  return eye<T, E...>(T{1}, given...);
}
template <extent... E, text... Names>
auto eye(SizedDim<Names>... given) {
  return eye<float, E...>(1.0f, given...);
}

/// first, first + step, … along one axis. `arange<5>()` is 0 1 2 3 4.
template <class T, extent... E, text... Names>
Tensor<T, E...> arange(number_for<T> first, number_for<T> step, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("arange");
  static_assert(sizeof...(E) == 1, "[arange] makes one axis");
  const std::int64_t n = detail::given_sizes<E...>(given...)[0];
  return Tensor<T, E...>{core::ramp(n, dtype_of<T>, static_cast<detail::exact_for<T>>(first), static_cast<detail::exact_for<T>>(step))};
}
template <extent... E, text... Names>
auto arange(float first, float step, SizedDim<Names>... given) {
  return arange<float, E...>(first, step, given...);
}
template <class T, extent... E, text... Names>
auto arange(SizedDim<Names>... given) {
  return arange<T, E...>(T{0}, T{1}, given...);
}
template <extent... E, text... Names>
auto arange(SizedDim<Names>... given) {
  return arange<float, E...>(0.0f, 1.0f, given...);
}

/// Values at equal distances from `first` to `last`, both included exactly, along one axis. Float types.
template <class T, extent... E, text... Names>
Tensor<T, E...> linspace(number_for<T> first, number_for<T> last, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("linspace");
  static_assert(sizeof...(E) == 1, "[linspace] makes one axis");
  static_assert(is_float_type<T>, "[linspace] needs a float element type");
  const std::int64_t n = detail::given_sizes<E...>(given...)[0];
  return Tensor<T, E...>{core::spaced(n, dtype_of<T>, static_cast<double>(first), static_cast<double>(last))};
}
template <extent... E, text... Names>
auto linspace(float first, float last, SizedDim<Names>... given) {
  return linspace<float, E...>(first, last, given...);
}

/// Row-major values: `tensor<2, 3>({1, 2, 3, 4, 5, 6})`. A wrong number of them does not compile. Static extents.
template <class T, extent... E, std::size_t N>
Tensor<T, E...> tensor(const T (&values)[N]) {
  static_assert((E.is_static() && ...), "[tensor] the extents must be numbers: use from<...>(values) for named ones");
  constexpr std::int64_t wanted = (E.size * ... * 1);
  static_assert(!(E.is_static() && ...) || wanted == static_cast<std::int64_t>(N),
                "[tensor] the number of values must be the product of the extents");
  return Tensor<T, E...>{core::from_values({E.size...}, dtype_of<T>, values)};
}
template <extent... E, std::size_t N>
auto tensor(const float (&values)[N]) {
  return tensor<float, E...>(values);
}
/// 16-bit floats from the nearest floats.
template <class T, extent... E, std::size_t N>
requires is_half_type<T> Tensor<T, E...> tensor(const float (&values)[N]) {
  T rounded[N];
  for (std::size_t i = 0; i < N; ++i) rounded[i] = T(values[i]);
  return tensor<T, E...>(rounded);
}

/// A copy of row-major `values`, of any contiguous container or span; its element type is the tensor's. ShapeError where their
/// number isn't the product of the extents.
template <extent... E, class Values, text... Names>
requires requires(const Values& v) { v.data(), v.size(); }
auto from(const Values& values, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("from");
  using T = std::remove_cvref_t<decltype(*values.data())>;
  return Tensor<T, E...>{core::from_counted_values("from", detail::given_sizes<E...>(given...), dtype_of<T>, values.data(), values.size())};
}
/// The same from memory: `count` values at `values`.
template <extent... E, class T, text... Names>
Tensor<T, E...> from(const T* values, std::size_t count, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("from");
  return Tensor<T, E...>{core::from_counted_values("from", detail::given_sizes<E...>(given...), dtype_of<T>, values, count)};
}
/// The same from values in braces: `from<batch>({1.0f, 2.0f}, batch = 2)`.
template <extent... E, class T, text... Names>
Tensor<T, E...> from(std::initializer_list<T> values, SizedDim<Names>... given) {
  return from<E...>(values.begin(), values.size(), given...);
}
/// std::vector<bool> has no memory to copy from, so it is copied twice.
template <extent... E, text... Names>
Tensor<bool, E...> from(const std::vector<bool>& values, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("from");
  const std::vector<char> bytes(values.begin(), values.end());
  return Tensor<bool, E...>{core::from_counted_values("from", detail::given_sizes<E...>(given...), dtype::b8, bytes.data(), bytes.size())};
}

}  // namespace mushin
