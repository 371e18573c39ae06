// The rules of the encoding, in one pass.
#include <algorithm>

#include "program.hpp"

#include "../../opcode_rules.hpp"

namespace mushin::cuda::program {
namespace {

[[noreturn]] void fail(mu_code code, const std::string& text) { throw Failure{code, "[program] " + text}; }
std::string place(int i, int op) { return "instruction " + std::to_string(i) + " (opcode " + std::to_string(op) + ")"; }

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

void add_instruction(Program& p, int i, const mu_pw_inst& s) {
  const opcodes::Rule* r = opcodes::rule_of(s.op);
  if (!r) fail(s.op > 128 ? MU_UNSUPPORTED : MU_INVALID, place(i, s.op) + " is not known here");
  if (s.flags) fail(MU_UNSUPPORTED, place(i, s.op) + ": flags are not known here");
  const std::uint16_t id[3] = {s.a, s.b, s.c};
  Type operand[3] = {Type::none, Type::none, Type::none};
  for (int k = 0; k < r->arity; ++k) {
    if (id[k] >= p.type.size()) fail(MU_INVALID, place(i, s.op) + ": operand " + std::to_string(id[k]) + " is not computed before it");
    operand[k] = p.type[id[k]];
  }
  const Type result = known_type(s.type, place(i, s.op));
  if (const char* rule = opcodes::broken_rule(*r, s, operand, result)) fail(MU_INVALID, place(i, s.op) + ": " + rule);
  if (r->form == opcodes::Form::iota && std::find(p.iota.begin(), p.iota.end(), s.aux) == p.iota.end()) p.iota.push_back(s.aux);
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
int arity_of(const mu_pw_inst& s) { return opcodes::rule_of(s.op)->arity; }

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
