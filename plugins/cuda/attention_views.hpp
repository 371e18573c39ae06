// From views to the arguments of the kernels of attention. Host code alone.
#pragma once
#include <algorithm>

#include "attention.hpp"
#include "mushin/plugin.h"

namespace mushin::cuda::attention {

/// Of the inputs and results that a kind of the op has, in order; `at[view]`: which of them that is, or -1.
struct Order {
  int at[views];
};
constexpr Order order_of(bool backward, bool biased) {
  if (!backward) return {{0, 1, 2, 3 + biased, 4 + biased, -1, biased ? 3 : -1, -1, -1, -1}};
  return {{0, 1, 2, 3, 4, 5, biased ? 6 : -1, 6 + biased, 7 + biased, 8 + biased}};
}

inline Job job_of(const mu_op_attention& op, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out) {
  constexpr std::int64_t far = std::int64_t{1} << 48;  // beyond all there are
  const bool backward = op.kind == MU_ATTENTION_BACKWARD;
  Job t;
  t.biased = n_in == (backward ? 7u : 4u), t.keeps_lse = !backward && n_out == 2;
  t.causal = (op.flags & MU_ATTENTION_CAUSAL) != 0;
  t.scale = static_cast<float>(op.scale), t.ahead = std::clamp(op.ahead, -far, far);
  const mu_tensor &q = in[0], &v = in[2];
  t.rank = q.rank - 2;
  for (int i = 0; i < t.rank; ++i) t.dim[i] = q.dim[i], t.items *= q.dim[i];
  t.queries = q.dim[t.rank], t.width = q.dim[t.rank + 1], t.keys = v.dim[t.rank], t.values = v.dim[t.rank + 1];
  const Order order = order_of(backward, t.biased);
  for (int i = 0; i < views; ++i) {
    const int n = order.at[i], ins = static_cast<int>(n_in);
    if (n < 0 || n >= ins + static_cast<int>(n_out)) continue;
    const mu_tensor& from = n < ins ? in[n] : out[n - ins];
    Planes& p = t.view[i];
    std::copy_n(from.stride, t.rank, p.batch);
    p.rows = from.dim[t.rank], p.columns = from.dim[t.rank + 1];
    p.row_step = from.stride[t.rank], p.column_step = from.stride[t.rank + 1];
  }
  return t;
}

}  // namespace mushin::cuda::attention
