// The rules of the program encoding, and which kernel serves which opcode.
#include "program.hpp"

namespace mushin::builtin {
namespace {

constexpr std::uint8_t F = 1, I = 2, B = 4, any = F | I | B;
enum class Form : std::uint8_t { none, same, compare, select, cast, isnan, iota };
struct Opcode {
  std::uint8_t arity;
  std::uint8_t operands;  // kinds of type
  Form form;
};
constexpr Opcode core[MU_PW_CORE_END] = {
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
constexpr Opcode optional[MU_PW_OPTIONAL_END - 128] = {
    {1, F, Form::same},  // sigmoid
    {1, F, Form::same},  // expm1
    {1, F, Form::same},  // log1p
    {1, F, Form::same},  // relu
    {2, F, Form::same},  // step
};

std::uint8_t kind_of(Type t) { return t == Type::b8 ? B : t >= Type::i64 && t <= Type::u8 ? I : F; }

std::string at(int i, int op) { return "instruction " + std::to_string(i) + " (opcode " + std::to_string(op) + ")"; }

Opcode opcode(int i, int op) {
  if (op < MU_PW_CORE_END && core[op].form != Form::none) return core[op];
  if (op >= 128 && op < MU_PW_OPTIONAL_END) return optional[op - 128];
  if (op > 128) unsupported("[program] " + at(i, op) + " is not known here");
  invalid("[program] " + at(i, op) + " does not exist");
}

Type known_type(mu_dtype t, const std::string& where) {
  const Type type = type_of(t);
  if (type == Type::none) unsupported("[program] " + where + ": element type " + std::to_string(t) + " is not supported");
  return type;
}

void check_header(const mu_pw_program& p) {
  if (p.magic != MU_PW_MAGIC || p.size < sizeof p) invalid("[program] this is no program: wrong magic or size");
  if (p.version != 1) unsupported("[program] version " + std::to_string(p.version) + " is not known here");
  if (p.n_out == 0 || p.n_out > Program::most_outputs) invalid("[program] " + std::to_string(p.n_out) + " outputs; there are 1 to 16");
  if ((p.n_in && !p.in_type) || (p.n_const && (!p.const_bits || !p.const_type)) || (p.n_inst && !p.inst))
    invalid("[program] a pointer is missing");
  if (p.n_in > Program::most_inputs || p.n_const > Program::most_constants || p.n_inst > Program::most_instructions)
    unsupported("[program] too long: " + std::to_string(p.n_in) + " inputs, " + std::to_string(p.n_const) + " constants, " +
                std::to_string(p.n_inst) + " instructions");
}

// The operands' types against the opcode's form and the stated type of the result.
void check_types(int i, const mu_pw_inst& s, const Opcode& o, const Type* operand, Type result) {
  const auto require = [&](bool ok, const char* rule) {
    if (!ok) invalid("[program] " + at(i, s.op) + ": " + rule);
  };
  const std::uint8_t first = o.arity ? kind_of(operand[0]) : any;
  require((first & o.operands) != 0, "operands of this type are not allowed");
  switch (o.form) {
    case Form::same:
      for (int k = 0; k < o.arity; ++k) require(operand[k] == result, "operands and result must have one type");
      break;
    case Form::compare:
      require(operand[0] == operand[1] && result == Type::b8, "operands must have one type, the result is bool");
      break;
    case Form::select:
      require(operand[1] == operand[2] && operand[1] == result, "both choices and the result must have one type");
      break;
    case Form::isnan:
      require(result == Type::b8, "the result is bool");
      break;
    case Form::iota:
      require(result == Type::i64 && s.aux <= MU_MAX_RANK, "the result is int64, the axis at most 8");
      break;
    case Form::cast:
    case Form::none:
      break;
  }
}

}  // namespace

std::vector<Type> verify(const mu_pw_program& p) {
  check_header(p);
  std::vector<Type> type;
  for (int i = 0; i < p.n_in; ++i) type.push_back(known_type(p.in_type[i], "input " + std::to_string(i)));
  for (int i = 0; i < p.n_const; ++i) type.push_back(known_type(p.const_type[i], "constant " + std::to_string(i)));
  for (int i = 0; i < p.n_inst; ++i) {
    const mu_pw_inst& s = p.inst[i];
    const Opcode o = opcode(i, s.op);
    if (s.flags) unsupported("[program] " + at(i, s.op) + ": flags are not known here");
    const std::uint16_t id[3] = {s.a, s.b, s.c};
    Type operand[3] = {Type::none, Type::none, Type::none};
    for (int k = 0; k < 3; ++k) {
      if (k >= o.arity) continue;
      if (id[k] >= type.size()) invalid("[program] " + at(i, s.op) + ": operand " + std::to_string(id[k]) + " is not computed before it");
      operand[k] = type[id[k]];
    }
    const Type result = known_type(s.type, at(i, s.op));
    check_types(i, s, o, operand, result);
    const bool always = o.form == Form::iota || o.form == Form::cast;
    if (!always && !find_kernel(s.op, computed(operand[o.form == Form::select ? 1 : 0]), computed(result)))
      unsupported("[program] " + at(i, s.op) + " is not supported for " + name_of(result));
    type.push_back(result);
  }
  for (int k = 0; k < p.n_out; ++k)
    if (p.out[k] >= type.size()) invalid("[program] output " + std::to_string(k) + ": there is no value " + std::to_string(p.out[k]));
  return type;
}

namespace {
// The kernels of cast_table() as rows of one variant.
struct CastRows {
  Variants cast[type_count][type_count]{}, isnan[2]{}, round[2]{}, odd[4]{};
  CastRows() {
    const CastTable& t = cast_table();
    for (int from = 0; from < type_count; ++from)
      for (int to = 0; to < type_count; ++to) cast[from][to].with_scalars[0] = t.cast[from][to];
    isnan[0].with_scalars[0] = t.isnan_f32, isnan[1].with_scalars[0] = t.isnan_f64;
    for (int i = 0; i < 2; ++i) round[i].with_scalars[0] = t.round[i];
    for (int i = 0; i < 4; ++i) odd[i].with_scalars[0] = t.odd[i];
  }
};
}  // namespace

const Variants* find_kernel(int op, Type operands, Type result) {
  static const CastRows rows;
  const int from = static_cast<int>(operands), to = static_cast<int>(result);
  if (op == MU_PW_CAST) return &rows.cast[from][to];
  if (op == op_odd) return &rows.odd[from];
  if (op >= op_round_f16) return &rows.round[op - op_round_f16];
  if (op == MU_PW_ISNAN) return from < 2 ? &rows.isnan[from] : nullptr;
  if (op >= MU_PW_EQ && op <= MU_PW_GE) return &compare_table(from).row[op];
  if (op == MU_PW_SELECT) {
    const CastTable& t = cast_table();
    return bytes_of(result) == 1 ? &t.select_1 : bytes_of(result) == 4 ? &t.select_4 : &t.select_8;
  }
  const Variants& v = op_table(from).row[row_of(op)];
  return v.with_scalars[0] ? &v : nullptr;
}

}  // namespace mushin::builtin
