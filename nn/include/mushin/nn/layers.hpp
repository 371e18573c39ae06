#pragma once
#include "mushin/nn/autocast.hpp"
#include "mushin/nn/layers/convolution.hpp"
#include "mushin/nn/layers/embedding.hpp"
#include "mushin/nn/layers/first_values.hpp"
#include "mushin/nn/layers/normalization.hpp"
#include "mushin/nn/layers/pooling.hpp"
#include "mushin/nn/module.hpp"
#include "mushin/nn/observe.hpp"

namespace mushin::nn {

// What a compile error shows below its sentence: the layer's extents, and those of what it was given.
template <text Layer, text X>
inline constexpr bool last_extent_matches = false;

namespace detail {
/// Zeros with probability `p`, elsewhere 1 / (1 - p). Error unless p is in [0, 1).
MUSHIN_API core::Array dropout_mask(const core::Sizes&, dtype, double p);
}  // namespace detail

/// y = x W^T + b. x: (…, In); result: (…, Out). weight: (Out, In), bias: (Out), both uniform in ±1/sqrt(In) as PyTorch begins.
template <extent In, extent Out, class T = float>
struct Linear {
  static_assert(In.is_static() && Out.is_static(), "[Linear] In and Out must be numbers");

  Variable<T, Out, In> weight{Tensor<T, Out, In>{detail::uniform({Out.size, In.size}, dtype_of<T>, detail::kaiming_bound(In.size))}};
  Variable<T, Out> bias{Tensor<T, Out>{detail::uniform({Out.size}, dtype_of<T>, detail::kaiming_bound(In.size))}};

  template <TensorLike X>
  static constexpr bool accepts = X::extents.rank > 0 && may_equal(X::extents.from_end(0), In);

  template <TensorLike X>
  auto operator()(const X& x) const {
    if constexpr (!accepts<X>)
      static_assert(last_extent_matches<spell(Shape{In, Out}), spell(X::extents)>, "[Linear] the last extent of x must be the layer's In");
    static_assert(std::same_as<typename X::element, T>, "[Linear] x must have the layer's element type: cast with .to<T>()");
    return observed(*this, detail::product(x, transpose(weight)) + bias, x);
  }
  static constexpr std::int64_t flops(Shape x) { return 2 * detail::elements(x) * Out.size; }
  MUSHIN_MODULE(Linear, weight, bias)
};

/// y[o] = x W[o] z + b[o], for each output o. x: (…, Left), z: (…, Right), with equal leading axes; result: (…, Out).
/// weight: (Out, Left, Right), bias: (Out), both uniform in ±1/sqrt(Left) as PyTorch begins.
template <extent Left, extent Right, extent Out, class T = float>
struct Bilinear {
  static_assert(Left.is_static() && Right.is_static() && Out.is_static(), "[Bilinear] Left, Right and Out must be numbers");

  Variable<T, Out, Left, Right> weight{
      Tensor<T, Out, Left, Right>{detail::uniform({Out.size, Left.size, Right.size}, dtype_of<T>, detail::kaiming_bound(Left.size))}};
  Variable<T, Out> bias{Tensor<T, Out>{detail::uniform({Out.size}, dtype_of<T>, detail::kaiming_bound(Left.size))}};

  template <TensorLike X, TensorLike Z>
  auto operator()(const X& x, const Z& z) const {
    if constexpr (X::extents.rank == 0 || !may_equal(X::extents.from_end(0), Left))
      static_assert(last_extent_matches<spell(Shape{Left, Right, Out}), spell(X::extents)>,
                    "[Bilinear] the last extent of x must be the layer's Left");
    if constexpr (Z::extents.rank == 0 || !may_equal(Z::extents.from_end(0), Right))
      static_assert(last_extent_matches<spell(Shape{Left, Right, Out}), spell(Z::extents)>,
                    "[Bilinear] the last extent of z must be the layer's Right");
    static_assert(std::same_as<typename X::element, T> && std::same_as<typename Z::element, T>,
                  "[Bilinear] x and z must have the layer's element type: cast with .to<T>()");
    // (…, Left) times (Left, Out Right), and the products with z summed over Right.
    const auto by_row = reshape<Left, Out * Right>(permute<1, 0, 2>(weight));
    const auto half = detail::product(x, by_row);
    using Half = std::remove_cvref_t<decltype(half)>;
    core::Sizes split = half.shape();
    split.at[split.rank - 1] = Out.size;
    split.push(Right.size);
    using core::reshape;
    constexpr Shape apart = rules::append(rules::with_extent(Half::extents, Half::extents.rank - 1, Out), Right);
    const auto rows = mushin::detail::made<T, apart>(reshape(half.raw(), split));
    return observed(*this, sum<-1>(rows * unsqueeze<-2>(z)) + bias, x, z);
  }
  static constexpr std::int64_t flops(Shape x, Shape) {
    return 2 * (detail::elements(x) + detail::elements(x) / Left.size) * Right.size * Out.size;
  }
  MUSHIN_MODULE(Bilinear, weight, bias)
};

/// All axes but the first become one.
struct Flatten {
  auto operator()(const auto& x) const { return observed(*this, mushin::flatten(x), x); }
  static constexpr std::int64_t flops(Shape) { return 0; }
};

/// While training, each element is 0 with probability `p`, and else x / (1 - p); after nn::eval(net): x. Random numbers come from the
/// default generator. Gradient: the same mask.
struct Dropout {
  float p = 0.5f;
  bool training = true;

  template <TensorLike X>
  auto operator()(const X& x) const {
    static_assert(float_elements<X>, "[Dropout] needs a float element type: cast with .to<float>()");
    const double probability = training ? static_cast<double>(p) : 0.0;
    return observed(*this,
                    x * typed<core::Array, typename X::element, X::extents>{detail::dropout_mask(x.shape(), X::dtype(), probability)}, x);
  }
  static constexpr std::int64_t flops(Shape x) { return detail::elements(x); }
};

namespace detail {
struct SetDropout {
  float p;
  void enter(MemberName) {}
  void enter(std::size_t) {}
  void leave() {}
  void operator()(auto&) const {}
  void operator()(Dropout& d) const { d.p = p; }
};
}  // namespace detail

/// Gives every Dropout of a module this probability.
template <Module M>
void set_dropout(M& net, float p) {
  detail::SetDropout set{p};
  detail::walk(set, net);
}

}  // namespace mushin::nn
