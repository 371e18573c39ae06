#pragma once
// Attention in other ops, written once for both algebras as in compositions.hpp: for devices without the op, and for gradients of
// gradients.
#include "mushin/tensor/core/compositions.hpp"
#include "mushin/tensor/ops/attention.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/ops/softmax.hpp"

namespace mushin::core::compositions {

/// (…, queries, keys); rows of 0 where a query sees no key.
template <class H>
H attention_weights(const H& q, const H& k, const Array& bias, const AttentionForm& form) {
  const Array hidden = literal(-HUGE_VAL, q.type()), zero = literal(0, q.type());
  H scores = mul(matmul(q, transpose(k)), literal(form.scale, q.type()));
  if (bias) scores = add(scores, H(bias));
  const unsigned last = scores.rank() - 1;
  if (form.causal) {
    const Array behind = greater(height_above("attention", value_behind(scores)), literal(form.ahead, dtype::i64));
    scores = where(behind, H(hidden), scores);
  }
  if (!bias && (!form.causal || form.ahead >= 0)) return softmax(scores, last);
  const Array open = not_equal(max(value_behind(scores), 1u << last, true), hidden);  // also where it is NaN
  return where(open, softmax(H(where(open, scores, H(zero))), last), H(zero));
}

template <class H>
H attention(const H& q, const H& k, const H& v, const Array& bias, const AttentionForm& form) {
  return matmul(attention_weights(q, k, bias, form), v);
}

template <class H>
struct AttentionGradients {
  H q, k, v;
};
template <class H>
AttentionGradients<H> attention_backward(const H& q, const H& k, const H& v, const Array& bias, const H& dy, const AttentionForm& form) {
  const H dw = matmul(dy, transpose(v)), narrow = attention_weights(q, k, bias, form);
  const H w = narrow.sizes() == dw.sizes() ? narrow : H(broadcast_to(narrow, dw.sizes()));  // batch axes that v has alone
  const H ds = mul(softmax_backward(w, dw, w.rank() - 1), literal(form.scale, q.type()));
  return {matmul(ds, k), matmul(transpose(ds), q), matmul(transpose(w), dy)};
}

}  // namespace mushin::core::compositions
