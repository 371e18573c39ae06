// The rules of the program encoding, and which kernel serves which opcode.
#include "program.hpp"

#include "../opcode_rules.hpp"

namespace mushin::builtin {
namespace {

std::string at(int i, int op) { return "instruction " + std::to_string(i) + " (opcode " + std::to_string(op) + ")"; }

const opcodes::Rule& rule_of(int i, int op) {
  if (const opcodes::Rule* r = opcodes::rule_of(op)) return *r;
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

}  // namespace

std::vector<Type> verify(const mu_pw_program& p) {
  check_header(p);
  std::vector<Type> type;
  for (int i = 0; i < p.n_in; ++i) type.push_back(known_type(p.in_type[i], "input " + std::to_string(i)));
  for (int i = 0; i < p.n_const; ++i) type.push_back(known_type(p.const_type[i], "constant " + std::to_string(i)));
  for (int i = 0; i < p.n_inst; ++i) {
    const mu_pw_inst& s = p.inst[i];
    const opcodes::Rule& rule = rule_of(i, s.op);
    if (s.flags) unsupported("[program] " + at(i, s.op) + ": flags are not known here");
    const std::uint16_t id[3] = {s.a, s.b, s.c};
    Type operand[3] = {Type::none, Type::none, Type::none};
    for (int k = 0; k < 3; ++k) {
      if (k >= rule.arity) continue;
      if (id[k] >= type.size()) invalid("[program] " + at(i, s.op) + ": operand " + std::to_string(id[k]) + " is not computed before it");
      operand[k] = type[id[k]];
    }
    const Type result = known_type(s.type, at(i, s.op));
    if (const char* broken = opcodes::broken_rule(rule, s, operand, result)) invalid("[program] " + at(i, s.op) + ": " + broken);
    const bool always = rule.form == opcodes::Form::iota || rule.form == opcodes::Form::cast;
    if (!always && !find_kernel(s.op, computed(operand[rule.form == opcodes::Form::select ? 1 : 0]), computed(result)))
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
