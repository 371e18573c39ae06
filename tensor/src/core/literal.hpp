// Literals: values that are known without any memory. They fold with each other, so a scalar that passes through ten ops
// of a gradient costs no run of a plan.
#pragma once
#include "core/node.hpp"
#include "mushin/plugin.h"

namespace mushin::core {

/// A literal that is always part of the program's text: for the numbers of an op's own formula. (`literal` bakes only a few
/// well-known values, since each baked value makes a plan of its own.)
MUSHIN_API Array constant(Number value, dtype);

/// A literal of any sizes, on a device of its own.
Array literal_of(const Sizes&, dtype, std::uint64_t bits, Device*);
/// The same value in other sizes.
Array literal_like(const Node* literal, const Sizes&);

/// `value` as an element: as MU_PW_CAST converts.
std::uint64_t bits_of(Number value, dtype);
double value_of(std::uint64_t bits, dtype);

/// Whether a program may carry the value.
bool is_well_known(std::uint64_t bits, dtype);

/// The result of a pointwise op whose operands are the literals `arg`; bit-equal to the backends where the op is exact.
std::uint64_t fold(std::uint16_t op, dtype result, const Node* const* arg);

}  // namespace mushin::core
