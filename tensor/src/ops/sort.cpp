#include "mushin/tensor/ops/sort.hpp"

#include "core/fail.hpp"
#include "core/request.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "ops/decomposed.hpp"

namespace mushin::core {
namespace {

constexpr std::uint32_t both = MU_SORT_VALUES | MU_SORT_INDICES;

// `what`: MU_SORT_VALUES, MU_SORT_INDICES or both; what isn't asked for may stay null.
Sorted ordered(const char* name, const Array& a, unsigned axis, std::int64_t k, std::uint32_t what, bool descending) {
  const Sizes& s = a.sizes();
  if (axis >= s.rank) fail<ShapeError>("[{}] axis {} is outside {}", name, axis, text_of(s));
  if (k < 0 || k > s[axis]) fail<ShapeError>("[{}] {} elements are not in axis {} of {}", name, k, axis, text_of(s));
  const Array stored = buffer_of(a);
  Sizes to = s;
  to.at[axis] = k;
  const std::int64_t count = to.count();
  Sorted out;
  mu_tensor view[3];
  unsigned n = 1;
  view_of(view[0], node_of(stored));
  if (what & MU_SORT_VALUES) out.values = fresh_array(stored.device(), a.type(), to, count, name), view_of(view[n++], node_of(out.values));
  if (what & MU_SORT_INDICES)
    out.indices = fresh_array(stored.device(), dtype::i64, to, count, name), view_of(view[n++], node_of(out.indices));
  if (count == 0) return out;
  const mu_op_sort op{{sizeof op, MU_OP_SORT}, axis, what | (descending ? MU_SORT_DESCENDING : 0u)};
  if (try_request(name, stored.device(), &op.h, 1, {view, n})) return out;
  if (!is_half(a.type()) && (!is_integer(a.type()) || a.type() == dtype::i64)) return decomposed_sort(stored, axis, k, descending);
  // A device may take wider types alone; they have all values of the narrow ones.
  Sorted wide = ordered(name, cast(stored, sum_type(a.type())), axis, k, what, descending);
  if (wide.values) wide.values = cast(wide.values, a.type());
  return wide;
}

std::int64_t size_of(const Array& a, unsigned axis) { return axis < a.rank() ? a.sizes()[axis] : 0; }

}  // namespace

Array sort(const Array& a, unsigned axis, bool descending) {
  return ordered("sort", a, axis, size_of(a, axis), MU_SORT_VALUES, descending).values;
}
Array argsort(const Array& a, unsigned axis, bool descending) {
  return ordered("argsort", a, axis, size_of(a, axis), MU_SORT_INDICES, descending).indices;
}
Sorted sorted(const Array& a, unsigned axis, std::int64_t k, bool descending) { return ordered("sort", a, axis, k, both, descending); }
Sorted topk(const Array& a, unsigned axis, std::int64_t k) { return ordered("topk", a, axis, k, both, true); }

}  // namespace mushin::core
