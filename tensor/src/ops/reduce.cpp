#include "mushin/tensor/ops/reduce.hpp"

#include <mutex>

#include "core/capture.hpp"
#include "core/evaluate.hpp"
#include "core/fail.hpp"
#include "core/fallback.hpp"
#include "core/layouts.hpp"
#include "core/literal.hpp"
#include "core/plans.hpp"
#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/pointwise.hpp"

namespace mushin::core {
namespace {

Sizes reduced_sizes(const Sizes& s, unsigned axes, bool keep) {
  Sizes r;
  for (unsigned i = 0; i < s.rank; ++i) {
    if (!(axes >> i & 1u))
      r.push(s.at[i]);
    else if (keep)
      r.push(1);
  }
  return r;
}

// The result's row-major strides in the operand's axes, 0 in the reduced ones.
void spread_strides(const Sizes& s, unsigned axes, std::int64_t* stride) {
  std::int64_t step = 1;
  for (unsigned i = s.rank; i-- > 0;) {
    const bool gone = axes >> i & 1u;
    stride[i] = gone ? 0 : step;
    if (!gone) step *= s.at[i];
  }
}

// Values that others hold too are stored before the pass: interior ones where they are dear, the operand itself always, because a gradient
// that is summed for a bias is next multiplied for a weight.
bool store_shared(const Program& p) {
  Node* shared[Program::most_inst];
  unsigned n = 0;
  for (unsigned i = 0; i < p.n_inst; ++i) {
    Node* m = p.made[i];
    const bool worth = m->cost > recompute_limit || i + 1 == p.n_inst;
    if (worth && refs_of(m) > m->edges) shared[n++] = m;
  }
  if (n == 0) return false;
  evaluate_group({shared, n}, {});
  return true;
}

// Is an operand read against the order in which it lies, which takes long where it is more than the cache holds?
bool turned(const Program& p, const Node* n) {
  constexpr std::int64_t cached = 1 << 15;
  if (n->count <= cached) return false;
  for (unsigned k = 0; k < p.n_in; ++k) {
    const Node* in = p.in[k];
    if (in->count != n->count || in->contiguous || !is_buffer(in)) continue;
    std::int64_t outer = 0;
    for (unsigned i = 0; i < in->sizes.rank; ++i) {
      if (in->sizes[i] == 1 || in->stride[i] == 0) continue;
      if (outer != 0 && in->stride[i] > outer) return true;
      outer = in->stride[i];
    }
  }
  return false;
}

// `ordered`: the fold's bits depend on the order, which is that of the operand written out; so a backend may not choose a better one.
void linearise(Program& p, Node* n, bool ordered) {
  if (capturing()) capture::settle_older(n);
  for (int round = 0; round < 3; ++round) {  // storing shared values may add inputs
    p.begin(n->device);
    p.out[0] = p.visit_any(n);
    p.n_out = 1;
    if (p.overflow) {
      compute_locked(n);
      continue;
    }
    if (round == 0 && p.n_inst && store_shared(p)) continue;
    if (p.unready) make_inputs_strided(p);
    if (!ordered || p.n_inst == 0 || !turned(p, n)) return;
    compute_locked(n);
  }
  if (p.overflow) fail<PluginError>("[reduce] {} takes no program of one input", n->device->name);
}

Array map_reduce(const char* name, std::uint32_t kind, const Array& a, unsigned axes, bool keep, dtype result) {
  Node* n = node_of(a);
  const Sizes sizes = reduced_sizes(n->sizes, axes, keep);
  Array made = fresh_array(n->device, result, sizes, sizes.count(), name);
  if (node_of(made)->count == 0) return made;
  Program p;
  Space space;
  mu_tensor view[Program::most_in + 1];
  std::unique_lock lock(evaluation_lock);
  const bool adds = kind == MU_REDUCE_SUM || kind == MU_REDUCE_PROD;
  linearise(p, n, adds && is_float(n->type));
  const unsigned all = (1u << n->sizes.rank) - 1;
  mu_tensor& out = view[p.n_in];
  if ((axes & all) == all && fill_flat(p, n->count, n->device, view)) {
    view_head(out, result, 1);
    out.dim[0] = n->count;
    out.stride[0] = 0;
  } else {
    std::int64_t stride[max_rank];
    spread_strides(n->sizes, axes, stride);
    collapse(n->sizes, p.in, p.n_in, stride, space);
    fill_space(p, space, n->device, view);
    view_head(out, result, space.rank);
    for (unsigned i = 0; i < space.rank; ++i) {
      out.dim[i] = space.dim[i];
      out.stride[i] = space.dim[i] == 1 ? 0 : space.stride[p.n_in][i];
    }
  }
  view_memory(out, node_of(made)->block, 0);
  const dtype acc = adds ? sum_type(n->type) : n->type;
  const PlanSection section;
  const Plan* plan = program_plan(p, n->device, MU_OP_MAP_REDUCE, kind, acc, view);
  if (!plan->plan) {
    program_on_host(name, p, n->device, MU_OP_MAP_REDUCE, kind, acc, view);
    return made;
  }
  // A buffer's memory is held by the caller's handle; what is pending could be evaluated, and its operands freed, by others.
  if (p.n_inst == 0) lock.unlock();
  run_plan(name, plan, p.n_in, view, 1, &out);
  return made;
}

void check_axes(const char* name, const Array& a, unsigned axes) {
  if (axes >> a.rank()) fail<ShapeError>("[{}] an axis is outside {}", name, text_of(a.sizes()));
}

std::int64_t reduced_count(const Sizes& s, unsigned axes) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < s.rank; ++i)
    if (axes >> i & 1u) n *= s.at[i];
  return n;
}

Array sum_of_literal(const Array& a, unsigned axes, bool keep) {
  const Node* n = node_of(a);
  const std::int64_t times = reduced_count(n->sizes, axes);
  const dtype in = sum_type(n->type);
  const Sizes to = reduced_sizes(n->sizes, axes, keep);
  if (times == 0) return literal_of(to, in, 0, n->floating ? nullptr : n->device);  // of infinities, too
  const Array one = cast(literal_like(n, to), in);
  return mul(one, literal(times, in));
}

// Of the type that is summed in.
Array exact_sum(const Array& a, unsigned axes, bool keep) {
  const dtype in = sum_type(a.type());
  if (axes == 0) return cast(a, in);
  if (is_literal(node_of(a))) return sum_of_literal(a, axes, keep);
  if (a.type() == dtype::b8) return map_reduce("sum", MU_REDUCE_SUM, cast(a, in), axes, keep, in);
  return map_reduce("sum", MU_REDUCE_SUM, a, axes, keep, in);
}

Array extreme(const char* name, std::uint32_t kind, const Array& a, unsigned axes, bool keep) {
  check_axes(name, a, axes);
  if (axes == 0) return a;
  if (is_literal(node_of(a)) && a.sizes().count()) return literal_like(node_of(a), reduced_sizes(a.sizes(), axes, keep));
  return map_reduce(name, kind, a, axes, keep, a.type());
}

}  // namespace

Array sum(const Array& a, unsigned axes, bool keep) {
  check_axes("sum", a, axes);
  if (!is_half(a.type())) return exact_sum(a, axes, keep);
  if (axes == 0) return a;
  if (is_literal(node_of(a))) return cast(sum_of_literal(a, axes, keep), a.type());
  return map_reduce("sum", MU_REDUCE_SUM, a, axes, keep, a.type());
}

Array mean(const Array& a, unsigned axes, bool keep) {
  check_axes("mean", a, axes);
  const std::int64_t n = reduced_count(a.sizes(), axes);
  if (is_literal(node_of(a)) && n) return literal_like(node_of(a), reduced_sizes(a.sizes(), axes, keep));
  const dtype in = sum_type(a.type());
  return cast(div(exact_sum(a, axes, keep), literal(n, in)), a.type());
}

Array max(const Array& a, unsigned axes, bool keep) { return extreme("max", MU_REDUCE_MAX, a, axes, keep); }
Array min(const Array& a, unsigned axes, bool keep) { return extreme("min", MU_REDUCE_MIN, a, axes, keep); }

Array prod(const Array& a, unsigned axes, bool keep) {
  check_axes("prod", a, axes);
  const dtype in = sum_type(a.type()), result = is_half(a.type()) ? a.type() : in;
  if (axes == 0) return cast(a, result);
  if (!is_literal(node_of(a))) return map_reduce("prod", MU_REDUCE_PROD, a, axes, keep, result);
  const Array one = cast(literal_like(node_of(a), reduced_sizes(a.sizes(), axes, keep)), in);
  return cast(pow(one, static_cast<double>(reduced_count(a.sizes(), axes))), result);
}

Array argmax(const Array& a, unsigned axes, bool keep) {
  check_axes("argmax", a, axes);
  return map_reduce("argmax", MU_REDUCE_ARGMAX, a, axes, keep, dtype::i64);
}

Array argmin(const Array& a, unsigned axes, bool keep) {
  check_axes("argmin", a, axes);
  return map_reduce("argmin", MU_REDUCE_ARGMIN, a, axes, keep, dtype::i64);
}

// Counted: the greatest of none would be no truth value.
Array any(const Array& a, unsigned axes, bool keep) {
  if (a.type() != dtype::b8) fail<Error>("[any] needs bool: {}", name_of(a.type()));
  return greater(sum(a, axes, keep), constant(0, dtype::i64));
}

Array all(const Array& a, unsigned axes, bool keep) {
  if (a.type() != dtype::b8) fail<Error>("[all] needs bool: {}", name_of(a.type()));
  return equal(sum(logical_not(a), axes, keep), constant(0, dtype::i64));
}

}  // namespace mushin::core
