#pragma once
#include "mushin/nn/autocast.hpp"
#include "mushin/nn/layers/first_values.hpp"
#include "mushin/nn/module.hpp"
#include "mushin/nn/observe.hpp"

namespace mushin::nn {

// What a compile error shows below its sentence: the layer's channels, and the shape of what it was given.
template <text Layer, text X>
inline constexpr bool image_channels_match = false;
template <text Kernels, text X>
inline constexpr bool kernel_fits = false;

namespace detail {

/// The bias of a layer that has one, else nothing: a plain value without parameters.
struct NoBias {};
template <bool Has, class T, extent Out>
using Bias = std::conditional_t<Has, Variable<T, Out>, NoBias>;

/// First values of a weight or bias, uniform in ±1/sqrt(inputs).
template <class V>
V first_values(std::int64_t inputs) {
  if constexpr (std::is_same_v<V, NoBias>)
    return {};
  else
    return V{[inputs]<class T, extent... E>(const Variable<T, E...>*) {
      return Tensor<T, E...>{uniform({E.size...}, dtype_of<T>, kaiming_bound(inputs))};
    }(static_cast<const V*>(nullptr))};
}

/// The elements of a kernel over that many axes.
constexpr std::int64_t elements(PerAxis kernel, unsigned axes) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < axes; ++i) n *= kernel[i];
  return n;
}
template <class... N>
constexpr bool are_per_axis(unsigned axes, N... n) {
  return ((n.count == 1 || n.count == axes) && ...);
}
constexpr bool groups_divide(extent in, extent out, std::int64_t groups) {
  return groups > 0 && in.size % groups == 0 && out.size % groups == 0;
}
/// Of channels whose groups may not divide them, as long as that is refused.
constexpr std::int64_t per_group(extent channels, std::int64_t groups) { return groups > 0 ? channels.size / groups : 1; }

/// (batch, channels, `axes` more).
template <class X>
constexpr bool is_image(unsigned axes, extent channels) {
  return X::extents.rank == axes + 2 && may_equal(X::extents[1], channels);
}

/// What core::conv is told beside its operands.
struct ConvHow {
  core::ConvKind kind;
  core::Sizes to;
  const core::ConvWindow* window;
  std::int64_t groups;
};
template <class X, class W, class B>
auto narrow_conv(const ConvHow& how, const X& x, const W& w, const B& bias, dtype type) {
  using core::cast, core::conv, core::add, core::reshape;
  const auto sums =
      cast(conv(how.kind, cast(x.raw(), type), cast(w.raw(), type), core::Array(), how.to, how.window, how.groups), dtype::f32);
  if constexpr (std::is_same_v<B, NoBias>) {
    return sums;
  } else {
    core::Sizes along{how.to[1]};
    while (along.rank + 1 < how.to.rank) along.push(1);
    return add(sums, reshape(bias.raw(), along));
  }
}

/// conv with a bias or none; of float tensors under autocast in its type, the sums as float again and the bias added in float.
template <PerAxis Stride, PerAxis Padding, PerAxis Dilation, std::int64_t Groups, class X, class W, class B>
auto convolution(const X& x, const W& w, const B& bias) {
  const auto wide = [&] {
    if constexpr (std::is_same_v<B, NoBias>)
      return conv<Stride, Padding, Dilation, Groups>(x, w);
    else
      return conv<Stride, Padding, Dilation, Groups>(x, w, bias);
  };
  if constexpr (std::same_as<typename X::element, float>)
    if (const dtype type = product_type(); type != dtype::f32) {
      mushin::detail::check_conv_names("conv", x, w);
      constexpr const core::ConvWindow& window = mushin::detail::conv_window<X::extents.rank - 2, Stride, Padding, Dilation>;
      const ConvHow how{core::ConvKind::forward, core::conv_sizes(x.shape(), w.shape(), window, Groups), &window, Groups};
      return decltype(wide()){narrow_conv(how, x, w, bias, type)};
    }
  return wide();
}
/// The same of conv_transpose.
template <PerAxis Stride, PerAxis Padding, PerAxis OutputPadding, std::int64_t Groups, PerAxis Dilation, class X, class W, class B>
auto transposed_convolution(const X& x, const W& w, const B& bias) {
  const auto wide = [&] {
    if constexpr (std::is_same_v<B, NoBias>)
      return conv_transpose<Stride, Padding, OutputPadding, Groups, Dilation>(x, w);
    else
      return conv_transpose<Stride, Padding, OutputPadding, Groups, Dilation>(x, w, bias);
  };
  if constexpr (std::same_as<typename X::element, float>)
    if (const dtype type = product_type(); type != dtype::f32) {
      mushin::detail::check_conv_names("conv_transpose", x, w);
      constexpr const core::ConvWindow& window = mushin::detail::conv_window<X::extents.rank - 2, Stride, Padding, Dilation>;
      constexpr const auto& more = mushin::detail::conv_more<OutputPadding>;
      const ConvHow how{core::ConvKind::data, core::conv_transpose_sizes(x.shape(), w.shape(), window, more, Groups), &window, Groups};
      return decltype(wide()){narrow_conv(how, x, w, bias, type)};
    }
  return wide();
}

}  // namespace detail

#define MUSHIN_NN_RULE_IMAGE(op, axes, In, Out, X, form, fits, rule)                 \
  if constexpr (!detail::is_image<X>(axes, In))                                      \
    static_assert(image_channels_match<spell(Shape{In, Out}), spell(X::extents)>,    \
                  "[" op "] x must be " form " with the layer's In channels");       \
  else if constexpr (!(fits))                                                        \
    static_assert(kernel_fits<spell(kernels), spell(X::extents)>, "[" op "] " rule); \
  static_assert(std::same_as<typename X::element, T>, "[" op "] x must have the layer's element type: cast with .to<T>()")

#define MUSHIN_NN_RULE_CONV(op, axes, In, Out, Groups, ...)                                                                          \
  static_assert(In.is_static() && Out.is_static(), "[" op "] In and Out must be numbers");                                           \
  static_assert(detail::groups_divide(In, Out, Groups), "[" op "] Groups must divide In and Out");                                   \
  static_assert(detail::are_per_axis(axes, Kernel, Stride, Padding, Dilation __VA_OPT__(, ) __VA_ARGS__),                            \
                "[" op "] give one number for all axes, or one for each");                                                           \
  static_assert(rules::between(Kernel, 1) && rules::between(Stride, 1) && rules::between(Dilation, 1) && rules::between(Padding, 0), \
                "[" op "] kernels, strides and dilations must be positive, paddings not negative")

#define MUSHIN_NN_CONV(Name, axes, form, ...)                                                                                              \
  template <extent In, extent Out, PerAxis Kernel, PerAxis Stride = 1, PerAxis Padding = 0, PerAxis Dilation = 1, std::int64_t Groups = 1, \
            bool Bias = true, class T = float>                                                                                             \
  struct Name {                                                                                                                            \
    MUSHIN_NN_RULE_CONV(#Name, axes, In, Out, Groups);                                                                                     \
    static constexpr std::int64_t inputs = detail::per_group(In, Groups) * detail::elements(Kernel, axes);                                 \
    static constexpr Shape kernels{Out, detail::per_group(In, Groups), __VA_ARGS__};                                                       \
                                                                                                                                           \
    Variable<T, Out, detail::per_group(In, Groups), __VA_ARGS__> weight =                                                                  \
        detail::first_values<Variable<T, Out, detail::per_group(In, Groups), __VA_ARGS__>>(inputs);                                        \
    detail::Bias<Bias, T, Out> bias = detail::first_values<detail::Bias<Bias, T, Out>>(inputs);                                            \
                                                                                                                                           \
    template <TensorLike X>                                                                                                                \
    static constexpr bool accepts = detail::is_image<X>(axes, In) && rules::conv_kernel_fits(X::extents, kernels, Padding, Dilation);      \
                                                                                                                                           \
    template <TensorLike X>                                                                                                                \
    auto operator()(const X& x) const {                                                                                                    \
      MUSHIN_NN_RULE_IMAGE(#Name, axes, In, Out, X, form, rules::conv_kernel_fits(X::extents, kernels, Padding, Dilation),                 \
                           "the kernel must not be greater than x with its padding");                                                      \
      return observed(*this, detail::convolution<Stride, Padding, Dilation, Groups>(x, weight, bias), x);                                  \
    }                                                                                                                                      \
    static constexpr std::int64_t flops(Shape x) {                                                                                         \
      return detail::elements(rules::conv(x, kernels, Stride, Padding, Dilation)) * 2 * inputs;                                            \
    }                                                                                                                                      \
    MUSHIN_MODULE(Name, weight, bias)                                                                                                      \
  }

/// mu::conv. x: (batch, In, length) -> (batch, Out, …). weight: (Out, In / Groups, Kernel), bias: (Out) unless `Bias` is false, both
/// uniform in ±1/sqrt(In / Groups * Kernel) as PyTorch begins. Kernel and the other template values: a number.
MUSHIN_NN_CONV(Conv1d, 1u, "(batch, channels, length)", Kernel[0]);
/// The same for x: (batch, In, height, width). Template values: a number for both axes, or PerAxis{height, width}.
MUSHIN_NN_CONV(Conv2d, 2u, "(batch, channels, height, width)", Kernel[0], Kernel[1]);
/// The same for x: (batch, In, depth, height, width).
MUSHIN_NN_CONV(Conv3d, 3u, "(batch, channels, depth, height, width)", Kernel[0], Kernel[1], Kernel[2]);

#undef MUSHIN_NN_CONV

/// mu::conv_transpose. x: (batch, In, height, width) -> (batch, Out, …). weight: (In, Out / Groups, Kernel…), bias: (Out) unless `Bias` is
/// false, both uniform in ±1/sqrt(Out / Groups * elements of the kernel) as PyTorch begins.
template <extent In, extent Out, PerAxis Kernel, PerAxis Stride = 1, PerAxis Padding = 0, PerAxis OutputPadding = 0,
          std::int64_t Groups = 1, bool Bias = true, PerAxis Dilation = 1, class T = float>
struct ConvTranspose2d {
  MUSHIN_NN_RULE_CONV("ConvTranspose2d", 2u, In, Out, Groups, OutputPadding);
  static constexpr Shape kernels{In, detail::per_group(Out, Groups), Kernel[0], Kernel[1]};  ///< the extents of weight
  static_assert(rules::conv_transpose_more_fits(kernels, OutputPadding, Stride, Dilation),
                "[ConvTranspose2d] the output padding must be less than the stride or the dilation, and not negative");
  /// How many values each one of the result is the sum of: what the first weights are scaled by.
  static constexpr std::int64_t inputs = detail::per_group(Out, Groups) * detail::elements(Kernel, 2);

  Variable<T, In, detail::per_group(Out, Groups), Kernel[0], Kernel[1]> weight =
      detail::first_values<Variable<T, In, detail::per_group(Out, Groups), Kernel[0], Kernel[1]>>(inputs);
  detail::Bias<Bias, T, Out> bias = detail::first_values<detail::Bias<Bias, T, Out>>(inputs);

  template <TensorLike X>
  static constexpr bool leaves_something =  ///< of each axis of the result, when an X goes in
      rules::conv_transpose_fits(X::extents, kernels, Stride, Padding, OutputPadding, Dilation);
  template <TensorLike X>
  static constexpr bool accepts = detail::is_image<X>(2, In) && leaves_something<X>;

  template <TensorLike X>
  auto operator()(const X& x) const {
    MUSHIN_NN_RULE_IMAGE("ConvTranspose2d", 2u, In, Out, X, "(batch, channels, height, width)", leaves_something<X>,
                         "the padding must leave something of the result");
    return observed(*this, detail::transposed_convolution<Stride, Padding, OutputPadding, Groups, Dilation>(x, weight, bias), x);
  }
  static constexpr std::int64_t flops(Shape x) { return 2 * detail::elements(x) * inputs; }
  MUSHIN_MODULE(ConvTranspose2d, weight, bias)
};

#undef MUSHIN_NN_RULE_CONV
#undef MUSHIN_NN_RULE_IMAGE

}  // namespace mushin::nn
