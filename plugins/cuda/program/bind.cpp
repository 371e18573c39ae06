// Views to a form and to the numbers that a launch hands over.
#include <algorithm>

#include "source.hpp"

namespace mushin::cuda::program {
namespace {

using Index = std::int64_t;

// An axis with every operand's stride along it.
struct Axis {
  Index dim;
  Index stride[most_operands];
};
struct Axes {
  int rank = 0;
  Axis axis[MU_MAX_RANK + 1];
  Index count = 1;
};

// The operands: which are in memory, how large their elements are.
struct Operands {
  int n, memory;  // memory: inputs and outputs, before the indices
  Index bytes[most_operands];
};

Operands operands_of(const Op& op) {
  Operands o;
  o.n = op.operands(), o.memory = op.program.n_in + op.n_out();
  for (int i = 0; i < op.program.n_in; ++i) o.bytes[i] = bytes_of(op.program.type[static_cast<std::size_t>(i)]);
  for (int k = 0; k < op.n_out(); ++k) o.bytes[op.program.n_in + k] = bytes_of(op.reduce ? op.result : op.program.out_type(k));
  return o;
}

void add_axis(Axes& to, const Op& op, const mu_tensor* in, const mu_tensor* out, int i, Index linear) {
  Axis& a = to.axis[to.rank++];
  a.dim = out[0].dim[i];
  to.count *= a.dim;
  int n = 0;
  for (int k = 0; k < op.program.n_in; ++k) a.stride[n++] = in[k].stride[i];
  for (int k = 0; k < op.n_out(); ++k) a.stride[n++] = out[k].stride[i];
  for (int aux : op.program.iota) a.stride[n++] = aux == 0 ? linear : aux == i + 1 ? 1 : 0;
}

// Axes in descending order of one operand's strides, those that it repeats along outermost; equal ones as they were.
void sort_by(Axes& axes, int operand) {
  const auto key = [operand](const Axis& a) { return a.stride[operand] ? a.stride[operand] : INT64_MAX; };
  for (int i = 1; i < axes.rank; ++i)
    for (int k = i; k > 0 && key(axes.axis[k - 1]) < key(axes.axis[k]); --k) std::swap(axes.axis[k - 1], axes.axis[k]);
}

// Neighbours that all operands walk as one become one.
void collapse(Axes& axes, int operands) {
  int last = 0;
  for (int i = 1; i < axes.rank; ++i) {
    Axis &outer = axes.axis[last], &inner = axes.axis[i];
    bool one = true;
    for (int k = 0; one && k < operands; ++k) one = outer.stride[k] == inner.stride[k] * inner.dim;
    if (one)
      inner.dim *= outer.dim, outer = inner;
    else
      axes.axis[++last] = inner;
  }
  if (axes.rank) axes.rank = last + 1;
}

// No axis is one of extent 1, so that there is an innermost one.
void require_axis(Axes& axes) {
  if (axes.rank) return;
  axes.rank = 1, axes.axis[0] = Axis{1, {}};
}

bool reaches_far(const Axes& a, const Axes& b, int operands) {
  constexpr Index far = Index{1} << 31;
  if (a.count >= far || b.count >= far) return true;
  for (int k = 0; k < operands; ++k) {
    Index reach = 0;
    for (const Axes* x : {&a, &b})
      for (int i = 0; i < x->rank; ++i) reach += (x->axis[i].dim - 1) * x->axis[i].stride[k];
    if (reach >= far) return true;
  }
  return false;
}

// How many elements can be taken at once along the innermost axis of `axes`, given that `others` only move the start.
int vector_of(const Axes& axes, const Axes& others, const Operands& o, const std::uint64_t* address) {
  const Axis& inner = axes.axis[axes.rank - 1];
  Index largest = 0;
  for (int k = 0; k < o.memory; ++k)
    if (inner.stride[k] == 1) largest = std::max(largest, o.bytes[k]);
  if (largest == 0 || inner.dim < 2) return 1;
  const auto fits = [&](Index v) {
    if (axes.rank > 1 && inner.dim % v != 0) return false;
    for (int k = 0; k < o.memory; ++k) {
      if (inner.stride[k] != 1) continue;
      const Index unit = std::min<Index>(16, v * o.bytes[k]);
      if (address && address[k] % static_cast<std::uint64_t>(unit) != 0) return false;
      for (const Axes* x : {&axes, &others})
        for (int i = 0; i < x->rank; ++i)
          if (&x->axis[i] != &inner && x->axis[i].dim > 1 && x->axis[i].stride[k] * o.bytes[k] % unit != 0) return false;
    }
    return true;
  };
  Index v = 16 / largest;
  while (v > 1 && !fits(v)) v /= 2;
  return static_cast<int>(v);
}

class Writer {
 public:
  Writer(Launch& l, bool wide) : l_(l), wide_(wide) { l_.args_bytes = 0; }
  void pointer(std::uint64_t p) { put(p); }
  void number(Index v) {
    if (wide_)
      put(static_cast<std::uint64_t>(v));
    else
      put(static_cast<std::uint32_t>(v));
  }
  // d at least 1. Narrow: floor(n / d) = (high(n factor) + n) >> shift for n below 2^31.
  void divisor(Index d) {
    number(d);
    if (wide_) return;
    std::uint32_t shift = 0;
    while ((Index{1} << shift) < d) ++shift;
    const auto u = static_cast<std::uint64_t>(d);
    put(static_cast<std::uint32_t>((((std::uint64_t{1} << shift) - u) << 32) / u + 1));
    put(shift);
  }
  // Divisors of all axes but the outermost, the innermost one in units of `vector`, and each operand's strides.
  void axes(const Axes& a, Index vector, int operands) {
    for (int i = 1; i < a.rank; ++i) divisor(std::max<Index>(1, i == a.rank - 1 ? a.axis[i].dim / vector : a.axis[i].dim));
    for (int k = 0; k < operands; ++k)
      for (int i = 0; i < a.rank; ++i) number(a.axis[i].stride[k]);
  }
  void end() {
    while (l_.args_bytes % 8) l_.args[l_.args_bytes++] = 0;
  }

 private:
  template <class T>
  void put(T v) {
    std::memcpy(l_.args + l_.args_bytes, &v, sizeof v);
    l_.args_bytes += sizeof v;
  }
  Launch& l_;
  bool wide_;
};

void set_steps(const Axes& axes, int operands, Form& f) {
  const Axis& inner = axes.axis[axes.rank - 1];
  for (int k = 0; k < operands; ++k) f.step[k] = inner.stride[k] == 0 || inner.dim == 1 ? 0 : inner.stride[k] == 1 ? 1 : 2;
}

std::uint32_t blocks_of(Index n, Index each) { return static_cast<std::uint32_t>((n + each - 1) / each); }

void bind_pointwise(const Op& op, const Operands& o, Axes& axes, const std::uint64_t* address, Launch& l) {
  sort_by(axes, op.program.n_in);
  collapse(axes, o.n);
  require_axis(axes);
  Axes none;
  Form& f = l.form;
  set_steps(axes, o.n, f);
  const Index v = vector_of(axes, none, o, address);
  f.rank = static_cast<std::uint8_t>(axes.rank), f.vector = static_cast<std::uint8_t>(v), f.wide = reaches_far(axes, none, o.n);
  const Index units = axes.rank > 1 ? axes.count / v : (axes.count + v - 1) / v;
  f.tail = units * v != axes.count;
  l.grid[0] = {blocks_of(units, 256), 1};
  Writer w(l, f.wide);
  for (int k = 0; k < o.memory; ++k) w.pointer(address ? address[k] : 0);
  w.number(axes.count), w.number(units);
  w.axes(axes, v, o.n);
  w.end();
}

// The input that has most elements of its own: it decides the order in which memory is read. -1: none.
int main_input(const Op& op, const Axes& kept, const Axes& reduced) {
  int best = -1;
  Index most = 0;
  for (int k = 0; k < op.program.n_in; ++k) {
    Index n = 1;
    for (const Axes* x : {&kept, &reduced})
      for (int i = 0; i < x->rank; ++i) n *= x->axis[i].stride[k] ? x->axis[i].dim : 1;
    if (n > most) most = n, best = k;
  }
  return best;
}

Index least_stride(const Axes& axes, int operand) {
  Index least = INT64_MAX;
  for (int i = 0; i < axes.rank; ++i)
    if (axes.axis[i].stride[operand]) least = std::min(least, axes.axis[i].stride[operand]);
  return least;
}

// Threads that share a result: more for long rows, and where there are few results.
std::uint16_t width_of(Index results, Index units) {
  constexpr std::uint16_t widths[] = {1, 8, 32, 256};
  constexpr Index few_threads = 32768;
  int i = units <= 4 ? 0 : units <= 64 ? 1 : units <= 1024 ? 2 : 3;
  while (i < 3 && results * widths[i] < few_threads && units >= 2 * widths[i + 1]) ++i;
  return widths[i];
}

// Parts that one result's elements are cut into where there are too few results to fill a device.
struct Split {
  Index parts, each;  // each: units
};
Split split_of(const Form& f, Index blocks, Index units) {
  constexpr Index enough_blocks = 256, wanted_blocks = 512;
  const Index least_units = f.columns ? 128 : 4096;
  if (blocks >= enough_blocks || (!f.columns && f.width < 256) || units < 2 * least_units) return {1, units};
  const Index parts = std::min((wanted_blocks + blocks - 1) / blocks, units / least_units);
  if (parts < 2) return {1, units};
  const Index each = (units + parts - 1) / parts;
  return {(units + each - 1) / each, each};
}

void bind_reduce(const Op& op, const Operands& o, Axes& kept, Axes& reduced, const std::uint64_t* address, std::uint64_t workspace,
                 Launch& l) {
  const int main = main_input(op, kept, reduced);
  Form& f = l.form;
  f.columns = main >= 0 && kept.count >= 16 && least_stride(kept, main) < least_stride(reduced, main);
  if (main >= 0) sort_by(kept, main);
  if (main >= 0 && !op.is_arg()) sort_by(reduced, main);
  collapse(kept, o.n), collapse(reduced, o.n);
  require_axis(reduced);
  set_steps(reduced, o.n, f);
  if (f.columns) std::fill(f.step, f.step + o.n, std::uint8_t{2});
  const Index v = f.columns ? 1 : vector_of(reduced, kept, o, address);
  const Index units = reduced.rank > 1 ? reduced.count / v : (reduced.count + v - 1) / v;
  f.rank = static_cast<std::uint8_t>(kept.rank), f.reduced = static_cast<std::uint8_t>(reduced.rank);
  f.vector = static_cast<std::uint8_t>(v), f.wide = reaches_far(kept, reduced, o.n);
  f.width = f.columns ? 8 : width_of(kept.count, units);
  f.tail = units * v != reduced.count;
  const std::uint32_t blocks = blocks_of(kept.count, f.columns ? 32 : 256 / f.width);
  const Split s = split_of(f, blocks, units);
  f.split = s.parts > 1;
  l.grid[0] = {blocks, static_cast<std::uint32_t>(s.parts)};
  if (f.split) l.grid[1] = {blocks_of(kept.count, 8), 1}, l.workspace_bytes = static_cast<std::uint64_t>(kept.count * s.parts * 16);
  Writer w(l, f.wide);
  for (int k = 0; k < o.memory; ++k) w.pointer(address ? address[k] : 0);
  w.pointer(workspace);
  w.number(kept.count), w.number(reduced.count), w.number(units), w.number(s.parts), w.number(s.each);
  w.axes(kept, 1, o.n), w.axes(reduced, v, o.n);
  w.end();
}

}  // namespace

void bind(const Op& op, const mu_tensor* in, const mu_tensor* out, const std::uint64_t* address, std::uint64_t workspace,
          Launch& l) noexcept {
  std::memset(&l.form, 0, sizeof l.form);
  l.grid[0] = l.grid[1] = Grid{};
  l.workspace_bytes = 0, l.block = 256;
  const Operands o = operands_of(op);
  Axes kept, reduced;
  Index linear[MU_MAX_RANK], step = 1;
  for (int i = out[0].rank - 1; i >= 0; --i) linear[i] = step, step *= out[0].dim[i];
  for (int i = 0; i < out[0].rank; ++i) {
    if (out[0].dim[i] == 1) continue;
    add_axis(op.reduce && out[0].stride[i] == 0 ? reduced : kept, op, in, out, i, linear[i]);
  }
  if (op.reduce)
    bind_reduce(op, o, kept, reduced, address, workspace, l);
  else
    bind_pointwise(op, o, kept, address, l);
  if (kept.count == 0) l.grid[0] = l.grid[1] = Grid{};
}

}  // namespace mushin::cuda::program
