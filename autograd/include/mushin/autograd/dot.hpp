#pragma once
#include <iosfwd>

#include "mushin/autograd/traced.hpp"
#include "mushin/tensor/print.hpp"

namespace mushin {

namespace core {
MUSHIN_API Text spell_dot(const Traced& z);
}

/// Writes the graph that z was made from, for Graphviz: `dot -Tsvg`. Each op with shape, element type and the bytes of the values that it
/// keeps for its gradient (a value that several ops keep counts for each); variables in boxes; each edge with the shape of the operand. An
/// op recorded under an AnomalyGuard has the line of its call as tooltip. Nodes are numbered from z on, newest first. z: Traced or
/// Variable. Operands of `checkpoint` that nothing else tells of have `?` for a shape. GraphError when z was made from no variable.
template <TensorLike Z, class Traits>
void to_dot(const Z& z, std::basic_ostream<char, Traits>& out) {
  static_assert(Differentiable<Z>, "[to_dot] of a constant: z was not made from any variable");
  if constexpr (Differentiable<Z>) {
    const core::Text text = core::spell_dot(z.raw());
    out.write(text.data(), static_cast<std::ptrdiff_t>(text.size()));
  }
}

}  // namespace mushin
