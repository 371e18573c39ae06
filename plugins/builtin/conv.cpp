// CONV: what is asked for, in the terms of conv.hpp.
#include "conv.hpp"

#include <new>

#include "epilogue.hpp"

namespace mushin::builtin {
namespace {

ConvArray array_of(const mu_tensor& v) {
  ConvArray a{address(v), v.stride[0], v.stride[1], {1, 1, 1}, {0, 0, 0}};
  const int missing = 5 - v.rank;
  for (int i = 2; i < v.rank; ++i) a.size[i - 2 + missing] = v.dim[i], a.stride[i - 2 + missing] = v.stride[i];
  return a;
}

// The descriptor's numbers by axis, as those of ConvArray.
struct Steps {
  std::int64_t stride[3] = {1, 1, 1}, dilation[3] = {1, 1, 1}, before[3] = {0, 0, 0};
  Steps(const mu_op_conv& op, int rank) {
    for (int i = 0, to = 5 - rank; to < 3; ++i, ++to) stride[to] = op.stride[i], dilation[to] = op.dilation[i], before[to] = op.before[i];
  }
};

// f(k, offset) for each element of the kernel.
template <class F>
void for_kernel(const ConvArray& w, const F& f) {
  std::int64_t k[3];
  for (k[0] = 0; k[0] < w.size[0]; ++k[0])
    for (k[1] = 0; k[1] < w.size[1]; ++k[1])
      for (k[2] = 0; k[2] < w.size[2]; ++k[2]) f(k, k[0] * w.stride[0] + k[1] * w.stride[1] + k[2] * w.stride[2]);
}

// x by the positions of y.
ConvReader reader_of(const ConvArray& x, const ConvArray& w, const ConvArray& y, const Steps& s) {
  ConvReader r{x, {y.size[0], y.size[1], y.size[2]}, {s.stride[0], s.stride[1], s.stride[2]}, {}};
  for_kernel(w, [&](const std::int64_t* k, std::int64_t offset) {
    ConvTap tap{offset, {}};
    for (int i = 0; i < 3; ++i) tap.at[i] = k[i] * s.dilation[i] - s.before[i];
    r.taps.push_back(tap);
  });
  return r;
}

// dy by those positions of dx that are `first` + p stride: the taps that have a product there are the same for all of them.
ConvReader reader_of_class(const ConvArray& dy, const ConvArray& w, const ConvArray& dx, const Steps& s, const std::int64_t* first) {
  ConvReader r{dy, {}, {1, 1, 1}, {}};
  for (int i = 0; i < 3; ++i) r.positions[i] = (dx.size[i] - first[i] + s.stride[i] - 1) / s.stride[i];
  for_kernel(w, [&](const std::int64_t* k, std::int64_t offset) {
    ConvTap tap{offset, {}};
    for (int i = 0; i < 3; ++i) {
      const std::int64_t at = first[i] + s.before[i] - k[i] * s.dilation[i];
      if (at % s.stride[i] != 0) return;
      tap.at[i] = at / s.stride[i];
    }
    r.taps.push_back(tap);
  });
  return r;
}

// Every stride-th element from `first` on.
mu_tensor class_view(mu_tensor v, const Steps& s, const std::int64_t* first) {
  for (int i = 2; i < v.rank; ++i) {
    const int axis = i - 2 + 5 - v.rank;
    v.byte_offset += static_cast<std::uint64_t>(first[axis] * v.stride[i]) * mu_dtype_bytes(v.dtype);
    v.dim[i] = (v.dim[i] - first[axis] + s.stride[axis] - 1) / s.stride[axis], v.stride[i] *= s.stride[axis];
  }
  return v;
}

struct Conv final : mu_plan {
  Conv(const mu_op_conv& o, Type t, std::unique_ptr<Program> w, Program e, bool p)
      : op(o), type(t), dtype(dtype_of(t)), widen(std::move(w)), epilogue(std::move(e)), plain(p) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    try {
      const mu_tensor a = widen ? widened(in[0], scratch_wide_a) : in[0], b = widen ? widened(in[1], scratch_wide_b) : in[1];
      if (op.kind == MU_CONV_FORWARD)
        forward(a, b, in, out[0]);
      else if (op.kind == MU_CONV_BACKWARD_DATA)
        backward_data(a, b, in, out[0]);
      else
        backward_weights(a, b, out[0]);
      return MU_OK;
    } catch (const std::bad_alloc&) {
      return mu_fail(error, MU_OUT_OF_MEMORY, 0, "[conv] no memory for a packed operand");
    }
  }

  // The operand in the type of the sums, dense.
  mu_tensor widened(const mu_tensor& v, int where) const {
    mu_tensor to = v;
    to.dtype = dtype, to.byte_offset = 0;
    std::int64_t count = 1;
    for (int i = v.rank - 1; i >= 0; --i) to.stride[i] = count, count *= v.dim[i];
    to.buffer = static_cast<mu_buffer*>(scratch(where, static_cast<std::size_t>(most(1, count)) * bytes_of(type)));
    if (count == 0) return to;
    const Run bound(*widen, to, &v, &to);
    parallel(bound.size(), bound.chunk(32768), [&](std::int64_t begin, std::int64_t end) {
      Room room;
      bound.range(begin, end, room);
    });
    return to;
  }

  ConvFinish finish_for(const mu_tensor& out, const mu_tensor* inputs) const {
    return {epilogue, plain, out, inputs, static_cast<int>(n_in) - 2, dtype};
  }
  int table() const { return static_cast<int>(type); }

  void forward(const mu_tensor& x, const mu_tensor& w, const mu_tensor* in, const mu_tensor& y) const {
    const std::int64_t outputs = w.dim[0] / op.groups;
    const ConvSum sum{table(),     reader_of(array_of(x), array_of(w), array_of(y), Steps(op, x.rank)),
                      x.dim[0],    op.groups,
                      outputs,     w.dim[1],
                      address(w),  outputs * w.stride[0],
                      w.stride[0], w.stride[1]};
    convolve(sum, finish_for(y, in + 2));
  }

  void backward_data(const mu_tensor& dy, const mu_tensor& w, const mu_tensor* in, const mu_tensor& dx) const {
    const Steps s(op, dx.rank);
    const ConvArray to = array_of(dx);
    const std::int64_t outputs = w.dim[0] / op.groups;
    std::int64_t first[3];
    for (first[0] = 0; first[0] < least(s.stride[0], to.size[0]); ++first[0])
      for (first[1] = 0; first[1] < least(s.stride[1], to.size[1]); ++first[1])
        for (first[2] = 0; first[2] < least(s.stride[2], to.size[2]); ++first[2]) {
          mu_tensor inputs[Program::most_inputs];
          for (std::uint32_t i = 2; i < n_in; ++i) inputs[i - 2] = class_view(in[i], s, first);
          const mu_tensor part = class_view(dx, s, first);
          const ConvSum sum{table(),     reader_of_class(array_of(dy), array_of(w), to, s, first),
                            dx.dim[0],   op.groups,
                            w.dim[1],    outputs,
                            address(w),  outputs * w.stride[0],
                            w.stride[1], w.stride[0]};
          convolve(sum, finish_for(part, inputs));
        }
  }

  struct WeightPart {
    const Conv& plan;
    const mu_tensor& dw;
  };
  void backward_weights(const mu_tensor& x, const mu_tensor& dy, const mu_tensor& dw) const {
    const WeightPart part{*this, dw};
    const ConvWeightSum sum{table(),      reader_of(array_of(x), array_of(dw), array_of(dy), Steps(op, x.rank)),
                            array_of(dy), x.dim[0],
                            op.groups,    dw.dim[0] / op.groups,
                            dw.dim[1]};
    convolve_weights(sum, {store_weights, &part});
  }
  static void store_weights(const void* arg, std::int64_t g, const char* sums, std::int64_t pitch) {
    const WeightPart& p = *static_cast<const WeightPart*>(arg);
    mu_tensor to = p.dw;
    to.dim[0] /= p.plan.op.groups;
    to.byte_offset += static_cast<std::uint64_t>(g * to.dim[0] * to.stride[0]) * mu_dtype_bytes(to.dtype);
    mu_tensor from = to;
    from.dtype = p.plan.dtype, from.byte_offset = 0, from.buffer = reinterpret_cast<mu_buffer*>(const_cast<char*>(sums));
    std::int64_t step = pitch;
    for (int i = to.rank - 1; i >= 1; --i) from.stride[i] = step, step *= to.dim[i];
    from.stride[0] = 1;
    const Run bound(p.plan.epilogue, to, &from, &to);
    Room room;
    bound.range(0, bound.size(), room);
  }

  mu_op_conv op;
  Type type;  // of products and sums
  mu_dtype dtype;
  std::unique_ptr<Program> widen;  // null: the operands are of that type
  Program epilogue;
  bool plain;  // the epilogue only copies
};

std::string text(std::int64_t n) { return std::to_string(n); }

void check_numbers(const mu_op_conv& op, int axes) {
  if (op.groups == 0) invalid("[conv] there is at least one group");
  for (int i = 0; i < 3; ++i) {
    if (i < axes && (op.stride[i] == 0 || op.dilation[i] == 0))
      invalid("[conv] stride and dilation are at least 1: axis " + text(i) + " has " + text(op.stride[i]) + " and " + text(op.dilation[i]));
    if (i >= axes && (op.stride[i] || op.dilation[i] || op.before[i])) invalid("[conv] numbers for axis " + text(i) + " of " + text(axes));
  }
}

// x, w and y, whichever of them is the output.
void check_dims(const mu_op_conv& op, const mu_tensor& x, const mu_tensor& w, const mu_tensor& y) {
  const std::string dims = dims_text(x) + " with " + dims_text(w) + " to " + dims_text(y);
  if (x.rank < 3 || x.rank > 5 || w.rank != x.rank || y.rank != x.rank) invalid("[conv] all views have one rank, 3 to 5: " + dims);
  check_numbers(op, x.rank - 2);
  if (x.dim[0] != y.dim[0]) invalid("[conv] batches differ: " + dims);
  if (w.dim[0] != y.dim[1]) invalid("[conv] the outputs are the weights': " + dims);
  if (w.dim[0] % op.groups != 0 || x.dim[1] != w.dim[1] * op.groups)
    invalid("[conv] channels do not fit " + text(op.groups) + " groups: " + dims);
}

}  // namespace

PlanPtr plan_conv(const mu_op_conv& op, const Views& v) {
  const Type a = checked_type(v.in[0], "[conv] input"), b = checked_type(v.in[1], "[conv] input"),
             out = checked_type(v.out[0], "[conv] output");
  if (op.kind > MU_CONV_BACKWARD_WEIGHTS) unsupported("[conv] kind " + text(op.kind) + " is not known here");
  if (op.kind == MU_CONV_FORWARD) check_dims(op, v.in[0], v.in[1], v.out[0]);
  if (op.kind == MU_CONV_BACKWARD_DATA) check_dims(op, v.out[0], v.in[1], v.in[0]);
  if (op.kind == MU_CONV_BACKWARD_WEIGHTS) check_dims(op, v.in[0], v.out[0], v.in[1]);
  if (a != b || (!op.epilogue && out != a))
    invalid(std::string("[conv] element types differ: ") + name_of(a) + ", " + name_of(b) + " and " + name_of(out));
  if (computed(a) != Type::f32 && a != Type::f64) unsupported(std::string("[conv] float types only, not ") + name_of(a));
  const Type acc = type_of(op.acc);
  if (acc != computed(a))
    unsupported(std::string("[conv] sums of ") + name_of(a) + " are made in " + name_of(computed(a)) + ", in no other type");
  if (op.epilogue && op.kind == MU_CONV_BACKWARD_WEIGHTS) invalid("[conv] the weights' gradient takes no epilogue");
  Program epilogue = epilogue_program(op.epilogue, acc, v, "[conv]");
  auto widen = a == acc ? nullptr : std::make_unique<Program>(cast_program(v.in[0].dtype, op.acc));
  return std::make_unique<Conv>(op, acc, std::move(widen), std::move(epilogue), !op.epilogue && acc == out);
}

}  // namespace mushin::builtin
