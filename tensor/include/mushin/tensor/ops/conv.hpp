#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/run_time_checks.hpp"
#include "mushin/tensor/shape_rules/conv.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {

/// How a kernel lies along the last axes: output p reads x[p stride + k dilation - before]. 0 beyond the axes.
struct ConvWindow {
  std::uint32_t stride[3], dilation[3], before[3];
};

/// The sum over b, o, c, p, k of dy[b, o, p] w[o, c, k] x[b, group(o) channels / groups + c, p stride + k dilation - before] is linear in
/// each of the three. Its gradient with respect to one of them is an op on the other two:
enum class ConvKind : std::uint32_t {
  forward,  // x, w -> y: a convolution
  data,     // dy, w -> dx: a transposed convolution
  weights,  // x, dy -> dw
};

/// That op. `to`: the sizes of the result, which leave open how much of x lies behind the last window. `bias`: one value for each channel
/// that is added to the result, or empty; not for weights. `window`: kept by graphs, so it lives as long as the program. Float types, all
/// the same; f16 and bf16 are multiplied and summed in float. ShapeError where sizes don't fit.
MUSHIN_API Array conv(ConvKind, const Array& a, const Array& b, const Array& bias, const Sizes& to, const ConvWindow* window,
                      std::int64_t groups);

/// The sizes of a convolution with as much padding behind as `before`. ShapeError where it isn't one.
MUSHIN_API Sizes conv_sizes(const Sizes& x, const Sizes& w, const ConvWindow&, std::int64_t groups);
/// The same of a transposed one that has `more` elements behind.
MUSHIN_API Sizes conv_transpose_sizes(const Sizes& x, const Sizes& w, const ConvWindow&, const std::uint32_t* more, std::int64_t groups);

}  // namespace mushin::core

namespace mushin {

namespace detail {

template <PerAxis Stride, PerAxis Padding, PerAxis Dilation>
constexpr core::ConvWindow make_conv_window(unsigned axes) {
  core::ConvWindow out{};
  for (unsigned i = 0; i < axes; ++i) {
    out.stride[i] = static_cast<std::uint32_t>(Stride[i]);
    out.dilation[i] = static_cast<std::uint32_t>(Dilation[i]);
    out.before[i] = static_cast<std::uint32_t>(Padding[i]);
  }
  return out;
}
template <unsigned Axes, PerAxis Stride, PerAxis Padding, PerAxis Dilation>
inline constexpr core::ConvWindow conv_window = make_conv_window<Stride, Padding, Dilation>(Axes);
template <PerAxis More>
inline constexpr std::uint32_t conv_more[3] = {static_cast<std::uint32_t>(More[0]), static_cast<std::uint32_t>(More[1]),
                                               static_cast<std::uint32_t>(More[2])};

inline core::Array bias_or_none() { return {}; }
template <class B>
const auto& bias_or_none(const B& bias) {
  return bias.raw();
}

/// A name that both operands have is of one size.
template <class X, class W>
void check_conv_names(const char* op, const X& x, const W& w) {
  constexpr rules::NamePairs names = rules::shared_names(X::extents, W::extents);
  if constexpr (names.count != 0) core::check_named(op, x.shape(), w.shape(), names);
}

}  // namespace detail

#define MUSHIN_RULE_CONV(op, X, W, B, Groups, outputs)                                                                                   \
  static_assert(float_elements<X>, "[" op "] needs a float element type: cast with .to<float>()");                                       \
  static_assert(same_element_type<X, W> && (same_element_type<X, B> && ...),                                                             \
                "[" op "] all tensors must have the same element type: cast with .to<T>()");                                             \
  static_assert(sizeof...(B) <= 1, "[" op "] one bias at most");                                                                         \
  if constexpr (!rules::conv_has_axes(X::extents, W::extents))                                                                           \
    static_assert(window_lies_within<spell(X::extents), spell(W::extents)>,                                                              \
                  "[" op "] x must be (batch, channels, 1 to 3 axes), and the weights must have its rank");                              \
  static_assert(rules::between(Stride, 1) && rules::between(Dilation, 1) && rules::between(Padding, 0),                                  \
                "[" op "] strides and dilations must be positive, paddings not negative");                                               \
  static_assert(rules::fits_axes(X::extents, Stride) && rules::fits_axes(X::extents, Padding) && rules::fits_axes(X::extents, Dilation), \
                "[" op "] give one number for all axes, or one for each spatial axis of x");                                             \
  static_assert(((B::extents.rank == 1 && may_equal(B::extents[0], outputs)) && ...),                                                    \
                "[" op "] the bias must have one value for each output")

/// Cross-correlation over 1 to 3 axes, as PyTorch's conv1d to conv3d. x: (batch, channels, sizes…), w: (outputs, channels / Groups,
/// kernel…), bias: (outputs), may be left out -> (batch, outputs, …) of (size + 2 Padding - Dilation (kernel - 1) - 1) / Stride + 1
/// elements, rounded down. x counts as 0 outside. Each template value is a number for all axes, or PerAxis{2, 1}. Float types, all the
/// same; f16 and bf16 are multiplied and summed in float. Gradient: to all three, of any order. ShapeError where extents that only the run
/// knows don't fit.
template <PerAxis Stride = 1, PerAxis Padding = 0, PerAxis Dilation = 1, std::int64_t Groups = 1, TensorLike X, TensorLike W,
          TensorLike... B>
auto conv(const X& x, const W& w, const B&... bias) {
  MUSHIN_RULE_CONV("conv", X, W, B, Groups, W::extents[0]);
  if constexpr (!rules::conv_groups_divide(X::extents, W::extents, Groups))
    static_assert(channels_fit<spell(X::extents), spell(W::extents)>, "[conv] the groups must divide the channels of x and the outputs");
  else if constexpr (!rules::conv_channels_match(X::extents, W::extents, Groups))
    static_assert(channels_fit<spell(X::extents), spell(W::extents)>,
                  "[conv] the weights must be (outputs, channels / groups, kernel) with the channels of x");
  if constexpr (!rules::conv_kernel_fits(X::extents, W::extents, Padding, Dilation))
    static_assert(window_lies_within<spell(X::extents), spell(W::extents)>,
                  "[conv] the kernel must have an element, and not be greater than x with its padding");
  detail::check_conv_names("conv", x, w);
  constexpr const core::ConvWindow& window = detail::conv_window<rules::spatial_axes(X::extents), Stride, Padding, Dilation>;
  using core::conv;
  return detail::made<typename X::element, rules::conv(X::extents, W::extents, Stride, Padding, Dilation)>(
      conv(core::ConvKind::forward, x.raw(), w.raw(), detail::bias_or_none(bias...), core::conv_sizes(x.shape(), w.shape(), window, Groups),
           &window, Groups));
}

/// What takes the result of a convolution of these numbers to what it was given, as its gradient does (PyTorch's conv_transpose1d to 3d).
/// x: (batch, inputs, sizes…), w: (inputs, outputs / Groups, kernel…), bias: (outputs), may be left out -> (batch, outputs, …) of
/// (size - 1) Stride - 2 Padding + Dilation (kernel - 1) + 1 + OutputPadding elements; the last of these say which of the sizes that
/// Stride leaves open is meant. Element types, gradient and errors as of conv.
template <PerAxis Stride = 1, PerAxis Padding = 0, PerAxis OutputPadding = 0, std::int64_t Groups = 1, PerAxis Dilation = 1, TensorLike X,
          TensorLike W, TensorLike... B>
auto conv_transpose(const X& x, const W& w, const B&... bias) {
  MUSHIN_RULE_CONV("conv_transpose", X, W, B, Groups, rules::times(W::extents[1], Groups));
  static_assert(rules::fits_axes(X::extents, OutputPadding) && rules::conv_transpose_more_fits(X::extents, OutputPadding, Stride, Dilation),
                "[conv_transpose] the output padding must be less than the stride or the dilation, and not negative");
  static_assert(rules::divides(Groups, W::extents[0]), "[conv_transpose] the groups must divide the channels of x");
  if constexpr (!rules::conv_transpose_channels_match(X::extents, W::extents))
    static_assert(channels_fit<spell(X::extents), spell(W::extents)>,
                  "[conv_transpose] the weights must be (inputs, outputs / groups, kernel) with the channels of x");
  if constexpr (!rules::conv_transpose_fits(X::extents, W::extents, Stride, Padding, OutputPadding, Dilation))
    static_assert(window_lies_within<spell(X::extents), spell(W::extents)>,
                  "[conv_transpose] the kernel must have an element, and the padding must leave something of the result");
  detail::check_conv_names("conv_transpose", x, w);
  constexpr const core::ConvWindow& window = detail::conv_window<rules::spatial_axes(X::extents), Stride, Padding, Dilation>;
  using core::conv;
  return detail::made<typename X::element, rules::conv_transpose(X::extents, W::extents, Stride, Padding, OutputPadding, Dilation, Groups)>(
      conv(core::ConvKind::data, x.raw(), w.raw(), detail::bias_or_none(bias...),
           core::conv_transpose_sizes(x.shape(), w.shape(), window, detail::conv_more<OutputPadding>, Groups), &window, Groups));
}

#undef MUSHIN_RULE_CONV

}  // namespace mushin
