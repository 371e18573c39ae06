#include "mushin/tensor/ops/attention.hpp"

#include <algorithm>
#include <numeric>

#include "core/fail.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/attended.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {
namespace {

// The batch axes of all, broadcast, without the last two.
Sizes batch_sizes(std::initializer_list<const Array*> operands) {
  Sizes batch;
  for (const Array* a : operands)
    if (*a && a->rank() > batch.rank + 2) batch.rank = a->rank() - 2;
  for (unsigned i = 0; i < batch.rank; ++i) batch.at[i] = 1;
  for (const Array* a : operands) {
    for (unsigned i = 2; *a && i < a->rank(); ++i) {
      const std::int64_t n = a->sizes()[a->rank() - 1 - i];
      std::int64_t& to = batch.at[batch.rank + 1 - i];
      if (n != to && n != 1 && to != 1)
        fail<ShapeError>("[attention] batch axes do not broadcast: {} and {}", text_of((*operands.begin())->sizes()), text_of(a->sizes()));
      if (to == 1) to = n;
    }
  }
  return batch;
}

Sizes with(Sizes batch, std::int64_t rows, std::int64_t columns) {
  batch.push(rows), batch.push(columns);
  return batch;
}

// All that an op needs to know of its operands, which are buffers on one device.
struct Operands {
  Device* device;
  Array q, k, v, bias;
  Sizes batch;
  std::int64_t queries, keys, width, values;

  Operands(const Array& a, const Array& b, const Array& c, const Array& d) : q(a), k(b), v(c), bias(d) {
    for (const Array* x : {&q, &k, &v})
      if (x->rank() < 2) fail<ShapeError>("[attention] needs two axes: {}", text_of(x->sizes()));
    if (q.type() != k.type() || q.type() != v.type() || (bias && bias.type() != q.type()))
      fail<Error>("[attention] element types differ: {}, {}, {}", name_of(q.type()), name_of(k.type()), name_of(v.type()));
    const auto size = [](const Array& x, unsigned i) { return x.sizes()[x.rank() - i]; };
    queries = size(q, 2), keys = size(k, 2), width = size(q, 1), values = size(v, 1);
    if (width != size(k, 1) || keys != size(v, 2))
      fail<ShapeError>("[attention] queries, keys and values do not fit: {}, {}, {}", text_of(q.sizes()), text_of(k.sizes()),
                       text_of(v.sizes()));
    batch = batch_sizes({&q, &k, &v, &bias});
    const auto fits = [&](unsigned i, std::int64_t n) { return bias.rank() < i || size(bias, i) == 1 || size(bias, i) == n; };
    if (bias && !(fits(1, keys) && fits(2, queries)))
      fail<ShapeError>("[attention] the mask does not broadcast to {}: {}", text_of(with(batch, queries, keys)), text_of(bias.sizes()));
    device = common_device("attention", node_of(q), node_of(k), node_of(v));
    if (bias) common_device("attention", node_of(bias), node_of(q), node_of(k));
  }
  void in_memory() {
    for (Array* x : {&q, &k, &v, &bias})
      if (*x) *x = buffer_of(*x, device);
  }
};

// A value without gaps whose axes lie in memory in the order of those of `model`, so that what turned an operand's axes turns them back.
Array fresh_like(const Array& model, const Operands& o, const Sizes& sizes) {
  const Node* n = node_of(model);
  unsigned order[max_rank], place[max_rank];
  std::iota(order, order + sizes.rank, 0u);
  const bool same = n->sizes.rank == sizes.rank;
  if (same) std::stable_sort(order, order + sizes.rank, [n](unsigned i, unsigned j) { return n->stride[i] > n->stride[j]; });
  Sizes stored;
  for (unsigned i = 0; i < sizes.rank; ++i) stored.push(sizes[order[i]]), place[order[i]] = i;
  return permute(fresh_array(o.device, o.q.type(), stored, checked_count("attention", stored), "attention"), place);
}

mu_op_attention descriptor(std::uint32_t kind, const AttentionForm& f) {
  return {{sizeof(mu_op_attention), MU_OP_ATTENTION}, kind, f.causal ? MU_ATTENTION_CAUSAL : 0u, f.scale, f.causal ? f.ahead : 0};
}

void view_inputs(mu_tensor* view, const Operands& o) {
  view_broadcast(view[0], node_of(o.q), with(o.batch, o.queries, o.width));
  view_broadcast(view[1], node_of(o.k), with(o.batch, o.keys, o.width));
  view_broadcast(view[2], node_of(o.v), with(o.batch, o.keys, o.values));
}

// y, and lse where it is to be kept; nothing where the device refuses.
Attended native(Operands& o, const AttentionForm& form, bool keep) {
  o.in_memory();
  const Sizes to = with(o.batch, o.queries, o.values), line = with(o.batch, o.queries, 1);
  Attended made{fresh_like(o.q, o, to), {}};
  if (keep) made.lse = fresh_array(o.device, o.q.type(), line, line.count(), "attention");
  if (to.count() == 0) return made;
  mu_tensor view[6];
  view_inputs(view, o);
  unsigned n = 3;
  if (o.bias) view_broadcast(view[n++], node_of(o.bias), with(o.batch, o.queries, o.keys));
  view_of(view[n], node_of(made.y));
  if (keep) view_of(view[n + 1], node_of(made.lse));
  const mu_op_attention op = descriptor(MU_ATTENTION, form);
  return try_request("attention", o.device, &op.h, n, {view, n + (keep ? 2u : 1u)}) ? made : Attended{};
}

// Nothing where the device refuses.
AttentionGradients native_backward(Operands& o, const Attended& kept, const Array& dy, const AttentionForm& form) {
  o.in_memory();
  const Array y = buffer_of(kept.y, o.device), g = buffer_of(dy, o.device);
  const AttentionGradients made{fresh_like(o.q, o, with(o.batch, o.queries, o.width)), fresh_like(o.k, o, with(o.batch, o.keys, o.width)),
                                fresh_like(o.v, o, with(o.batch, o.keys, o.values))};
  mu_tensor view[10];
  view_inputs(view, o);
  view_of(view[3], node_of(y)), view_of(view[4], node_of(kept.lse)), view_of(view[5], node_of(g));
  unsigned n = 6;
  if (o.bias) view_broadcast(view[n++], node_of(o.bias), with(o.batch, o.queries, o.keys));
  view_of(view[n], node_of(made.q)), view_of(view[n + 1], node_of(made.k)), view_of(view[n + 2], node_of(made.v));
  const mu_op_attention op = descriptor(MU_ATTENTION_BACKWARD, form);
  return try_request("attention", o.device, &op.h, n, {view, n + 3}) ? made : AttentionGradients{};
}

Array wide(const Array& a) { return a ? cast(a, dtype::f32) : a; }

Attended attended(const Array& q, const Array& k, const Array& v, const Array& bias, const AttentionForm& form, bool keep) {
  Operands o(q, k, v, bias);
  if (is_half(q.type())) {
    // Not in host memory, where conversions are fused with what made the operands.
    if (!o.device->host_memory)
      if (Attended made = native(o, form, keep); made.y) return made;
    Attended made = attended(wide(q), wide(k), wide(v), wide(bias), form, keep);
    made.y = cast(made.y, q.type());
    return made;
  }
  Attended made = native(o, form, keep);
  if (!made.y) made.y = compositions::attention(o.q, o.k, o.v, o.bias, form);
  return made;
}

}  // namespace

Array attention(const Array& q, const Array& k, const Array& v, const Array& bias, const AttentionForm& form) {
  return attended(q, k, v, bias, form, false).y;
}

Attended attention_kept(const Array& q, const Array& k, const Array& v, const Array& bias, const AttentionForm& form) {
  return attended(q, k, v, bias, form, true);
}

AttentionGradients attention_backward(const Array& q, const Array& k, const Array& v, const Array& bias, const Attended& kept,
                                      const Array& dy, const AttentionForm& form) {
  Operands o(q, k, v, bias);
  const Sizes to = with(o.batch, o.queries, o.values);
  if (!(dy.sizes() == to)) fail<ShapeError>("[attention] the cotangent does not fit: {}, not {}", text_of(dy.sizes()), text_of(to));
  const bool in_type = kept.lse && kept.lse.type() == q.type();
  if (in_type)
    if (AttentionGradients made = native_backward(o, kept, dy, form); made.q) return made;
  if (is_half(q.type())) {
    const Attended in_float{wide(kept.y), in_type ? Array() : kept.lse};  // a rounded lse is no use in float
    const auto g = attention_backward(wide(q), wide(k), wide(v), wide(bias), in_float, wide(dy), form);
    return {cast(g.q, q.type()), cast(g.k, q.type()), cast(g.v, q.type())};
  }
  const auto g = compositions::attention_backward(o.q, o.k, o.v, o.bias, dy, form);
  return {g.q, g.k, g.v};
}

}  // namespace mushin::core
