// What the boundary says of each opcode, for plugins that check programs: operands, and which types go together.
#pragma once
#include <algorithm>
#include <cstdint>

#include "mushin/plugin.h"

namespace mushin::opcodes {

// Kinds of types: of floats, of integers, bool.
inline constexpr std::uint8_t F = 1, I = 2, B = 4, any = F | I | B;
enum class Form : std::uint8_t { none, same, compare, select, cast, isnan, iota };
struct Rule {
  std::uint8_t arity, operands;  // kinds of type
  Form form;
};

inline constexpr Rule core[MU_PW_CORE_END] = {
    {},
    {2, any, Form::same},     // add
    {2, F | I, Form::same},   // sub
    {2, any, Form::same},     // mul
    {2, F | I, Form::same},   // div
    {2, F | I, Form::same},   // rem
    {2, any, Form::same},     // min
    {2, any, Form::same},     // max
    {3, F, Form::same},       // fma
    {1, F | I, Form::same},   // neg
    {1, F | I, Form::same},   // abs
    {1, F, Form::same},       // sqrt
    {1, F, Form::same},       // rsqrt
    {1, F, Form::same},       // exp
    {1, F, Form::same},       // log
    {1, F, Form::same},       // sin
    {1, F, Form::same},       // cos
    {1, F, Form::same},       // tanh
    {1, F, Form::same},       // erf
    {2, F | I, Form::same},   // pow
    {1, F, Form::same},       // floor
    {1, F, Form::same},       // ceil
    {1, F, Form::same},       // trunc
    {1, F, Form::same},       // rint
    {2, any, Form::compare},  // eq
    {2, any, Form::compare},  // ne
    {2, any, Form::compare},  // lt
    {2, any, Form::compare},  // le
    {2, any, Form::compare},  // gt
    {2, any, Form::compare},  // ge
    {2, I | B, Form::same},   // and
    {2, I | B, Form::same},   // or
    {2, I | B, Form::same},   // xor
    {1, I | B, Form::same},   // not
    {2, I, Form::same},       // shl
    {2, I, Form::same},       // shr
    {3, B, Form::select},     // select
    {1, any, Form::cast},     // cast
    {1, F, Form::isnan},      // isnan
    {0, any, Form::iota},     // iota
    {1, F, Form::same},       // asin
    {1, F, Form::same},       // acos
    {1, F, Form::same},       // atan
};
inline constexpr Rule optional[MU_PW_OPTIONAL_END - 128] = {
    {1, F, Form::same},  // sigmoid
    {1, F, Form::same},  // expm1
    {1, F, Form::same},  // log1p
    {1, F, Form::same},  // relu
    {2, F, Form::same},  // step
};

/// Null: there is no such opcode.
constexpr const Rule* rule_of(int op) {
  if (op > 0 && op < MU_PW_CORE_END) return &core[op];
  return op >= 128 && op < MU_PW_OPTIONAL_END ? &optional[op - 128] : nullptr;
}

/// The rule that the types break, or null. Type: an enum with f32, f64, i64 … u8, b8 and the 16-bit floats in this order.
template <class Type>
const char* broken_rule(const Rule& r, const mu_pw_inst& s, const Type* operand, Type result) {
  const std::uint8_t kind = operand[0] == Type::b8 ? B : operand[0] >= Type::i64 && operand[0] <= Type::u8 ? I : F;
  if (r.arity && !(kind & r.operands)) return "operands of this type are not allowed";
  if (r.form == Form::same && std::any_of(operand, operand + r.arity, [result](Type t) { return t != result; }))
    return "operands and result must have one type";
  if (r.form == Form::compare && (operand[0] != operand[1] || result != Type::b8)) return "operands must have one type, the result is bool";
  if (r.form == Form::select && (operand[1] != operand[2] || operand[1] != result)) return "both choices and the result must have one type";
  if (r.form == Form::isnan && result != Type::b8) return "the result is bool";
  if (r.form == Form::iota && (result != Type::i64 || s.aux > MU_MAX_RANK)) return "the result is int64, the axis at most 8";
  return nullptr;
}

}  // namespace mushin::opcodes
