#pragma once
#include <cmath>

#include "mushin/nn/layers.hpp"

namespace mushin::nn {

/// Each query sees the keys up to its own position alone: `attention(x, x, x, nn::causal)`.
struct Causal {};
inline constexpr Causal causal;

// What a compile error shows below its sentence.
template <text Layer, text X>
inline constexpr bool takes_sequences = false;
template <text Keys, text Values>
inline constexpr bool one_value_for_each_key = false;
template <text Queries, text Keys>
inline constexpr bool batches_are_equal = false;

namespace detail {
template <extent Width, class T>
Linear<Width, Width, T> output_projection() {
  Linear<Width, Width, T> out;
  out.bias.set(zeros<T, Width>());
  return out;
}
/// -inf where the key comes after the query. scores: (…, queries, keys).
MUSHIN_API core::Array hide_later(const core::Array& scores);
MUSHIN_API core::Traced hide_later(const core::Traced& scores);
}  // namespace detail

/// Attention of several heads, each Width / Heads wide: softmax(q kᵀ / sqrt(width of a head)) v, heads side by side, then out_proj. q:
/// (batch, queries, Width), k and v: (batch, keys, Width); result: shape of q. in_proj_weight: (3 Width, Width), the projections to
/// queries, keys and values one below the other, Xavier uniform; in_proj_bias: zeros. ShapeError when named sizes differ. For
/// self-attention: `attention(x, x, x)`. https://arxiv.org/abs/1706.03762
template <extent Width, std::int64_t Heads, class T = float>
struct MultiheadAttention {
  static_assert(Width.is_static() && Heads > 0 && Width.size % Heads == 0, "[MultiheadAttention] Width must be a multiple of Heads");
  static constexpr std::int64_t width = Width.size, head = width / Heads;

  Variable<T, 3 * width, Width> in_proj_weight{
      Tensor<T, 3 * width, Width>{detail::uniform({3 * width, width}, dtype_of<T>, std::sqrt(6.0 / static_cast<double>(4 * width)))}};
  Variable<T, 3 * width> in_proj_bias{zeros<T, 3 * width>()};
  Linear<Width, Width, T> out_proj = detail::output_projection<Width, T>();

  template <TensorLike Q, TensorLike K, TensorLike V, std::same_as<Causal>... C>
  auto operator()(const Q& queries, const K& keys, const V& values, C...) const {
    static_assert(same_element_type<Q, in_layer> && same_element_type<K, in_layer> && same_element_type<V, in_layer>,
                  "[MultiheadAttention] queries, keys and values must have the layer's element type: cast with .to<T>()");
    if constexpr (!is_sequence<Q>)
      static_assert(takes_sequences<spell(Shape{Width}), spell(Q::extents)>,
                    "[MultiheadAttention] queries must be (batch, time, width) with the layer's Width");
    if constexpr (!is_sequence<K>)
      static_assert(takes_sequences<spell(Shape{Width}), spell(K::extents)>,
                    "[MultiheadAttention] keys must be (batch, time, width) with the layer's Width");
    if constexpr (!is_sequence<V>)
      static_assert(takes_sequences<spell(Shape{Width}), spell(V::extents)>,
                    "[MultiheadAttention] values must be (batch, time, width) with the layer's Width");
    if constexpr (!may_equal(K::extents[0], V::extents[0]) || !may_equal(K::extents[1], V::extents[1]))
      static_assert(one_value_for_each_key<spell(K::extents), spell(V::extents)>,
                    "[MultiheadAttention] there must be one value for each key");
    if constexpr (!may_equal(Q::extents[0], K::extents[0]))
      static_assert(batches_are_equal<spell(Q::extents), spell(K::extents)>, "[MultiheadAttention] queries and keys must be of one batch");
    const auto q = projected<0>(queries) * (1 / std::sqrt(static_cast<double>(head)));
    const auto k = projected<1>(keys), v = projected<2>(values);
    auto scores = detail::product(q, transpose(k));
    using Scores = decltype(scores);
    if constexpr (sizeof...(C) != 0) scores = Scores{detail::hide_later(scores.raw())};
    const auto mixed = permute<0, 2, 1, 3>(detail::product(softmax<-1>(scores), v));
    return observed(*this, out_proj(mushin::reshape<Q::extents[0], Q::extents[1], Width>(mixed)), queries, keys, values);
  }
  /// Projections in and out, the scale, scores, softmax (5 for a score), and the mixture.
  static constexpr std::int64_t flops(Shape q, Shape k, Shape v) {
    const std::int64_t scores = q[0].size * q[1].size * k[1].size;
    const std::int64_t projections = 2 * width * (2 * detail::elements(q) + detail::elements(k) + detail::elements(v));
    return projections + detail::elements(q) + scores * (4 * width + 5 * Heads);
  }
  MUSHIN_MODULE(MultiheadAttention, in_proj_weight, in_proj_bias, out_proj)

 private:
  using in_layer = Tensor<T>;
  template <class X>
  static constexpr bool is_sequence = X::extents.rank == 3 && may_equal(X::extents.from_end(0), Width);
  /// (batch, heads, time, head).
  template <int Part, class X>
  auto projected(const X& x) const {
    const auto weight = slice<0, Part * width, (Part + 1) * width>(in_proj_weight);
    const auto bias = slice<0, Part * width, (Part + 1) * width>(in_proj_bias);
    const auto rows = detail::product(x, transpose(weight)) + bias;
    return permute<0, 2, 1, 3>(mushin::reshape<X::extents[0], X::extents[1], Heads, head>(rows));
  }
};

}  // namespace mushin::nn
