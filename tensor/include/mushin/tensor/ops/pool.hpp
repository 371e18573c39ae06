#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/pool.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {

/// How windows lie along the last axes of (batch, channels, sizes…): window p looks at x[p stride + k dilation - padding]. 0 beyond the
/// axes.
struct PoolWindow {
  std::uint32_t window[3], stride[3], dilation[3], padding[3];
  bool round_up;        // windows may begin inside and reach beyond the padding
  bool counts_padding;  // in means
};

/// The sizes of the result. ShapeError where the windows don't fit. In all of these, graphs keep the window, so it lives as long as the
/// program.
MUSHIN_API Sizes pool_sizes(const char* op, const Sizes& x, const PoolWindow&);
/// The greatest of each window; NaN wins. Float types.
MUSHIN_API Array max_pool(const Array& x, const PoolWindow*);
/// Each element of `dy` (of the result's sizes) added to where its window has the greatest, the first of equals.
MUSHIN_API Array max_pool_backward(const Array& x, const Array& dy, const PoolWindow*);
/// What `g` (of x's sizes) has there, for each window.
MUSHIN_API Array max_pool_take(const Array& x, const Array& g, const PoolWindow*);
/// The sum of each window by its count. Float types; f16 and bf16 in float.
MUSHIN_API Array avg_pool(const Array& x, const PoolWindow*);
/// Each element of `dy` by its window's count, added to all of its window.
MUSHIN_API Array avg_pool_backward(const Array& dy, const Sizes& x, const PoolWindow*);
/// Means over the last axes, of which `to[i]` are left of each: from begin = floor(i n / to) to ceil((i + 1) n / to).
MUSHIN_API Array adaptive_avg_pool(const Array& x, const std::int64_t* to, unsigned axes);

}  // namespace mushin::core

namespace mushin {

namespace detail {

constexpr core::PoolWindow make_pool_window(unsigned axes, PerAxis window, PerAxis stride, PerAxis padding, PerAxis dilation, bool round_up,
                                            bool counts_padding) {
  core::PoolWindow out{{}, {}, {}, {}, round_up, counts_padding};
  for (unsigned i = 0; i < axes; ++i) {
    out.window[i] = static_cast<std::uint32_t>(window[i]), out.stride[i] = static_cast<std::uint32_t>(stride[i]);
    out.dilation[i] = static_cast<std::uint32_t>(dilation[i]), out.padding[i] = static_cast<std::uint32_t>(padding[i]);
  }
  return out;
}
template <unsigned Axes, PerAxis Window, PerAxis Stride, PerAxis Padding, PerAxis Dilation, bool RoundUp, bool CountsPadding>
inline constexpr core::PoolWindow pool_window = make_pool_window(Axes, Window, Stride, Padding, Dilation, RoundUp, CountsPadding);

}  // namespace detail

#define MUSHIN_RULE_POOL(op, X)                                                                    \
  static_assert(float_elements<X>, "[" op "] needs a float element type: cast with .to<float>()"); \
  if constexpr (!rules::has_spatial_axes(X::extents))                                              \
  static_assert(window_lies_within<spell(X::extents), "">, "[" op "] x must be (batch, channels, 1 to 3 axes)")
#define MUSHIN_RULE_WINDOW(op, X, Dilation)                                                                                              \
  MUSHIN_RULE_POOL(op, X);                                                                                                               \
  static_assert(rules::between(Window, 1) && rules::between(Stride, 1) && rules::between(Dilation, 1) && rules::between(Padding, 0),     \
                "[" op "] windows, strides and dilations must be positive, paddings not negative");                                      \
  static_assert(rules::fits_axes(X::extents, Window) && rules::fits_axes(X::extents, Stride) && rules::fits_axes(X::extents, Padding) && \
                    rules::fits_axes(X::extents, Dilation),                                                                              \
                "[" op "] give one number for all axes, or one for each spatial axis of x");                                             \
  static_assert(rules::pool_padding_fits(X::extents, Window, Padding, Dilation),                                                         \
                "[" op "] the padding must be at most half of the window");                                                              \
  if constexpr (!rules::pool_fits(X::extents, Window, Padding, Dilation))                                                                \
  static_assert(window_lies_within<spell(X::extents), "">, "[" op "] the window must not be greater than x with its padding")

/// The greatest of each window, over 1 to 3 axes. x: (batch, channels, sizes…) -> (batch, channels, …) of (size + 2 Padding - Dilation
/// (Window - 1) - 1) / Stride + 1 elements, rounded down, or up under `CeilMode`. NaN wins. Float types. Each template value is a number
/// for all axes, or PerAxis{2, 1}. Gradient: each cotangent to where its window has the greatest, the first of equals. ShapeError where
/// sizes that only the run knows don't fit.
template <PerAxis Window, PerAxis Stride = Window, PerAxis Padding = 0, PerAxis Dilation = 1, bool CeilMode = false, TensorLike X>
auto max_pool(const X& x) {
  MUSHIN_RULE_WINDOW("max_pool", X, Dilation);
  constexpr unsigned axes = rules::spatial_axes(X::extents);
  using core::max_pool;
  return detail::made<typename X::element, rules::pool(X::extents, Window, Stride, Padding, Dilation, CeilMode)>(
      max_pool(x.raw(), &detail::pool_window<axes, Window, Stride, Padding, Dilation, CeilMode, false>));
}

/// The mean of each window, over 1 to 3 axes: of all it holds, with 0 outside of x, or under CountIncludePad = false of what is inside.
/// Shapes, template values and errors as of max_pool. Float types; f16 and bf16 in float. Gradient: to each window its part.
template <PerAxis Window, PerAxis Stride = Window, PerAxis Padding = 0, bool CeilMode = false, bool CountIncludePad = true, TensorLike X>
auto avg_pool(const X& x) {
  constexpr PerAxis one = 1;
  MUSHIN_RULE_WINDOW("avg_pool", X, one);
  constexpr unsigned axes = rules::spatial_axes(X::extents);
  using core::avg_pool;
  return detail::made<typename X::element, rules::pool(X::extents, Window, Stride, Padding, one, CeilMode)>(
      avg_pool(x.raw(), &detail::pool_window<axes, Window, Stride, Padding, one, CeilMode, CountIncludePad>));
}

/// Means that leave `To` elements of each of the 1 to 3 last axes: element i from floor(i n / To) to ceil((i + 1) n / To), as PyTorch.
/// x: (batch, channels, sizes…) -> (batch, channels, To…). Float types; f16 and bf16 in float. Gradient: to each mean its part.
template <PerAxis To, TensorLike X>
auto adaptive_avg_pool(const X& x) {
  MUSHIN_RULE_POOL("adaptive_avg_pool", X);
  static_assert(rules::between(To, 1), "[adaptive_avg_pool] one element at least must be left");
  static_assert(rules::fits_axes(X::extents, To), "[adaptive_avg_pool] give one number for all axes, or one for each spatial axis of x");
  static constexpr PerAxis to = To;
  using core::adaptive_avg_pool;
  return detail::made<typename X::element, rules::adaptive_pool(X::extents, To)>(
      adaptive_avg_pool(x.raw(), to.at, rules::spatial_axes(X::extents)));
}

#undef MUSHIN_RULE_WINDOW
#undef MUSHIN_RULE_POOL

}  // namespace mushin
