// Programs of the plugin boundary, checked, with memory of their own.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "mushin/plugin.h"

namespace mushin::cuda::program {

/// 16-bit floats are computed in f32 and rounded after each instruction.
enum class Type : std::uint8_t { f32, f64, i64, i32, i8, u8, b8, f16, bf16, none };
Type type_of(mu_dtype) noexcept;  // none: not one of ours
const char* name_of(Type) noexcept;
constexpr std::int64_t bytes_of(Type t) {
  constexpr std::uint8_t bytes[] = {4, 8, 8, 4, 1, 1, 1, 2, 2, 0};
  return bytes[static_cast<int>(t)];
}
constexpr bool is_half(Type t) { return t == Type::f16 || t == Type::bf16; }
constexpr bool is_real(Type t) { return t <= Type::f64 || is_half(t); }
constexpr Type computed(Type t) { return is_half(t) ? Type::f32 : t; }

/// Why an op has no kernel. Thrown by what plans, never by what runs.
struct Failure {
  mu_code code;
  std::string text;
};

struct Program {
  static constexpr int most_inputs = 24, most_outputs = 8, most_constants = 64, most_instructions = 256;
  int n_in = 0;
  std::vector<std::uint64_t> constant;
  std::vector<mu_pw_inst> inst;
  std::vector<int> out;
  std::vector<Type> type;  // of all values
  std::vector<int> iota;   // `aux` of its MU_PW_IOTA instructions, each once, ascending
  int first_inst() const { return n_in + static_cast<int>(constant.size()); }
  Type out_type(int k) const { return type[static_cast<std::size_t>(out[static_cast<std::size_t>(k)])]; }
};
int arity_of(const mu_pw_inst&);

/// Throws Failure: MU_INVALID for a program against the rules of plugin_ops.h, MU_UNSUPPORTED for one that is beyond this emitter.
Program verify(const mu_pw_program&);

}  // namespace mushin::cuda::program
