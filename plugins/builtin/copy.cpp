// COPY, REORDER and FILL: programs of one instruction at most, and transposition.
#include "strided.hpp"

namespace mushin::builtin {
namespace {
mu_pw_program program_of(std::uint16_t n_in, std::uint16_t n_const, std::uint16_t n_inst) {
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1;
  p.n_in = n_in, p.n_const = n_const, p.n_inst = n_inst, p.n_out = 1;
  p.out[0] = n_inst;  // the last value: there is one input, or one constant
  return p;
}

constexpr std::int64_t block = 16, rows_at_once = 64;

// out[i out_row + j] = in[i + j in_column] for i < rows, j < columns, by square blocks: whole cache lines on both sides.
template <class T>
void transpose(T* out, const T* in, std::int64_t rows, std::int64_t columns, std::int64_t out_row, std::int64_t in_column) {
  for (std::int64_t j = 0; j < columns; j += block)
    for (std::int64_t i = 0; i < rows; i += block) {
      T square[block][block];
      const std::int64_t m = least(block, rows - i), n = least(block, columns - j);
      const T* from = in + i + j * in_column;
      T* to = out + i * out_row + j;
      if (m == block && n == block) {
        for (std::int64_t b = 0; b < block; ++b)
          for (std::int64_t a = 0; a < block; ++a) square[a][b] = from[b * in_column + a];
        for (std::int64_t a = 0; a < block; ++a)
          for (std::int64_t b = 0; b < block; ++b) to[a * out_row + b] = square[a][b];
      } else {
        for (std::int64_t b = 0; b < n; ++b)
          for (std::int64_t a = 0; a < m; ++a) to[a * out_row + b] = from[b * in_column + a];
      }
    }
}

// Copies within one type: a transposing one where the input's dense axis is not the output's.
struct Copy final : mu_plan {
  Copy(PlanPtr p, std::size_t b) : plain(std::move(p)), bytes(static_cast<std::int64_t>(b)) {}

  mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept override {
    if (out[0].rank < 2 || is_contiguous(in[0])) return plain->run(in, out, error);
    Axes axes;
    Strides s[2];
    const mu_tensor* views[2] = {in, out};
    collapse(out[0], 2, views, axes, s);
    const int last = axes.rank - 1;
    int dense = last;
    for (int i = 0; i < last; ++i)
      if (s[0].of[i] == 1) dense = i;
    if (dense == last || s[1].of[last] != 1 || axes.dim[dense] < 4 || axes.dim[last] < 4 || count_of(out[0]) == 0)
      return plain->run(in, out, error);
    turn(address(in[0]), address(out[0]), axes, s, dense);
    return MU_OK;
  }

  void turn(const char* in, char* out, const Axes& axes, const Strides* s, int dense) const {
    const int last = axes.rank - 1;
    const std::int64_t height = axes.dim[dense], width = axes.dim[last], groups = (height + rows_at_once - 1) / rows_at_once;
    std::int64_t outer = 1;
    for (int i = 0; i < last; ++i) outer *= i == dense ? 1 : axes.dim[i];
    parallel(outer * groups, most(1, 16384 / most(1, rows_at_once * width)), [&](std::int64_t b, std::int64_t e) {
      for (; b < e; ++b) {
        const std::int64_t row = b % groups * rows_at_once, rows = least(rows_at_once, height - row);
        std::int64_t from = row, to = row * s[1].of[dense], rest = b / groups;
        for (int i = last - 1; i >= 0; --i) {
          if (i == dense) continue;
          const std::int64_t k = rest % axes.dim[i];
          rest /= axes.dim[i], from += k * s[0].of[i], to += k * s[1].of[i];
        }
        one(in + from * bytes, out + to * bytes, rows, width, s[1].of[dense], s[0].of[last]);
      }
    });
  }
  void one(const char* in, char* out, std::int64_t rows, std::int64_t columns, std::int64_t out_row, std::int64_t in_column) const {
    const auto typed = [&](auto* to) {
      transpose(to, reinterpret_cast<decltype(to)>(const_cast<char*>(in)), rows, columns, out_row, in_column);
    };
    if (bytes == 4) return typed(reinterpret_cast<std::uint32_t*>(out));
    if (bytes == 8) return typed(reinterpret_cast<std::uint64_t*>(out));
    if (bytes == 2) return typed(reinterpret_cast<std::uint16_t*>(out));
    typed(reinterpret_cast<std::uint8_t*>(out));
  }

  PlanPtr plain;
  std::int64_t bytes;
};
}  // namespace

PlanPtr plan_copy(const mu_op_copy&, const Views& v) {
  const Type from = checked_type(v.in[0], "[copy] input"), to = checked_type(v.out[0], "[copy] output");
  require_equal_dims(v.in[0], v.out[0], "[copy] input and output");
  const mu_pw_inst cast{MU_PW_CAST, 0, v.out[0].dtype, 0, MU_PW_NONE, MU_PW_NONE, 0};
  mu_pw_program p = program_of(1, 0, from != to);
  p.in_type = &v.in[0].dtype, p.inst = &cast;
  PlanPtr plain = plan_program(p);
  if (from != to) return plain;
  return std::make_unique<Copy>(std::move(plain), bytes_of(from));
}

PlanPtr plan_fill(const mu_op_fill& op, const Views& v) {
  checked_type(v.out[0], "[fill] output");
  mu_pw_program p = program_of(0, 1, 0);
  p.const_bits = &op.bits, p.const_type = &v.out[0].dtype;
  return plan_program(p);
}

}  // namespace mushin::builtin
