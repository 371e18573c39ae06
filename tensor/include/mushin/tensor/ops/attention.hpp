#pragma once
#include <cmath>
#include <optional>

#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/run_time_checks.hpp"
#include "mushin/tensor/shape_rules/attention.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// What is done to the scores q k^T before their softmax: scaled, and where `causal`, query i doesn't see the keys behind i + `ahead`.
struct AttentionForm {
  double scale = 1;
  bool causal = false;
  std::int64_t ahead = 0;
};
/// `bias` is added to the scaled scores; may be empty. Batch axes of all broadcast. ShapeError when sizes don't fit.
MUSHIN_API Array attention(const Array& q, const Array& k, const Array& v, const Array& bias, const AttentionForm&);

struct Attended {
  Array y;
  Array lse;  // of the scores, (…, queries, 1), in the type that the device was asked for; empty where it has no op for it
};
/// The same, with what the gradients can be made of.
MUSHIN_API Attended attention_kept(const Array& q, const Array& k, const Array& v, const Array& bias, const AttentionForm&);
struct AttentionGradients {
  Array q, k, v;
};
/// Given the cotangent `dy` of the result. Batch axes are those of y, also where an operand was broadcast.
MUSHIN_API AttentionGradients attention_backward(const Array& q, const Array& k, const Array& v, const Array& bias, const Attended&,
                                                 const Array& dy, const AttentionForm&);
}  // namespace mushin::core

namespace mushin {

/// scale: of q k^T; by default 1 / sqrt(width). causal: query i sees the keys up to number i + ahead.
struct AttentionOptions {
  std::optional<double> scale{};
  bool causal = false;
  std::int64_t ahead = 0;
};

// In the facades themselves, so that nothing else stands above their sentences.
#define MUSHIN_RULE_ATTENTION(Q, K, V)                                                                                   \
  static_assert(float_elements<Q>, "[scaled_dot_product_attention] needs a float element type: cast with .to<float>()"); \
  static_assert(same_element_type<Q, K> && same_element_type<Q, V>,                                                      \
                "[scaled_dot_product_attention] all tensors must have the same element type: cast with .to<T>()");       \
  static_assert(rules::attention_has_axes(Q::extents, K::extents, V::extents),                                           \
                "[scaled_dot_product_attention] queries, keys and values need two axes: sequence and width");            \
  if constexpr (!rules::attention_width_matches(Q::extents, K::extents))                                                 \
    static_assert(inner_extents_match<spell(Q::extents), spell(K::extents)>,                                             \
                  "[scaled_dot_product_attention] queries and keys must have one width");                                \
  if constexpr (!rules::attention_keys_match(K::extents, V::extents))                                                    \
    static_assert(inner_extents_match<spell(K::extents), spell(V::extents)>,                                             \
                  "[scaled_dot_product_attention] there must be one value for each key");                                \
  if constexpr (!rules::matmul_batch_broadcasts(Q::extents, K::extents))                                                 \
    static_assert(batch_extents_broadcast<spell(Q::extents), spell(K::extents)>,                                         \
                  "[scaled_dot_product_attention] leading extents must be equal or 1");                                  \
  if constexpr (!rules::matmul_batch_broadcasts(rules::attention_scores(Q::extents, K::extents), V::extents))            \
  static_assert(batch_extents_broadcast<spell(K::extents), spell(V::extents)>,                                           \
                "[scaled_dot_product_attention] leading extents must be equal or 1")

namespace detail {

template <class Q, class K, class V>
void check_attention(const Q& q, const K& k, const V& v) {
  constexpr unsigned with_k = rules::matmul_batch_equal_at_run_time(Q::extents, K::extents);
  constexpr unsigned with_v = rules::matmul_batch_equal_at_run_time(Q::extents, V::extents);
  if constexpr (with_k != 0) core::check_equal("scaled_dot_product_attention", q.shape(), k.shape(), with_k);
  if constexpr (with_v != 0) core::check_equal("scaled_dot_product_attention", q.shape(), v.shape(), with_v);
  constexpr rules::NamePairs names_k = rules::shared_names(Q::extents, K::extents), names_v = rules::shared_names(Q::extents, V::extents);
  if constexpr (names_k.count != 0) core::check_named("scaled_dot_product_attention", q.shape(), k.shape(), names_k);
  if constexpr (names_v.count != 0) core::check_named("scaled_dot_product_attention", q.shape(), v.shape(), names_v);
}

template <class Q, class K, class V, class Bias>
decltype(auto) attended(const Q& q, const K& k, const V& v, const Bias& bias, const AttentionOptions& o) {
  check_attention(q, k, v);
  const std::int64_t width = q.raw().sizes()[q.raw().rank() - 1];
  const core::AttentionForm form{o.scale ? *o.scale : 1 / std::sqrt(static_cast<double>(width)), o.causal, o.ahead};
  using core::attention;
  return made<typename Q::element, rules::attention(Q::extents, K::extents, V::extents)>(attention(q.raw(), k.raw(), v.raw(), bias, form));
}

}  // namespace detail

/// softmax(scale q k^T) v, the softmax over the keys. q: (…, queries, width), k: (…, keys, width), v: (…, keys, value width); result:
/// (…, queries, value width). Leading axes broadcast. Float types, all the same; f16 and bf16 in float, rounded once. Where the device has
/// an op for it (builtin has), the scores are never in memory as a whole, forward and backward. A query that sees no key gives 0. Gradient:
/// to all three, of any order. ShapeError where extents that only the run knows disagree. https://arxiv.org/abs/2205.14135
template <TensorLike Q, TensorLike K, TensorLike V>
auto scaled_dot_product_attention(const Q& q, const K& k, const V& v, const AttentionOptions& options = {}) {
  MUSHIN_RULE_ATTENTION(Q, K, V);
  return detail::attended(q, k, v, core::Array(), options);
}

/// The same with a constant mask that broadcasts to (…, queries, keys): true where a query sees a key, or floats that are added to the
/// scaled scores (-inf hides).
template <TensorLike Q, TensorLike K, TensorLike V, TensorLike M>
auto scaled_dot_product_attention(const Q& q, const K& k, const V& v, const M& mask, const AttentionOptions& options = {}) {
  MUSHIN_RULE_ATTENTION(Q, K, V);
  static_assert(std::same_as<typename M::element, bool> || same_element_type<M, Q>,
                "[scaled_dot_product_attention] a mask is of bool or of the element type of the queries: cast with .to<T>()");
  static_assert(!Differentiable<M>, "[scaled_dot_product_attention] a mask has no gradient: it must be a constant");
  constexpr Shape scores = rules::attention_scores(Q::extents, K::extents);
  if constexpr (!rules::broadcasts_to(M::extents, scores))
    static_assert(extents_broadcast<spell(M::extents), spell(scores)>,
                  "[scaled_dot_product_attention] a mask must broadcast to (batch axes, queries, keys)");
  if constexpr (std::same_as<typename M::element, bool>)  // log(1) is 0, log(0) is -inf
    return detail::attended(q, k, v, log(mask.template to<typename Q::element>()).raw(), options);
  else
    return detail::attended(q, k, v, mask.raw(), options);
}

}  // namespace mushin
