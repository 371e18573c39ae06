#include "mushin/tensor/ops/arrange.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/compositions.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/ops/index.hpp"

namespace mushin::core {
namespace {

/// The part of `whole` that begins there and has these sizes.
mu_tensor view_of_part(const Array& whole, const std::int64_t* begin, const Sizes& sizes) {
  mu_tensor v;
  view_of(v, node_of(whole));
  std::int64_t first = 0;
  for (unsigned i = 0; i < sizes.rank; ++i) {
    v.dim[i] = sizes[i];
    first += begin[i] * v.stride[i];
  }
  const auto bytes = static_cast<std::uint64_t>(first) * bytes_of(whole.type());
  v.byte_offset += bytes;
  v.bytes -= bytes;
  return v;
}

/// Writes a buffer to where it begins within `whole`.
void write_part(const char* op, const Array& whole, const std::int64_t* begin, const Array& part) {
  if (node_of(part)->count == 0) return;
  mu_tensor from;
  view_of(from, node_of(part));
  copy(op, whole.device(), from, view_of_part(whole, begin, part.sizes()));
}

struct Placed {
  Array part;
  std::int64_t begin;  // along the axis that is joined
};
bool lie_alike(const Node* a, const Node* b) { return a->sizes == b->sizes && std::equal(a->stride, a->stride + a->sizes.rank, b->stride); }

/// Buffers that lie alike: together where that is one call.
void write_parts(const char* op, const Array& whole, unsigned axis, std::span<const Placed> parts) {
  std::int64_t begin[max_rank] = {};
  std::vector<mu_tensor> views;
  for (const Placed& p : parts) {
    begin[axis] = p.begin;
    view_of(views.emplace_back(), node_of(p.part));
    views.push_back(view_of_part(whole, begin, p.part.sizes()));
  }
  if (copy_together(op, whole.device(), parts[0].part, views)) return;
  for (const Placed& p : parts) {
    begin[axis] = p.begin;
    write_part(op, whole, begin, p.part);
  }
}

/// The one that all of them are on which are on any.
Device* device_of_parts(const char* op, const Array* parts, unsigned count) {
  const Node* placed = node_of(parts[0]);
  for (unsigned k = 1; k < count; ++k) {
    common_device(op, placed, node_of(parts[k]));
    if (placed->floating && is_literal(placed)) placed = node_of(parts[k]);
  }
  return placed->device;
}

Sizes joined_sizes(const char* op, const Array* parts, unsigned count, unsigned axis) {
  Sizes to = parts[0].sizes();
  if (axis >= to.rank) fail<ShapeError>("[{}] axis {} is outside {}", op, axis, text_of(to));
  for (unsigned k = 1; k < count; ++k) {
    const Sizes& s = parts[k].sizes();
    bool fits = s.rank == to.rank;
    for (unsigned i = 0; fits && i < s.rank; ++i) fits = i == axis || s[i] == to[i];
    if (!fits) fail<ShapeError>("[{}] sizes differ elsewhere than in axis {}: {} and {}", op, axis, text_of(parts[0].sizes()), text_of(s));
    if (parts[k].type() != parts[0].type())
      fail<Error>("[{}] element types differ: {} and {}", op, name_of(parts[0].type()), name_of(parts[k].type()));
    to.at[axis] += s[axis];
  }
  return to;
}

}  // namespace

Array concat(const Array* parts, unsigned count, unsigned axis, const char* op) {
  const Sizes to = joined_sizes(op, parts, count, axis);
  if (count == 1) return parts[0];
  evaluate(parts, count);  // what they are made from is read once
  Array made = fresh_array(device_of_parts(op, parts, count), parts[0].type(), to, checked_count(op, to));
  std::int64_t begin[max_rank] = {};
  std::vector<Placed> alike;
  for (unsigned k = 0; k < count; begin[axis] += parts[k++].sizes()[axis]) {
    const Node* n = node_of(parts[k]);
    if (n->count == 0) continue;
    if (is_literal(n) && n->floating) {
      fill(op, made.device(), view_of_part(made, begin, n->sizes), n->bits, n->baked);
      continue;
    }
    const Array part = buffer_of(parts[k], made.device());
    if (!made.device()->many.run) {
      write_part(op, made, begin, part);
      continue;
    }
    if (!alike.empty() && !lie_alike(node_of(part), node_of(alike[0].part))) {
      write_parts(op, made, axis, alike);
      alike.clear();
    }
    alike.push_back({part, begin[axis]});
  }
  if (!alike.empty()) write_parts(op, made, axis, alike);
  return made;
}

Array stack(const Array* parts, unsigned count, unsigned axis) {
  evaluate(parts, count);
  return compositions::stack(parts, count, axis);
}

std::int64_t part_of(const Sizes& sizes, unsigned axis, std::int64_t parts) {
  if (sizes[axis] % parts) fail<ShapeError>("[split] axis {} of {} does not divide into {} parts", axis, text_of(sizes), parts);
  return sizes[axis] / parts;
}

Array flip(const Array& a, unsigned axes) {
  if (is_literal(node_of(a)) || a.sizes().count() == 0) return a;
  Array out = a;
  for (unsigned i = 0; i < a.rank(); ++i) {
    const std::int64_t n = a.sizes()[i];
    if (!(axes >> i & 1u) || n == 1) continue;
    Sizes along;
    for (unsigned k = 0; k < a.rank(); ++k) along.push(k == i ? n : 1);
    const Array reversed = sub(literal(n - 1, dtype::i64), counting(n, a.device()));
    out = gather(out, i, broadcast_to(reshape(reversed, along), a.sizes()));
  }
  return out;
}

Array pad(const Array& a, const std::int64_t* before, const std::int64_t* after, const Array& value) {
  Sizes to = a.sizes();
  for (unsigned i = 0; i < to.rank; ++i) to.at[i] += before[i] + after[i];
  if (to == a.sizes()) return a;
  const Node* around = node_of(value);
  const Array made = filled("pad", a.device(), a.type(), to, checked_count("pad", to), around->bits, around->baked);
  write_part("pad", made, before, buffer_of(a, made.device()));
  return made;
}

Array tile(const Array& a, const Sizes& times) { return compositions::tile(a, times); }

Array at(const Array& a, unsigned axis, std::int64_t i) {
  const std::int64_t n = a.sizes()[axis];
  if (i < -n || i >= n) fail<ShapeError>("[at] index {} is outside axis {} of {}", i, axis, text_of(a.sizes()));
  return compositions::at(a, axis, i < 0 ? i + n : i);
}

}  // namespace mushin::core
