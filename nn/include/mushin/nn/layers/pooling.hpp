#pragma once
#include "mushin/nn/observe.hpp"

namespace mushin::nn {

#define MUSHIN_NN_RULE_FOUR_AXES(op, X) static_assert(X::extents.rank == 4, "[" op "] x must be (batch, channels, height, width)")

/// mu::max_pool over the last two axes of (batch, channels, height, width). Template values: a number for both, or PerAxis{height, width}.
template <PerAxis Window, PerAxis Stride = Window, PerAxis Padding = 0, PerAxis Dilation = 1, bool CeilMode = false>
struct MaxPool2d {
  template <TensorLike X>
  static constexpr bool accepts = X::extents.rank == 4 && rules::pool_fits(X::extents, Window, Padding, Dilation);

  template <TensorLike X>
  auto operator()(const X& x) const {
    MUSHIN_NN_RULE_FOUR_AXES("MaxPool2d", X);
    return observed(*this, max_pool<Window, Stride, Padding, Dilation, CeilMode>(x), x);
  }
  static constexpr std::int64_t flops(Shape x) {
    return detail::elements(rules::pool(x, Window, Stride, Padding, Dilation, CeilMode)) * Window[0] * Window[1];
  }
};

/// mu::avg_pool over the last two axes of (batch, channels, height, width).
template <PerAxis Window, PerAxis Stride = Window, PerAxis Padding = 0, bool CeilMode = false, bool CountIncludePad = true>
struct AvgPool2d {
  template <TensorLike X>
  static constexpr bool accepts = X::extents.rank == 4 && rules::pool_fits(X::extents, Window, Padding, 1);

  template <TensorLike X>
  auto operator()(const X& x) const {
    MUSHIN_NN_RULE_FOUR_AXES("AvgPool2d", X);
    return observed(*this, avg_pool<Window, Stride, Padding, CeilMode, CountIncludePad>(x), x);
  }
  static constexpr std::int64_t flops(Shape x) {
    return detail::elements(rules::pool(x, Window, Stride, Padding, 1, CeilMode)) * Window[0] * Window[1];
  }
};

/// mu::adaptive_avg_pool of the last two axes of (batch, channels, height, width): `To` elements of each are left.
template <PerAxis To>
struct AdaptiveAvgPool2d {
  template <TensorLike X>
  static constexpr bool accepts = X::extents.rank == 4;

  template <TensorLike X>
  auto operator()(const X& x) const {
    MUSHIN_NN_RULE_FOUR_AXES("AdaptiveAvgPool2d", X);
    return observed(*this, adaptive_avg_pool<To>(x), x);
  }
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
};

#undef MUSHIN_NN_RULE_FOUR_AXES

}  // namespace mushin::nn
