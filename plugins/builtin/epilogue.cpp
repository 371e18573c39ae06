#include "epilogue.hpp"

namespace mushin::builtin {

Program cast_program(mu_dtype from, mu_dtype to) {
  const mu_pw_inst cast{MU_PW_CAST, 0, to, 0, MU_PW_NONE, MU_PW_NONE, 0};
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1, p.n_in = 1, p.n_inst = 1, p.n_out = 1, p.out[0] = 1;
  p.in_type = &from, p.inst = &cast;
  return compile(p, Outputs::stored);
}

Program epilogue_program(const mu_pw_program* text, Type acc, const Views& v, const std::string& what) {
  for (std::uint32_t i = 2; i < v.n_in; ++i) require_equal_dims(v.in[i], v.out[0], (what + " epilogue input and output").c_str());
  if (!text) {
    if (v.n_in > 2) invalid(what + " further inputs need an epilogue");
    return cast_program(dtype_of(acc), v.out[0].dtype);
  }
  Program p = compile(*text, Outputs::stored);
  if (p.n_in < 1 || p.n_out != 1) invalid(what + " an epilogue has the product as input 0 and one output");
  if (p.in_type[0] != acc || p.out_type[0] != type_of(v.out[0].dtype))
    invalid(what + " the epilogue's types are not those of the product and output");
  require_types(p, {v.n_in - 2, v.in + 2, v.n_out, v.out}, 1, (what + " epilogue:").c_str());
  return p;
}

}  // namespace mushin::builtin
