#pragma once
#include "mushin/nn/observe.hpp"

// Activations as functions, and as layers for Sequential. Shape and element type of x; float types.
namespace mushin::nn {

using mushin::log_softmax;
using mushin::relu;
using mushin::sigmoid;
using mushin::softmax;
using mushin::tanh;

/// How gelu weighs its input: by the normal distribution's function (`exact`), or by its approximation with `tanh`.
enum class GeluForm : unsigned char { exact, tanh };

// What a compile error shows below its sentence.
template <text X>
inline constexpr bool axis_has_two_halves = false;

namespace detail {
MUSHIN_API core::Array leaky_relu(const core::Array&, double slope);
MUSHIN_API core::Traced leaky_relu(const core::Traced&, double slope);
MUSHIN_API core::Array elu(const core::Array&, double alpha, double scale);
MUSHIN_API core::Traced elu(const core::Traced&, double alpha, double scale);
MUSHIN_API core::Array gelu(const core::Array&, GeluForm);
MUSHIN_API core::Traced gelu(const core::Traced&, GeluForm);
MUSHIN_API core::Array silu(const core::Array&);
MUSHIN_API core::Traced silu(const core::Traced&);
MUSHIN_API core::Array softplus(const core::Array&, double beta, double threshold);
MUSHIN_API core::Traced softplus(const core::Traced&, double beta, double threshold);
MUSHIN_API core::Array hardswish(const core::Array&);
MUSHIN_API core::Traced hardswish(const core::Traced&);
MUSHIN_API core::Array mish(const core::Array&);
MUSHIN_API core::Traced mish(const core::Traced&);
MUSHIN_API core::Array glu(const core::Array&, unsigned axis);
MUSHIN_API core::Traced glu(const core::Traced&, unsigned axis);
}  // namespace detail

namespace detail {
/// observed, of a layer whose result has the shape of what it took, and may have taken with it.
template <class Layer, class Y>
Y observed_elements(const Layer& layer, Y y) {
  if (observing()) note(layer, y, y);
  return y;
}
}  // namespace detail

#define MUSHIN_NN_FLOAT(op, X) \
  static_assert(float_elements<std::remove_cvref_t<X>>, "[" op "] needs a float element type: cast with .to<float>()")

/// x where x > 0, else slope * x. Gradient: the cotangent, times `slope` where x <= 0.
template <TensorOperand X>
auto leaky_relu(X&& x, double slope = 0.01) {
  MUSHIN_NN_FLOAT("leaky_relu", X);
  return mushin::detail::like<X>(detail::leaky_relu(std::forward<X>(x).raw(), slope));
}

/// x where x > 0, else alpha (e^x - 1). Gradient: the cotangent, times alpha e^x where x <= 0. https://arxiv.org/abs/1511.07289
template <TensorOperand X>
auto elu(X&& x, double alpha = 1) {
  MUSHIN_NN_FLOAT("elu", X);
  return mushin::detail::like<X>(detail::elu(std::forward<X>(x).raw(), alpha, 1));
}

/// elu times the scale, and of the alpha, that keep mean 0 and variance 1. https://arxiv.org/abs/1706.02515
template <TensorOperand X>
auto selu(X&& x) {
  MUSHIN_NN_FLOAT("selu", X);
  return mushin::detail::like<X>(
      detail::elu(std::forward<X>(x).raw(), 1.6732632423543772848170429916717, 1.0507009873554804934193349852946));
}

/// x Φ(x), with the normal distribution's Φ = (1 + erf(x / √2)) / 2, or GeluForm::tanh: (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.
/// https://arxiv.org/abs/1606.08415
template <TensorOperand X>
auto gelu(X&& x, GeluForm form = GeluForm::exact) {
  MUSHIN_NN_FLOAT("gelu", X);
  return mushin::detail::like<X>(detail::gelu(std::forward<X>(x).raw(), form));
}

/// x sigmoid(x), also called swish.
template <TensorOperand X>
auto silu(X&& x) {
  MUSHIN_NN_FLOAT("silu", X);
  return mushin::detail::like<X>(detail::silu(std::forward<X>(x).raw()));
}

/// log(1 + e^(beta x)) / beta; x itself where beta x > threshold. Gradient: the cotangent times sigmoid(beta x), or itself.
template <TensorOperand X>
auto softplus(X&& x, double beta = 1, double threshold = 20) {
  MUSHIN_NN_FLOAT("softplus", X);
  return mushin::detail::like<X>(detail::softplus(std::forward<X>(x).raw(), beta, threshold));
}

/// x min(max(x + 3, 0), 6) / 6. https://arxiv.org/abs/1905.02244
template <TensorOperand X>
auto hardswish(X&& x) {
  MUSHIN_NN_FLOAT("hardswish", X);
  return mushin::detail::like<X>(detail::hardswish(std::forward<X>(x).raw()));
}

/// x tanh(softplus(x)). https://arxiv.org/abs/1908.08681
template <TensorOperand X>
auto mish(X&& x) {
  MUSHIN_NN_FLOAT("mish", X);
  return mushin::detail::like<X>(detail::mish(std::forward<X>(x).raw()));
}

/// a sigmoid(b), with a and b the halves of x along `Axis` (-1 is the last), whose extent is an even number. Result: x with half that
/// extent. https://arxiv.org/abs/1612.08083
template <int Axis = -1, TensorLike X>
auto glu(const X& x) {
  MUSHIN_NN_FLOAT("glu", X);
  constexpr unsigned axis = rules::axis(X::extents, Axis);
  if constexpr (!rules::axis_in_range(X::extents, Axis)) {
    static_assert(axes_within<spell(X::extents), spell(rules::Axes{Axis})>, "[glu] the axis is out of range");
  } else {
    constexpr extent whole = X::extents[axis];
    if constexpr (!whole.is_static() || whole.size % 2 != 0)
      static_assert(axis_has_two_halves<spell(X::extents)>, "[glu] the axis must have two halves: its extent is to be an even number");
    constexpr Shape halved = rules::with_extent(X::extents, axis, extent{whole.size / 2});
    return mushin::detail::made<typename X::element, halved>(detail::glu(x.raw(), axis));
  }
}

#undef MUSHIN_NN_FLOAT

/// A layer: mushin::relu.
struct Relu {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, mushin::relu(std::forward<X>(x)));
  }
};
/// A layer: nn::leaky_relu with `slope`.
struct LeakyRelu {
  double slope = 0.01;
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::leaky_relu(std::forward<X>(x), slope));
  }
};
/// A layer: nn::elu with `alpha`.
struct Elu {
  double alpha = 1;
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::elu(std::forward<X>(x), alpha));
  }
};
/// A layer: nn::selu.
struct Selu {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::selu(std::forward<X>(x)));
  }
};
/// A layer: nn::gelu in that `form`.
struct Gelu {
  GeluForm form = GeluForm::exact;
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::gelu(std::forward<X>(x), form));
  }
};
/// A layer: nn::silu.
struct Silu {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::silu(std::forward<X>(x)));
  }
};
/// A layer: nn::softplus with `beta` and `threshold`.
struct Softplus {
  double beta = 1, threshold = 20;
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::softplus(std::forward<X>(x), beta, threshold));
  }
};
/// A layer: nn::hardswish.
struct Hardswish {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::hardswish(std::forward<X>(x)));
  }
};
/// A layer: nn::mish.
struct Mish {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, nn::mish(std::forward<X>(x)));
  }
};
/// A layer: mushin::tanh.
struct Tanh {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, mushin::tanh(std::forward<X>(x)));
  }
};
/// A layer: mushin::sigmoid.
struct Sigmoid {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  template <TensorOperand X>
  auto operator()(X&& x) const {
    return detail::observed_elements(*this, mushin::sigmoid(std::forward<X>(x)));
  }
};
/// Along `Axis`; -1 is the last.
template <int Axis = -1>
struct Softmax {
  static constexpr std::int64_t flops(Shape x) { return 5 * detail::elements(x); }
  auto operator()(const auto& x) const { return observed(*this, mushin::softmax<Axis>(x), x); }
};
/// A layer: mushin::log_softmax along `Axis`; -1 is the last.
template <int Axis = -1>
struct LogSoftmax {
  static constexpr std::int64_t flops(Shape x) { return 5 * detail::elements(x); }
  auto operator()(const auto& x) const { return observed(*this, mushin::log_softmax<Axis>(x), x); }
};
/// A layer: nn::glu along `Axis`, which becomes half as long; -1 is the last.
template <int Axis = -1>
struct Glu {
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
  auto operator()(const auto& x) const { return observed(*this, nn::glu<Axis>(x), x); }
};

}  // namespace mushin::nn
