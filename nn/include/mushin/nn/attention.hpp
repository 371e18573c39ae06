#pragma once
#include <cmath>

#include "mushin/nn/layers.hpp"

namespace mushin::nn {

/// Each query sees the keys up to its own position alone: `attention(x, x, x, nn::causal)`.
struct Causal {};
inline constexpr Causal causal;

/// Which keys are padding, and hidden from all queries: a constant (batch, keys) of bool, true where one is, or of floats that are added
/// to the scores. `attention(x, x, x, nn::key_padding(mask))`.
template <class M>
struct KeyPadding {
  M mask;
};
/// `mask` as a KeyPadding.
template <TensorLike M>
KeyPadding<M> key_padding(const M& mask) {
  static_assert(M::extents.rank == 2, "[key_padding] the mask must be (batch, keys)");
  static_assert(!Differentiable<M>, "[key_padding] a mask has no gradient: it must be a constant");
  return {mask};
}
/// Which keys are hidden from which queries: a constant of bool, true where one is, or of floats that are added to the scores; (queries,
/// keys), or with more axes in front that broadcast to (batch, heads). As PyTorch's attn_mask.
template <class M>
struct AttentionMask {
  M mask;  ///< that constant
};
/// `mask` as an AttentionMask.
template <TensorLike M>
AttentionMask<M> attention_mask(const M& mask) {
  static_assert(M::extents.rank >= 2 && M::extents.rank <= 4,
                "[attention_mask] the mask must be (queries, keys), with axes in front or not");
  static_assert(!Differentiable<M>, "[attention_mask] a mask has no gradient: it must be a constant");
  return {mask};
}

/// The keys and values that an attention has made so far, for sequences that grow: `no_grad([&] { return attention(next, cache); })`. A
/// copy shares what is in it and goes on by itself. Empty at first.
struct AttentionCache {
  core::Array keys{}, values{};  // (batch, heads, positions, width of a head)
  std::int64_t size() const { return keys ? keys.sizes()[2] : 0; }
};

// What a compile error shows below its sentence.
template <text Layer, text X>
inline constexpr bool takes_sequences = false;
template <text Keys, text Values>
inline constexpr bool one_value_for_each_key = false;
template <text Queries, text Keys>
inline constexpr bool batches_are_equal = false;
template <text Mask, text Scores>
inline constexpr bool mask_fits = false;

namespace detail {
template <extent Width, class T>
Linear<Width, Width, T> output_projection() {
  Linear<Width, Width, T> out;
  out.bias.set(zeros<T, Width>());
  return out;
}
/// What hides keys from queries. `bias` is added to the scores; may be empty.
struct Hidden {
  core::Array bias{};
  bool later = false;
};
/// `keys`: the mask is (batch, keys), else it broadcasts to the scores. ShapeError when it doesn't fit those hidden before.
MUSHIN_API void hide(Hidden& to, dtype, const core::Array& mask, bool keys);
inline void hide(Hidden& to, dtype, Causal) { to.later = true; }
template <class M>
void hide(Hidden& to, dtype type, const KeyPadding<M>& padding) {
  hide(to, type, padding.mask.raw(), true);
}
template <class M>
void hide(Hidden& to, dtype type, const AttentionMask<M>& mask) {
  hide(to, type, mask.mask.raw(), false);
}
/// What is hidden of scores (…, queries, keys), of their sizes. Empty where nothing is.
struct Mask {
  core::Array bias;  // -inf where hidden
  core::Array open;  // bool: whether the query sees a key
};
MUSHIN_API Mask mask_of(const Hidden&, const core::Sizes& scores, dtype);
/// Attention of queries to the keys in the cache and, up to its own position, to these, which are added to it.
MUSHIN_API core::Array attend_behind(AttentionCache&, const core::Array& q, const core::Array& k, const core::Array& v);
template <class T>
inline constexpr bool hides = std::same_as<T, Causal>;
template <class M>
inline constexpr bool hides<KeyPadding<M>> = true;
template <class M>
inline constexpr bool hides<AttentionMask<M>> = true;

/// Whether what hides keys is of scores (batch, heads, queries, keys), as far as the compiler knows.
template <class Hiding>
struct HidingFits {
  static constexpr Shape mask{};
  static constexpr bool keys(Shape) { return true; }
  static constexpr bool scores(Shape) { return true; }
};
template <class M>
struct HidingFits<KeyPadding<M>> : HidingFits<Causal> {
  static constexpr Shape mask = M::extents;
  static constexpr bool keys(Shape scores) { return rules::broadcasts_to(mask, Shape{scores[0], scores[3]}); }
};
template <class M>
struct HidingFits<AttentionMask<M>> : HidingFits<Causal> {
  static constexpr Shape mask = M::extents;
  static constexpr bool scores(Shape scores) { return rules::broadcasts_to(mask, scores); }
};
}  // namespace detail

/// Attention of several heads, each Width / Heads wide: softmax(q kᵀ / sqrt(width of a head)) v, heads side by side, then out_proj. q:
/// (batch, queries, Width), k and v: (batch, keys, Width); result: shape of q. in_proj_weight: (3 Width, Width), the projections to
/// queries, keys and values one below the other, Xavier uniform; in_proj_bias: zeros. dropout: of the weights, none by default. Behind the
/// values may stand what hides keys: nn::causal, nn::key_padding(mask), nn::attention_mask(mask), in any order. A query that sees no key
/// mixes to 0. ShapeError when named sizes differ. For self-attention: `attention(x, x, x)`. Without dropout and nn::autocast the scores
/// are never in memory as a whole (mu::scaled_dot_product_attention). https://arxiv.org/abs/1706.03762
template <extent Width, std::int64_t Heads, class T = float>
struct MultiheadAttention {
  static_assert(Width.is_static() && Heads > 0 && Width.size % Heads == 0, "[MultiheadAttention] Width must be a multiple of Heads");
  static constexpr std::int64_t width = Width.size, head = width / Heads;

  Variable<T, 3 * width, Width> in_proj_weight{
      Tensor<T, 3 * width, Width>{detail::uniform({3 * width, width}, dtype_of<T>, std::sqrt(6.0 / static_cast<double>(4 * width)))}};
  Variable<T, 3 * width> in_proj_bias{zeros<T, 3 * width>()};
  Linear<Width, Width, T> out_proj = detail::output_projection<Width, T>();
  Dropout dropout{.p = 0};

  template <TensorLike Q, TensorLike K, TensorLike V, class... Hiding>
  auto operator()(const Q& queries, const K& keys, const V& values, const Hiding&... hiding) const {
    static_assert((detail::hides<Hiding> && ...),
                  "[MultiheadAttention] behind the values there may be nn::causal, nn::key_padding(mask) and nn::attention_mask(mask)");
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
    constexpr Shape scores{Q::extents[0], extent{Heads}, Q::extents[1], K::extents[1]};
    static_assert(((detail::HidingFits<Hiding>::keys(scores) || mask_fits<spell(detail::HidingFits<Hiding>::mask), spell(scores)>)&&...),
                  "[MultiheadAttention] the mask of nn::key_padding must be (batch, keys), of these keys");
    static_assert(((detail::HidingFits<Hiding>::scores(scores) || mask_fits<spell(detail::HidingFits<Hiding>::mask), spell(scores)>)&&...),
                  "[MultiheadAttention] the mask of nn::attention_mask must broadcast to (batch, heads, queries, keys)");
    detail::Hidden hidden;
    (detail::hide(hidden, dtype_of<T>, hiding), ...);
    const auto mixed = permute<0, 2, 1, 3>(attended(projected<0>(queries), projected<1>(keys), projected<2>(values), hidden));
    return observed(*this, out_proj(mushin::reshape<Q::extents[0], Q::extents[1], Width>(mixed)), queries, keys, values);
  }
  /// Projections in and out, the scale, scores, softmax (5 for a score), and the mixture.
  static constexpr std::int64_t flops(Shape q, Shape k, Shape v) {
    const std::int64_t scores = q[0].size * q[1].size * k[1].size;
    const std::int64_t projections = 2 * width * (2 * detail::elements(q) + detail::elements(k) + detail::elements(v));
    return projections + detail::elements(q) + scores * (4 * width + 5 * Heads);
  }
  /// Causal self-attention of x, which goes on where the cache ends: the same rows as of one call on the whole sequence. A constant in
  /// effect: no gradient goes to the cache or through the scores. ShapeError when x is of another batch than the cache.
  template <TensorLike X>
  auto operator()(const X& x, AttentionCache& cache) const {
    static_assert(same_element_type<X, in_layer>, "[MultiheadAttention] x must have the layer's element type: cast with .to<T>()");
    if constexpr (!is_sequence<X>)
      static_assert(takes_sequences<spell(Shape{Width}), spell(X::extents)>,
                    "[MultiheadAttention] x must be (batch, time, width) with the layer's Width");
    const auto value = [](const auto& y) { return core::Array(mushin::detail::constant(y.raw())); };
    const Tensor<T, X::extents[0], Heads, X::extents[1], head> mixed{
        detail::attend_behind(cache, value(projected<0>(x)), value(projected<1>(x)), value(projected<2>(x)))};
    return out_proj(mushin::reshape<X::extents[0], X::extents[1], Width>(permute<0, 2, 1, 3>(mixed)));
  }
  MUSHIN_MODULE(MultiheadAttention, in_proj_weight, in_proj_bias, out_proj, dropout)

 private:
  using in_layer = Tensor<T>;
  template <class X>
  static constexpr bool is_sequence = X::extents.rank == 3 && may_equal(X::extents.from_end(0), Width);
  template <class Q, class K, class V>
  auto attended(const Q& q, const K& k, const V& v, const detail::Hidden& hidden) const {
    using Mixed = decltype(scaled_dot_product_attention(q, k, v));
    const bool drops = dropout.training && dropout.p != 0, narrow = std::same_as<T, float> && detail::product_type() != dtype::f32;
    if (!drops && !narrow) return mushin::detail::attended(q, k, v, hidden.bias, {.causal = hidden.later});
    auto scores = detail::product(q * (1 / std::sqrt(static_cast<double>(head))), transpose(k));
    using Scores = decltype(scores);
    const detail::Mask mask = detail::mask_of(hidden, scores.raw().sizes(), dtype_of<T>);
    // Where a query sees no key, 0 stands for scores and weights: softmax would give NaN.
    const auto where_open = [&mask](const auto& a) { return where(typed<core::Array, bool, Scores::extents>{mask.open}, a, 0); };
    if (mask.bias) scores = where_open(scores + typed<core::Array, T, Scores::extents>{mask.bias});
    auto weights = softmax<-1>(scores);
    if (mask.bias) weights = where_open(weights);
    if (drops) weights = dropout(weights);
    return Mixed{detail::product(weights, v).raw()};
  }
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
