// COPY, REORDER and FILL: programs of one instruction at most.
#include "common.hpp"

namespace mushin::builtin {
namespace {
mu_pw_program program_of(std::uint16_t n_in, std::uint16_t n_const, std::uint16_t n_inst) {
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1;
  p.n_in = n_in, p.n_const = n_const, p.n_inst = n_inst, p.n_out = 1;
  p.out[0] = n_inst;  // the last value: there is one input, or one constant
  return p;
}
}  // namespace

PlanPtr plan_copy(const mu_op_copy&, const Views& v) {
  const Type from = checked_type(v.in[0], "[copy] input"), to = checked_type(v.out[0], "[copy] output");
  require_equal_dims(v.in[0], v.out[0], "[copy] input and output");
  const mu_pw_inst cast{MU_PW_CAST, 0, v.out[0].dtype, 0, MU_PW_NONE, MU_PW_NONE, 0};
  mu_pw_program p = program_of(1, 0, from != to);
  p.in_type = &v.in[0].dtype, p.inst = &cast;
  return plan_program(p);
}

PlanPtr plan_fill(const mu_op_fill& op, const Views& v) {
  checked_type(v.out[0], "[fill] output");
  mu_pw_program p = program_of(0, 1, 0);
  p.const_bits = &op.bits, p.const_type = &v.out[0].dtype;
  return plan_program(p);
}

}  // namespace mushin::builtin
