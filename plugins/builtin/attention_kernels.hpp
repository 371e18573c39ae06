// Rows of scores, for ATTENTION.
#pragma once
#include <cstdint>

namespace mushin::builtin {

/// What a row of scores becomes: s = scale s + bias, of which the first `n` are seen and the others count as hidden. `bias` may be null.
template <class T>
struct ScoreRow {
  T* s;
  const T* bias;
  std::int64_t n, all;
  T scale;
};
template <class T>
struct AttentionKernels {
  /// s = e^(score - top), 0 where hidden, with `top` the greatest so far; `sum` becomes e^(old top - top) sum + all of s. That factor is
  /// returned.
  T (*weigh)(const ScoreRow<T>&, T& top, T& sum);
  /// s = e^(score - lse), and ds = scale s (ds - dot).
  void (*weigh_backward)(const ScoreRow<T>&, T* ds, T lse, T dot);
  T (*dot)(const T* a, const T* b, std::int64_t n);
  void (*scale)(T* y, T by, std::int64_t n);
};
const AttentionKernels<float>& attention_f32();
const AttentionKernels<double>& attention_f64();

}  // namespace mushin::builtin
