// Making pending nodes.
#pragma once
#include "core/node.hpp"
#include "mushin/plugin.h"

namespace mushin::core {

/// The name of an opcode in error texts.
const char* opcode_name(std::uint16_t op);

/// A pending node (or a folded literal) of one opcode; the operands' sizes broadcast. `type`: of the result. Only `select`'s first
/// operand may differ in type from the others.
Array pointwise(std::uint16_t op, dtype type, const Array& a);
Array pointwise(std::uint16_t op, dtype type, const Array& a, const Array& b);
Array pointwise(std::uint16_t op, dtype type, const Array& a, const Array& b, const Array& c);

/// The sizes that two operands broadcast to. ShapeError where they don't.
Sizes broadcast_sizes(const char* op, const Sizes& a, const Sizes& b);

}  // namespace mushin::core
