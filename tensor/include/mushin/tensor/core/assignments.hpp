#pragma once
#include <vector>

#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

/// Assignments to places of their own, as those of an optimiser's step, that a device may do in few passes: where its plugin runs one plan on
/// many tensors at once, they are put off until finish(). Elsewhere each is done at once.
class MUSHIN_API Assignments {
 public:
  /// As assign(): in the end `*to[i]` is `from[i]`. Until finish() the places hold what they held before; nothing that is added may be made
  /// of what it replaces there.
  void add(Array* const* to, const Array* from, unsigned count);
  /// Does what was put off. Where it throws, each place has its old value or its new one.
  void finish();

 private:
  std::size_t give(std::size_t group);
  std::size_t first_of(std::size_t group) const { return group ? end_[group - 1] : 0; }

  std::vector<Array*> to_;
  std::vector<Array> from_;
  std::vector<std::size_t> end_;  // of each call of add(), in the two
};

}  // namespace mushin::core
