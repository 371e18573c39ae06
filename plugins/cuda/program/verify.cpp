// The rules of the encoding, in one pass.
#include <algorithm>

#include "program.hpp"

namespace mushin::cuda::program {
namespace {

enum class Form : std::uint8_t { none, same, compare, select, cast, isnan, iota };
constexpr std::uint8_t F = 1, I = 2, B = 4, any = 7;
struct Rule {
  std::uint8_t arity, operands;
  Form form;
};

constexpr Rule core[MU_PW_CORE_END] = {
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
constexpr Rule optional[MU_PW_OPTIONAL_END - 128] = {
    {1, F, Form::same},  // sigmoid
    {1, F, Form::same},  // expm1
    {1, F, Form::same},  // log1p
    {1, F, Form::same},  // relu
    {2, F, Form::same},  // step
};

[[noreturn]] void fail(mu_code code, const std::string& text) { throw Failure{code, "[program] " + text}; }
std::string place(int i, int op) { return "instruction " + std::to_string(i) + " (opcode " + std::to_string(op) + ")"; }

const Rule* rule_of(int op) {
  if (op > 0 && op < MU_PW_CORE_END) return &core[op];
  return op >= 128 && op < MU_PW_OPTIONAL_END ? &optional[op - 128] : nullptr;
}

Type known_type(mu_dtype t, const std::string& where) {
  const Type type = type_of(t);
  if (type == Type::none) fail(MU_UNSUPPORTED, where + ": element type " + std::to_string(t) + " is not supported");
  return type;
}

void check_header(const mu_pw_program& p) {
  if (p.magic != MU_PW_MAGIC || p.size < sizeof p) fail(MU_INVALID, "this is no program: wrong magic or size");
  if (p.version != 1) fail(MU_UNSUPPORTED, "version " + std::to_string(p.version) + " is not known here");
  if (p.n_out == 0 || p.n_out > 16) fail(MU_INVALID, std::to_string(p.n_out) + " outputs; there are 1 to 16");
  if ((p.n_in && !p.in_type) || (p.n_const && (!p.const_bits || !p.const_type)) || (p.n_inst && !p.inst))
    fail(MU_INVALID, "a pointer is missing");
  if (p.n_in > Program::most_inputs || p.n_out > Program::most_outputs || p.n_const > Program::most_constants ||
      p.n_inst > Program::most_instructions)
    fail(MU_UNSUPPORTED, "too long: " + std::to_string(p.n_in) + " inputs, " + std::to_string(p.n_out) + " outputs, " +
                             std::to_string(p.n_const) + " constants, " + std::to_string(p.n_inst) + " instructions");
}

const char* broken_rule(const mu_pw_inst& s, const Rule& r, const Type* operand, Type result) {
  const std::uint8_t kind = operand[0] == Type::b8 ? B : is_real(operand[0]) ? F : I;
  if (r.arity && !(kind & r.operands)) return "operands of this type are not allowed";
  if (r.form == Form::same && std::any_of(operand, operand + r.arity, [result](Type t) { return t != result; }))
    return "operands and result must have one type";
  if (r.form == Form::compare && (operand[0] != operand[1] || result != Type::b8)) return "operands must have one type, the result is bool";
  if (r.form == Form::select && (operand[1] != operand[2] || operand[1] != result)) return "both choices and the result must have one type";
  if (r.form == Form::isnan && result != Type::b8) return "the result is bool";
  if (r.form == Form::iota && (result != Type::i64 || s.aux > MU_MAX_RANK)) return "the result is int64, the axis at most 8";
  return nullptr;
}

void add_instruction(Program& p, int i, const mu_pw_inst& s) {
  const Rule* r = rule_of(s.op);
  if (!r) fail(s.op > 128 ? MU_UNSUPPORTED : MU_INVALID, place(i, s.op) + " is not known here");
  if (s.flags) fail(MU_UNSUPPORTED, place(i, s.op) + ": flags are not known here");
  const std::uint16_t id[3] = {s.a, s.b, s.c};
  Type operand[3] = {Type::none, Type::none, Type::none};
  for (int k = 0; k < r->arity; ++k) {
    if (id[k] >= p.type.size()) fail(MU_INVALID, place(i, s.op) + ": operand " + std::to_string(id[k]) + " is not computed before it");
    operand[k] = p.type[id[k]];
  }
  const Type result = known_type(s.type, place(i, s.op));
  if (const char* rule = broken_rule(s, *r, operand, result)) fail(MU_INVALID, place(i, s.op) + ": " + rule);
  if (r->form == Form::iota && std::find(p.iota.begin(), p.iota.end(), s.aux) == p.iota.end()) p.iota.push_back(s.aux);
  p.inst.push_back(s);
  p.type.push_back(result);
}

}  // namespace

Type type_of(mu_dtype t) noexcept {
  constexpr mu_dtype known[] = {MU_F32, MU_F64, MU_I64, MU_I32, MU_I8, MU_U8, MU_BOOL, MU_F16, MU_BF16};
  return static_cast<Type>(std::find(std::begin(known), std::end(known), t) - std::begin(known));
}
const char* name_of(Type t) noexcept {
  constexpr const char* names[] = {"float32", "float64", "int64", "int32", "int8", "uint8", "bool", "float16", "bfloat16", "none"};
  return names[static_cast<int>(t)];
}
int arity_of(const mu_pw_inst& s) { return rule_of(s.op)->arity; }

Program verify(const mu_pw_program& d) {
  check_header(d);
  Program p;
  p.n_in = d.n_in;
  for (int i = 0; i < d.n_in; ++i) p.type.push_back(known_type(d.in_type[i], "input " + std::to_string(i)));
  for (int i = 0; i < d.n_const; ++i) {
    p.type.push_back(known_type(d.const_type[i], "constant " + std::to_string(i)));
    p.constant.push_back(d.const_bits[i]);
  }
  for (int i = 0; i < d.n_inst; ++i) add_instruction(p, i, d.inst[i]);
  for (int k = 0; k < d.n_out; ++k) {
    if (d.out[k] >= p.type.size()) fail(MU_INVALID, "output " + std::to_string(k) + ": there is no value " + std::to_string(d.out[k]));
    p.out.push_back(d.out[k]);
  }
  std::sort(p.iota.begin(), p.iota.end());
  return p;
}

}  // namespace mushin::cuda::program
