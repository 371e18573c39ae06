// The tables of kernels that the tile interpreter runs. One loop an opcode, element type and set of scalar operands, compiled for every
// instruction set; the best is chosen once.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mushin::builtin {

/// d[i] = f(a[i], b[i], c[i]) for i < n. d may be a, b or c itself where the element sizes are equal.
using Kernel = void (*)(void* d, const void* a, const void* b, const void* c, std::size_t n);

/// Indexed by the operands that are one value for all i (bit k: operand k). The last index (all of them) is not used: such an instruction
/// runs once, with n = 1.
struct Variants {
  Kernel with_scalars[8];
};

// Rows of an opcode table: core opcodes as they are, the optional ones behind them, then those of the interpreter itself.
inline constexpr int row_sigmoid = 43, row_expm1 = 44, row_log1p = 45, row_relu = 46, row_step = 47;
inline constexpr int row_mul_add = 48;  // a * b + c, rounded twice
inline constexpr int row_count = 49;
constexpr int row_of(int opcode) { return opcode < 128 ? opcode : opcode - 128 + row_sigmoid; }

struct OpTable {
  Variants row[row_count];
};

// Operations on values of one type; a row that does not apply is empty.
const OpTable& f32_table();
const OpTable& f64_table();
const OpTable& b8_table();
/// i64, i32, i8, u8
const OpTable& whole_table(int type);
/// Of any type that there are kernels for, in the order of Type.
inline const OpTable& op_table(int type) {
  return type == 0 ? f32_table() : type == 1 ? f64_table() : type < 6 ? whole_table(type) : b8_table();
}

/// Rows MU_PW_EQ … MU_PW_GE: a, b of the type, d bool.
const OpTable& compare_table(int type);
/// [from][to], in the order of Type. 16-bit floats are converted from and to f32 alone; the other entries are null.
struct CastTable {
  Kernel cast[9][9];
  Variants select_1, select_4, select_8;  // by the size of b, c, d
  Kernel isnan_f32, isnan_f64;
  Kernel round[2];  // f32 to the nearest that f16 (bf16) has, as f32
  Kernel odd[4];    // of f64, i64, i32 (by Type): to f32, rounded to odd, so that `round` rounds but once
};
const CastTable& cast_table();

}  // namespace mushin::builtin
