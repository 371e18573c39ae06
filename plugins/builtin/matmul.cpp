// MATMUL: batches, strides and the epilogue around the products of gemm.hpp.
#include <atomic>
#include <new>

#include "epilogue.hpp"
#include "gemm.hpp"
#include "interpreter.hpp"

namespace mushin::builtin {
namespace {

struct Sizes {
  std::int64_t m, n, k, batches;
};

Matrix matrix_of(const mu_tensor& v, const mu_tensor& out, std::int64_t batch) {
  std::int64_t at = 0;
  for (int i = v.rank - 3; i >= 0; --i) at += batch % out.dim[i] * v.stride[i], batch /= out.dim[i];
  return {address(v) + at * static_cast<std::int64_t>(mu_dtype_bytes(v.dtype)), v.stride[v.rank - 2], v.stride[v.rank - 1]};
}

struct Part {
  std::int64_t row, rows, column, columns;
};
mu_tensor part_view(mu_dtype dtype, const Matrix& m, const Part& p) {
  mu_tensor t;
  t.size = sizeof t, t.dtype = dtype, t.rank = 2, t.layout = MU_LAYOUT_STRIDED, t.flags = 0, t.byte_offset = 0;
  t.buffer =
      reinterpret_cast<mu_buffer*>(m.data + (p.row * m.row + p.column * m.column) * static_cast<std::int64_t>(mu_dtype_bytes(dtype)));
  t.dim[0] = p.rows, t.dim[1] = p.columns, t.stride[0] = m.row, t.stride[1] = m.column;
  return t;
}

constexpr std::int64_t small_product = 600000;  // multiply-adds

struct Matmul final : mu_plan {
  Matmul(Type t, std::unique_ptr<Program> w, Program e, bool p)
      : type(t), dtype(dtype_of(t)), bytes(static_cast<std::int64_t>(bytes_of(t))), widen(std::move(w)), epilogue(std::move(e)), plain(p) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const int r = out[0].rank;
    Sizes s{out[0].dim[r - 2], out[0].dim[r - 1], in[0].dim[r - 1], 1};
    for (int i = 0; i < r - 2; ++i) s.batches *= out[0].dim[i];
    if (s.m == 0 || s.n == 0) return MU_OK;
    try {
      batches(in, out[0], s);
      return MU_OK;
    } catch (const std::bad_alloc&) {
      return mu_fail(error, MU_OUT_OF_MEMORY, 0, "[matmul] no memory for a packed operand");
    }
  }

  // Many small products are shared out, big ones are cut inside.
  void batches(const mu_tensor* in, const mu_tensor& out, const Sizes& s) const {
    const std::int64_t work = most(1, s.m * s.n * s.k);
    std::atomic<bool> no_memory{false};
    const auto range = [&](std::int64_t b, std::int64_t e) {
      try {
        for (; b < e; ++b) one(in, out, s, b);
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    };
    if (s.batches < 4 || work > 16 * small_product)
      range(0, s.batches);
    else
      parallel(s.batches, most(1, small_product / work), range);
    if (no_memory) throw std::bad_alloc();
  }

  // One matrix of the batch, and what its epilogue needs.
  struct Job {
    const Matmul& plan;
    const mu_tensor *in, *out;
    std::int64_t batch;
    Matrix product, target;
  };

  void one(const mu_tensor* in, const mu_tensor& out, const Sizes& s, std::int64_t batch) const {
    Matrix a = matrix_of(in[0], out, batch), b = matrix_of(in[1], out, batch);
    const Matrix c = matrix_of(out, out, batch);
    if (widen) a = widened(in[0].dtype, a, s.m, s.k, scratch_wide_a), b = widened(in[1].dtype, b, s.k, s.n, scratch_wide_b);
    const bool dense = c.column == 1 || s.n == 1 || c.row == 1 || s.m == 1;
    Job job{*this, in, &out, batch, c, c};
    if (!dense || out.dtype != dtype)
      job.product = {static_cast<char*>(scratch(scratch_product, static_cast<std::size_t>(s.m * s.n * bytes))), s.n, 1};
    const Finish finish{finish_part, &job};
    const bool in_place = job.product.data == c.data;
    multiply(static_cast<int>(type), a, b, job.product, s.m, s.n, s.k, in_place && plain ? nullptr : &finish);
  }

  // The operand in the type of the sums.
  Matrix widened(mu_dtype from, const Matrix& m, std::int64_t rows, std::int64_t columns, int where) const {
    const Matrix to{static_cast<char*>(scratch(where, static_cast<std::size_t>(rows * columns * bytes))), columns, 1};
    const mu_tensor source = part_view(from, m, {0, rows, 0, columns}), target = part_view(dtype, to, {0, rows, 0, columns});
    const Run bound(*widen, target, &source, &target);
    parallel(bound.size(), bound.chunk(32768), [&](std::int64_t b, std::int64_t e) {
      Room room;
      bound.range(b, e, room);
    });
    return to;
  }

  static void finish_part(const void* arg, std::int64_t row, std::int64_t rows, std::int64_t column, std::int64_t columns) {
    const Job& j = *static_cast<const Job*>(arg);
    const Part part{row, rows, column, columns};
    const mu_tensor target = part_view(j.out->dtype, j.target, part);
    mu_tensor inputs[Program::most_inputs];
    inputs[0] = part_view(j.plan.dtype, j.product, part);
    for (std::uint32_t i = 2; i < j.plan.n_in; ++i) inputs[i - 1] = part_view(j.in[i].dtype, matrix_of(j.in[i], *j.out, j.batch), part);
    if (run_small(j.plan.epilogue, inputs, &target)) return;
    const Run bound(j.plan.epilogue, target, inputs, &target);
    Room room;
    bound.range(0, bound.size(), room);
  }

  Type type;  // of products and sums
  mu_dtype dtype;
  std::int64_t bytes;
  std::unique_ptr<Program> widen;  // null: the operands are of that type
  Program epilogue;
  bool plain;  // the epilogue only copies
};

Type sums_of(Type t) { return is_half(t) ? Type::f32 : t == Type::i8 || t == Type::u8 ? Type::i32 : t; }

void check_dims(const Views& v) {
  const mu_tensor &a = v.in[0], &b = v.in[1], &out = v.out[0];
  const int r = out.rank;
  const std::string dims = dims_text(a) + " times " + dims_text(b) + " to " + dims_text(out);
  if (r < 2 || a.rank != r || b.rank != r) invalid("[matmul] all views have one rank, 2 to 8: " + dims);
  bool fits = a.dim[r - 2] == out.dim[r - 2] && b.dim[r - 1] == out.dim[r - 1] && a.dim[r - 1] == b.dim[r - 2];
  for (int i = 0; i < r - 2; ++i) fits = fits && a.dim[i] == out.dim[i] && b.dim[i] == out.dim[i];
  if (!fits) invalid("[matmul] dims do not fit: " + dims);
}

}  // namespace

PlanPtr plan_matmul(const mu_op_matmul& op, const Views& v) {
  const Type a = checked_type(v.in[0], "[matmul] a"), b = checked_type(v.in[1], "[matmul] b"),
             out = checked_type(v.out[0], "[matmul] output");
  check_dims(v);
  if (a != b) invalid(std::string("[matmul] element types differ: ") + name_of(a) + " and " + name_of(b));
  if (a == Type::b8) unsupported("[matmul] bool is not supported");
  const Type acc = type_of(op.acc);
  if (acc != sums_of(a))
    unsupported(std::string("[matmul] sums of ") + name_of(a) + " are made in " + name_of(sums_of(a)) + ", in no other type");
  Program epilogue = epilogue_program(op.epilogue, acc, v, "[matmul]");
  auto widen = a == acc ? nullptr : std::make_unique<Program>(cast_program(v.in[0].dtype, op.acc));
  return std::make_unique<Matmul>(acc, std::move(widen), std::move(epilogue), !op.epilogue && acc == out);
}

}  // namespace mushin::builtin
