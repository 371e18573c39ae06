#pragma once
#include "mushin/tensor/export.hpp"

namespace mushin {

/// While one lives, ops of this thread on variables and results look at what they give, and backward passes at each gradient: GraphError
/// where NaN arises, or an infinity that no operand (in a backward pass: not the cotangent that it began with) had already. The text
/// names the op, the first such element, the shape, and the line of the program that called the op; so do all errors of graphs recorded
/// meanwhile, and errors of the tensor layer. Ops on constants alone aren't looked at. Nests. Costs a wait for each op and the memory of a
/// call stack (0.5 KiB) for each recorded one; nothing where none lives, nor any such graph. Lines need debug information (-g).
/// An error in a backward pass leaves all gradients as they were, and frees the graph as far as it was pulled.
/// While capturing, the first run is looked at, replays aren't.
class MUSHIN_API AnomalyGuard {
 public:
  AnomalyGuard() noexcept;
  ~AnomalyGuard();
  AnomalyGuard(const AnomalyGuard&) = delete;
  AnomalyGuard& operator=(const AnomalyGuard&) = delete;

 private:
  bool watched_before_, lines_before_;
};

}  // namespace mushin
