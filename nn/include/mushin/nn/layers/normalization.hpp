#pragma once
#include <limits>

#include "mushin/nn/module.hpp"
#include "mushin/nn/observe.hpp"

namespace mushin::nn {

// The operations that nn::summary counts for an element: mean, difference, square, its mean, division, scale, shift.

// What a compile error shows below its sentence: the layer's extents, and those of what it was given.
template <text Layer, text X>
inline constexpr bool channels_match = false;

namespace detail {

/// (x - mean) / sqrt(variance + eps) over all that belongs to each of the groups of channels; axis 1 is theirs.
MUSHIN_API core::Array standardize_groups(const core::Array& x, std::int64_t groups, double eps);
MUSHIN_API core::Traced standardize_groups(const core::Traced& x, std::int64_t groups, double eps);
/// x * weight + bias, one of each for each channel.
MUSHIN_API core::Array scale_channels(const core::Array& x, const core::Array& weight, const core::Array& bias);
MUSHIN_API core::Traced scale_channels(const core::Traced& x, const core::Traced& weight, const core::Traced& bias);

/// Of a batch normalisation.
struct Running {
  core::Leaf mean, variance, batches;
  double momentum, eps;
};
/// Scaled by weight and bias, with the statistics of the batch, which go into the running ones. ShapeError when there is one value for each
/// channel alone.
MUSHIN_API core::Array batch_norm_training(const core::Array& x, const core::Array& weight, const core::Array& bias, Running);
MUSHIN_API core::Traced batch_norm_training(const core::Traced& x, const core::Traced& weight, const core::Traced& bias, Running);
/// With the running statistics.
MUSHIN_API core::Array batch_norm_running(const core::Array& x, const Running&);
MUSHIN_API core::Traced batch_norm_running(const core::Traced& x, const Running&);

/// (batch, channels, …), `Rank` axes at least and `Most` at most.
template <class X, unsigned Least, unsigned Most>
constexpr bool has_channels(extent channels) {
  return X::extents.rank >= Least && X::extents.rank <= Most && may_equal(X::extents[1], channels);
}

}  // namespace detail

#define MUSHIN_NN_RULE_CHANNELS(op, least, most, Channels, X, rank_rule)         \
  if constexpr (!detail::has_channels<X, least, most>(Channels))                 \
    static_assert(channels_match<spell(Shape{Channels}), spell(X::extents)>,     \
                  "[" op "] x must be " rank_rule " with the layer's channels"); \
  static_assert(std::same_as<typename X::element, T>, "[" op "] x must have the layer's element type: cast with .to<T>()")

/// mu::layer_norm over the last axes, of extents `E...`. weight (ones) and bias (zeros) have these extents.
template <extent... E>
struct LayerNorm {
  static_assert(sizeof...(E) > 0 && (E.is_static() && ...), "[LayerNorm] its extents must be numbers, one at least");
  using T = float;

  Variable<T, E...> weight{ones<T, E...>()};
  Variable<T, E...> bias{zeros<T, E...>()};
  double eps = 1e-5;

  template <TensorLike X>
  static constexpr bool accepts = rules::ends_with(X::extents, Shape{E...});

  template <TensorLike X>
  auto operator()(const X& x) const {
    return observed(*this, layer_norm(x, weight, bias, eps), x);
  }
  static constexpr std::int64_t flops(Shape x) { return 7 * detail::elements(x); }
  MUSHIN_MODULE(LayerNorm, weight, bias, eps)
};

/// mu::rms_norm over the last axes, of extents `E...`. weight: ones.
template <extent... E>
struct RMSNorm {
  static_assert(sizeof...(E) > 0 && (E.is_static() && ...), "[RMSNorm] its extents must be numbers, one at least");
  using T = float;

  Variable<T, E...> weight{ones<T, E...>()};
  double eps = std::numeric_limits<T>::epsilon();

  template <TensorLike X>
  static constexpr bool accepts = rules::ends_with(X::extents, Shape{E...});

  template <TensorLike X>
  auto operator()(const X& x) const {
    if constexpr (!accepts<X>)
      static_assert(channels_match<spell(Shape{E...}), spell(X::extents)>, "[RMSNorm] the last extents of x must be the layer's");
    static_assert(std::same_as<typename X::element, T>, "[RMSNorm] x must have the layer's element type: cast with .to<T>()");
    return observed(*this, rms_norm(x, weight, eps), x);
  }
  static constexpr std::int64_t flops(Shape x) { return 4 * detail::elements(x); }
  MUSHIN_MODULE(RMSNorm, weight, eps)
};

/// Standardised over each sample's groups of Channels / Groups channels, then scaled: x * weight + bias. x: (batch, Channels, …).
/// weight (ones) and bias (zeros): (Channels). https://arxiv.org/abs/1803.08494
template <std::int64_t Groups, extent Channels, class T = float>
struct GroupNorm {
  static_assert(Channels.is_static() && Groups > 0 && Channels.size % Groups == 0, "[GroupNorm] Channels must be a multiple of Groups");

  Variable<T, Channels> weight{ones<T, Channels>()};
  Variable<T, Channels> bias{zeros<T, Channels>()};
  double eps = 1e-5;

  template <TensorLike X>
  static constexpr bool accepts = detail::has_channels<X, 2, max_rank>(Channels);

  template <TensorLike X>
  auto operator()(const X& x) const {
    MUSHIN_NN_RULE_CHANNELS("GroupNorm", 2, max_rank, Channels, X, "(batch, channels, …)");
    const auto standard = detail::standardize_groups(x.raw(), Groups, eps);
    return observed(*this, mushin::detail::made<T, X::extents>(detail::scale_channels(standard, weight.raw(), bias.raw())), x);
  }
  static constexpr std::int64_t flops(Shape x) { return 7 * detail::elements(x); }
  MUSHIN_MODULE(GroupNorm, weight, bias, eps)
};

/// Standardised over the last two axes: each channel of each sample by itself. x: (batch, Channels, height, width). No parameters, as
/// PyTorch's. https://arxiv.org/abs/1607.08022
template <extent Channels, class T = float>
struct InstanceNorm2d {
  double eps = 1e-5;

  template <TensorLike X>
  static constexpr bool accepts = detail::has_channels<X, 4, 4>(Channels);

  template <TensorLike X>
  auto operator()(const X& x) const {
    MUSHIN_NN_RULE_CHANNELS("InstanceNorm2d", 4, 4, Channels, X, "(batch, channels, height, width)");
    return observed(*this, mushin::detail::like<X>(detail::standardize_groups(x.raw(), x.raw().sizes()[1], eps)), x);
  }
  static constexpr std::int64_t flops(Shape x) { return 5 * detail::elements(x); }
};

#define MUSHIN_NN_BATCH_NORM(Name, least, most, rank_rule)                                                                                 \
  template <extent Channels, class T = float>                                                                                              \
  struct Name {                                                                                                                            \
    static_assert(Channels.is_static(), "[" #Name "] Channels must be a number");                                                          \
                                                                                                                                           \
    Variable<T, Channels> weight{ones<T, Channels>()};                                                                                     \
    Variable<T, Channels> bias{zeros<T, Channels>()};                                                                                      \
    Buffer<T, Channels> running_mean{zeros<T, Channels>()};                                                                                \
    Buffer<T, Channels> running_var{ones<T, Channels>()};                                                                                  \
    Buffer<std::int64_t> num_batches_tracked{fill<std::int64_t>(0)};                                                                       \
    double eps = 1e-5;                                                                                                                     \
    double momentum = 0.1;                                                                                                                 \
    bool training = true;                                                                                                                  \
                                                                                                                                           \
    template <TensorLike X>                                                                                                                \
    static constexpr bool accepts = detail::has_channels<X, least, most>(Channels);                                                        \
                                                                                                                                           \
    template <TensorLike X>                                                                                                                \
    auto operator()(const X& x) const {                                                                                                    \
      MUSHIN_NN_RULE_CHANNELS(#Name, least, most, Channels, X, rank_rule);                                                                 \
      detail::Running running{running_mean.leaf().alias(), running_var.leaf().alias(), num_batches_tracked.leaf().alias(), momentum, eps}; \
      auto y = training ? detail::batch_norm_training(x.raw(), weight.raw(), bias.raw(), std::move(running))                               \
                        : detail::scale_channels(detail::batch_norm_running(x.raw(), running), weight.raw(), bias.raw());                  \
      return observed(*this, mushin::detail::made<T, X::extents>(std::move(y)), x);                                                        \
    }                                                                                                                                      \
    static constexpr std::int64_t flops(Shape x) { return 7 * detail::elements(x); }                                                       \
    MUSHIN_MODULE(Name, weight, bias, running_mean, running_var, num_batches_tracked, eps, momentum, training)                             \
  }

/// Each channel standardised, then scaled: x * weight + bias. While training with the mean and variance of the batch, of which a share
/// `momentum` goes into the running ones (the variance divided by n - 1 there); after nn::eval(net) with the running ones. x: (batch,
/// Channels) or (batch, Channels, length). Gradient: through the batch's statistics while training. ShapeError when a training batch has
/// one value for each channel. https://arxiv.org/abs/1502.03167
MUSHIN_NN_BATCH_NORM(BatchNorm1d, 2, 3, "(batch, channels) or (batch, channels, length)");
/// The same for x: (batch, Channels, height, width).
MUSHIN_NN_BATCH_NORM(BatchNorm2d, 4, 4, "(batch, channels, height, width)");

#undef MUSHIN_NN_BATCH_NORM
#undef MUSHIN_NN_RULE_CHANNELS

}  // namespace mushin::nn
