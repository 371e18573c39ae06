#include "mushin/tensor/ops/shape.hpp"

#include <algorithm>
#include <utility>

#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/request.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"

namespace mushin::core {
namespace {

// `to` with its -1 filled in.
Sizes complete(const Sizes& from, const Sizes& to) {
  Sizes r = to;
  std::int64_t known = 1;
  int open = -1;
  for (unsigned i = 0; i < to.rank; ++i) {
    if (to.at[i] >= 0) {
      known *= to.at[i];
      continue;
    }
    if (to.at[i] != -1 || open >= 0) fail<ShapeError>("[reshape] at most one size may be -1: {}", text_of(to));
    open = static_cast<int>(i);
  }
  const std::int64_t count = from.count();
  if (open >= 0) {
    if (known == 0 || count % known) fail<ShapeError>("[reshape] sizes don't divide: {} to {}", text_of(from), text_of(to));
    r.at[open] = count / known;
  } else if (known != count) {
    fail<ShapeError>("[reshape] counts differ: {} to {}", text_of(from), text_of(to));
  }
  return r;
}

// The strides of the same elements in other sizes. False: they would not be one view. A run of the old axes that walks
// memory evenly may be cut anew in any way.
bool restride(const Node* n, const Sizes& to, std::int64_t* stride) {
  unsigned i = 0, k = 0;
  while (i < n->sizes.rank || k < to.rank) {
    std::int64_t have = i < n->sizes.rank ? n->sizes.at[i] : 1, want = k < to.rank ? to.at[k] : 1;
    std::int64_t inner = i < n->sizes.rank ? n->stride[i] : 1;
    const unsigned first = k;
    if (i < n->sizes.rank) ++i;
    if (k < to.rank) ++k;
    while (have != want) {
      if (have < want) {
        if (i == n->sizes.rank) return false;
        if (n->sizes.at[i] != 1) {
          if (have != 1 && inner != n->stride[i] * n->sizes.at[i]) return false;
          inner = n->stride[i];
        }
        have *= n->sizes.at[i++];
      } else {
        if (k == to.rank) return false;
        want *= to.at[k++];
      }
    }
    for (unsigned j = k; j-- > first;) {
      stride[j] = inner;
      inner *= to.at[j];
    }
  }
  return true;
}

Array view_with(const Array& a, const Sizes& sizes, const std::int64_t* stride) {
  Node* v = new_view(node_of(a));
  v->sizes = sizes;
  std::copy(stride, stride + sizes.rank, v->stride);
  finish_view(v);
  return Array(v);
}

}  // namespace

Array reshape(const Array& a, const Sizes& wanted) {
  const Sizes to = complete(a.sizes(), wanted);
  if (to == a.sizes()) return a;
  if (is_literal(node_of(a))) return literal_like(node_of(a), to);
  const Array stored = buffer_of(a);
  std::int64_t stride[max_rank];
  const Node* n = node_of(stored);
  if (!n->contiguous && n->count && restride(n, to, stride)) return view_with(stored, to, stride);
  const Array flat = contiguous("reshape", stored);
  Node* v = new_view(node_of(flat));
  v->sizes = to;
  set_contiguous(v);
  return Array(v);
}

Array permute(const Array& a, const unsigned* order) {
  const Sizes& s = a.sizes();
  Sizes to = s;
  unsigned seen = 0;
  for (unsigned i = 0; i < s.rank; ++i) {
    if (order[i] >= s.rank || seen >> order[i] & 1u) fail<ShapeError>("[permute] not an order of {} axes: axis {}", s.rank, order[i]);
    seen |= 1u << order[i];
    to.at[i] = s.at[order[i]];
  }
  if (is_literal(node_of(a))) return literal_like(node_of(a), to);
  const Array stored = buffer_of(a);
  std::int64_t stride[max_rank];
  for (unsigned i = 0; i < s.rank; ++i) stride[i] = node_of(stored)->stride[order[i]];
  return view_with(stored, to, stride);
}

Array transpose(const Array& a) {
  const unsigned rank = a.rank();
  if (rank < 2) fail<ShapeError>("[transpose] needs two axes: {}", text_of(a.sizes()));
  unsigned order[max_rank];
  for (unsigned i = 0; i < rank; ++i) order[i] = i;
  std::swap(order[rank - 1], order[rank - 2]);
  return permute(a, order);
}

bool lies_transposed(const Array& a) noexcept {
  const Node* n = node_of(a);
  const unsigned rank = n->sizes.rank;
  return rank >= 2 && is_buffer(n) && n->stride[rank - 2] == 1 && n->stride[rank - 1] > 1;
}

Array broadcast_to(const Array& a, const Sizes& to) {
  const Sizes& s = a.sizes();
  if (to == s) return a;
  bool fits = s.rank <= to.rank;
  for (unsigned i = 1; fits && i <= s.rank; ++i) fits = s.at[s.rank - i] == 1 || s.at[s.rank - i] == to.at[to.rank - i];
  if (!fits) fail<ShapeError>("[broadcast_to] {} does not broadcast to {}", text_of(s), text_of(to));
  checked_count("broadcast_to", to);
  if (is_literal(node_of(a))) return literal_like(node_of(a), to);
  const Array stored = buffer_of(a);
  std::int64_t stride[max_rank] = {};
  for (unsigned i = 1; i <= s.rank; ++i)
    stride[to.rank - i] = s.at[s.rank - i] == 1 && to.at[to.rank - i] != 1 ? 0 : node_of(stored)->stride[s.rank - i];
  return view_with(stored, to, stride);
}

Array slice(const Array& a, unsigned axis, std::int64_t begin, std::int64_t end) {
  const Sizes& s = a.sizes();
  if (axis >= s.rank) fail<ShapeError>("[slice] axis {} is outside {}", axis, text_of(s));
  if (begin < 0 || begin > end || end > s.at[axis])
    fail<ShapeError>("[slice] [{}, {}) is outside axis {} of {}", begin, end, axis, text_of(s));
  Sizes to = s;
  to.at[axis] = end - begin;
  if (to == s) return a;
  if (is_literal(node_of(a))) return literal_like(node_of(a), to);
  const Array stored = buffer_of(a);
  Node* v = new_view(node_of(stored));
  v->sizes = to;
  v->offset += static_cast<std::uint64_t>(begin * v->stride[axis]) * bytes_of(v->type);
  finish_view(v);
  return Array(v);
}

Array place(const Array& a, unsigned axis, std::int64_t begin, std::int64_t size) {
  const Sizes& s = a.sizes();
  if (axis >= s.rank) fail<ShapeError>("[place] axis {} is outside {}", axis, text_of(s));
  if (begin < 0 || begin > size - s.at[axis])
    fail<ShapeError>("[place] [{}, {}) is outside an axis of {}", begin, begin + s.at[axis], size);
  Sizes to = s;
  to.at[axis] = size;
  const Array stored = buffer_of(a);
  const Node* n = node_of(stored);
  Array made = filled("place", n->device, n->type, to, checked_count("place", to), 0, true);
  if (n->count == 0) return made;
  mu_tensor from, part;
  view_of(from, n);
  view_of(part, node_of(made));
  part.dim[axis] = s.at[axis];
  part.byte_offset += static_cast<std::uint64_t>(begin * part.stride[axis]) * bytes_of(n->type);
  part.bytes -= static_cast<std::uint64_t>(begin * part.stride[axis]) * bytes_of(n->type);
  copy("place", n->device, from, part);
  return made;
}

Array sum_to(const Array& a, const Sizes& to) {
  const Sizes& s = a.sizes();
  if (to == s) return a;
  if (to.rank > s.rank) fail<ShapeError>("[sum_to] {} is no broadcast of {}", text_of(s), text_of(to));
  const unsigned added = s.rank - to.rank;
  unsigned axes = (1u << added) - 1;
  for (unsigned i = 0; i < to.rank; ++i) {
    if (s.at[added + i] == to.at[i]) continue;
    if (to.at[i] != 1) fail<ShapeError>("[sum_to] {} is no broadcast of {}", text_of(s), text_of(to));
    axes |= 1u << (added + i);
  }
  // Kept axes of size 1 in front would remain; dropping the added ones is a view.
  const Array summed = cast(sum(a, axes, true), a.type());
  return reshape(summed, to);
}

}  // namespace mushin::core
