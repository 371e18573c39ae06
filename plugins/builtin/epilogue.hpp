// Programs that run over the sums of an op before they are stored.
#pragma once
#include "program.hpp"

namespace mushin::builtin {

Program cast_program(mu_dtype from, mu_dtype to);

/// `text`, or a cast where there is none, checked against the op's views: input 0 is the sum, of type `acc`, the others are in[2…].
/// Throws Failure; `what` begins its text.
Program epilogue_program(const mu_pw_program* text, Type acc, const Views&, const std::string& what);

}  // namespace mushin::builtin
