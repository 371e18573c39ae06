// A scalar interpreter of pointwise programs, for opcodes whose results are exact: what a backend must reproduce bit for bit.
#pragma once
#include "backend.hpp"

namespace backend_test {

/// An element of any type, in its low bytes.
using Bits = std::uint64_t;

/// Results of every output at one position. `operands`: of the inputs there. `index`: position in the iteration space of `dims`.
std::vector<Bits> interpret(const ProgramText&, const std::vector<Bits>& operands, std::int64_t index, const Sizes& dims);
/// One instruction.
Bits apply(int op, mu_dtype operands, mu_dtype result, Bits a, Bits b, Bits c);

Bits read_element(const mu_tensor& v, std::int64_t offset);
void write_element(const mu_tensor& v, std::int64_t offset, Bits value);
/// The element of any type that a number is converted to.
Bits element_of(mu_dtype, double value);
/// Equal, or both NaN.
bool same(mu_dtype, Bits a, Bits b);

}  // namespace backend_test
