// Inside of the emitter: how types, constants, conversions and instructions are written.
#pragma once
#include "source.hpp"

namespace mushin::cuda::program {

/// In memory, and in a variable: 16-bit floats are held as the f32 of the same value.
const char* stored_type(Type);
const char* value_type(Type);
/// Expressions of one in terms of the other.
std::string loaded(Type, const std::string& x);
std::string to_store(Type, const std::string& x);
std::string constant(Type, std::uint64_t bits);
std::string cast(Type from, Type to, const std::string& x);
/// Of any instruction but MU_PW_IOTA. `operand`: the type of its operands (of a selection: of what is chosen).
std::string expression(const mu_pw_inst&, Type operand, Type result, const std::string* args);
/// The second operand is the constant 2.
std::string square(Type, const std::string& x);

}  // namespace mushin::cuda::program
