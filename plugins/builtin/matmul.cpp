// MATMUL: batches, strides and the epilogue around the products of gemm.hpp.
#include <new>
#include <optional>

#include "gemm.hpp"
#include "interpreter.hpp"

namespace mushin::builtin {
namespace {

// The last two axes of a view, and where one matrix of the batch begins.
struct Matrix {
  char* data;
  std::int64_t row, column;
};
struct Sizes {
  std::int64_t m, n, k, batches;
};

Matrix matrix_of(const mu_tensor& v, const mu_tensor& out, std::int64_t batch) {
  std::int64_t at = 0;
  for (int i = v.rank - 3; i >= 0; --i) at += batch % out.dim[i] * v.stride[i], batch /= out.dim[i];
  return {address(v) + at * static_cast<std::int64_t>(mu_dtype_bytes(v.dtype)), v.stride[v.rank - 2], v.stride[v.rank - 1]};
}

mu_tensor rows_view(const mu_tensor& v, const Matrix& m, std::int64_t row, std::int64_t rows, std::int64_t n) {
  mu_tensor t;
  t.size = sizeof t, t.dtype = v.dtype, t.rank = 2, t.layout = MU_LAYOUT_STRIDED, t.flags = 0;
  t.buffer = reinterpret_cast<mu_buffer*>(m.data + row * m.row * static_cast<std::int64_t>(mu_dtype_bytes(v.dtype)));
  t.byte_offset = 0;
  t.dim[0] = rows, t.dim[1] = n, t.stride[0] = m.row, t.stride[1] = m.column;
  return t;
}

struct Matmul final : mu_plan {
  Matmul(Type t, mu_dtype d, std::optional<Program> e)
      : type(t), dtype(d), bytes(static_cast<std::int64_t>(bytes_of(t))), epilogue(std::move(e)) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    const int r = out[0].rank;
    Sizes s{out[0].dim[r - 2], out[0].dim[r - 1], in[0].dim[r - 1], 1};
    for (int i = 0; i < r - 2; ++i) s.batches *= out[0].dim[i];
    if (s.m == 0 || s.n == 0) return MU_OK;
    try {
      for (std::int64_t b = 0; b < s.batches; ++b) one(in, out[0], s, b);
      return MU_OK;
    } catch (const std::bad_alloc&) {
      return mu_fail(error, MU_OUT_OF_MEMORY, 0, "[matmul] no memory for a packed operand");
    }
  }

  void one(const mu_tensor* in, const mu_tensor& out, const Sizes& s, std::int64_t batch) const {
    const Matrix a = matrix_of(in[0], out, batch), b = matrix_of(in[1], out, batch), c = matrix_of(out, out, batch);
    const bool direct = (c.column == 1 || s.n == 1) && out.dtype == dtype;
    Matrix to = c;
    if (!direct) to = {static_cast<char*>(scratch(2, static_cast<std::size_t>(s.m * s.n * bytes))), s.n, 1};
    multiply(a, b, to, s);
    if (direct && !epilogue) return;
    const mu_tensor target = rows_view(out, c, 0, s.m, s.n);
    mu_tensor inputs[Program::most_inputs];
    mu_tensor product = target;
    product.dtype = dtype, product.buffer = reinterpret_cast<mu_buffer*>(to.data), product.stride[0] = to.row,
    product.stride[1] = to.column;
    inputs[0] = product;
    for (std::uint32_t i = 2; i < n_in; ++i) inputs[i - 1] = rows_view(in[i], matrix_of(in[i], out, batch), 0, s.m, s.n);
    const Run bound(*epilogue, target, inputs, &target);
    Room room;
    bound.range(0, bound.size(), room);
  }

  void multiply(const Matrix& a, const Matrix& b, const Matrix& c, const Sizes& s) const {
    Product p{c.data, a.data, b.data, s.m, s.n, s.k, c.row, a.row, a.column, b.row};
    if (b.column != 1 && s.n > 1) {
      char* dense = static_cast<char*>(scratch(3, static_cast<std::size_t>(s.k * s.n * bytes)));
      take(dense, b.data, static_cast<std::size_t>(bytes), {2, {s.k, s.n}}, {{b.row, b.column}}, 0, s.k * s.n);
      p.b = dense, p.b_row = s.n;
    }
    gemm_table(static_cast<int>(type)).small(p);
  }

  Type type;
  mu_dtype dtype;
  std::int64_t bytes;
  std::optional<Program> epilogue;
};

Program cast_program(mu_dtype from, mu_dtype to) {
  const mu_pw_inst cast{MU_PW_CAST, 0, to, 0, MU_PW_NONE, MU_PW_NONE, 0};
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1, p.n_in = 1, p.n_inst = 1, p.n_out = 1, p.out[0] = 1;
  p.in_type = &from, p.inst = &cast;
  return compile(p, Outputs::stored);
}

void check_dims(const Views& v) {
  const mu_tensor &a = v.in[0], &b = v.in[1], &out = v.out[0];
  const int r = out.rank;
  const std::string dims = dims_text(a) + " times " + dims_text(b) + " to " + dims_text(out);
  if (r < 2 || a.rank != r || b.rank != r) invalid("[matmul] all views have one rank, 2 to 8: " + dims);
  bool fits = a.dim[r - 2] == out.dim[r - 2] && b.dim[r - 1] == out.dim[r - 1] && a.dim[r - 1] == b.dim[r - 2];
  for (int i = 0; i < r - 2; ++i) fits = fits && a.dim[i] == out.dim[i] && b.dim[i] == out.dim[i];
  if (!fits) invalid("[matmul] dims do not fit: " + dims);
  for (std::uint32_t i = 2; i < v.n_in; ++i) require_equal_dims(v.in[i], out, "[matmul] epilogue input and output");
}

}  // namespace

PlanPtr plan_matmul(const mu_op_matmul& op, const Views& v) {
  const Type a = checked_type(v.in[0], "[matmul] a"), b = checked_type(v.in[1], "[matmul] b"),
             out = checked_type(v.out[0], "[matmul] output");
  check_dims(v);
  if (a != b) invalid(std::string("[matmul] element types differ: ") + name_of(a) + " and " + name_of(b));
  if (a == Type::b8) unsupported("[matmul] bool is not supported");
  if (op.acc != v.in[0].dtype) unsupported(std::string("[matmul] sums of ") + name_of(a) + " in another type are not supported");
  std::optional<Program> epilogue;
  if (op.epilogue) {
    epilogue = compile(*op.epilogue, Outputs::stored);
    if (epilogue->n_in < 1 || epilogue->n_out != 1) invalid("[matmul] an epilogue has the product as input 0 and one output");
    if (epilogue->in_type[0] != a || epilogue->out_type[0] != out)
      invalid("[matmul] the epilogue's types are not those of the product and output");
    require_types(*epilogue, {v.n_in - 2, v.in + 2, v.n_out, v.out}, 1, "[matmul] epilogue:");
  } else {
    if (v.n_in > 2) invalid("[matmul] further inputs need an epilogue");
    if (out != a) epilogue = cast_program(v.in[0].dtype, v.out[0].dtype);
  }
  return std::make_unique<Matmul>(a, v.in[0].dtype, std::move(epilogue));
}

}  // namespace mushin::builtin
