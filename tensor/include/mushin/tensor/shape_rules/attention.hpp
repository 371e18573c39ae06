#pragma once
#include "mushin/tensor/shape_rules/matmul.hpp"

namespace mushin::rules {

// q (…, queries, width), k (…, keys, width), v (…, keys, value width) -> (…, queries, value width); leading axes broadcast.

constexpr bool attention_has_axes(Shape q, Shape k, Shape v) { return q.rank > 1 && k.rank > 1 && v.rank > 1; }
constexpr bool attention_width_matches(Shape q, Shape k) { return may_equal(q.from_end(0), k.from_end(0)); }
constexpr bool attention_keys_match(Shape k, Shape v) { return may_equal(k.from_end(1), v.from_end(1)); }

/// (…, queries, keys)
constexpr Shape attention_scores(Shape q, Shape k) {
  Shape out = broadcast(matmul_batch(q), matmul_batch(k));
  out.push(q.from_end(1)), out.push(k.from_end(1));
  return out;
}

constexpr Shape attention(Shape q, Shape k, Shape v) {
  if (!attention_has_axes(q, k, v)) return {};
  return matmul(attention_scores(q, k), v);
}

}  // namespace mushin::rules
