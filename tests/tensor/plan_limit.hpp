// A small plan cache, and programs to fill it with.
#pragma once
#include "core/plans.hpp"
#include "support.hpp"

namespace mushin::core::test {

struct PlanLimit {
  explicit PlanLimit(std::size_t n) { set_plan_limit(n); }
  ~PlanLimit() { set_plan_limit(0); }
  PlanLimit(const PlanLimit&) = delete;
  PlanLimit& operator=(const PlanLimit&) = delete;
};

/// Another program for each i below 1024.
inline Array distinct_program(const Array& x, unsigned i) {
  Array a = x;
  for (unsigned k = 0; k < 5; ++k) {
    const unsigned which = i >> (2 * k) & 3u;
    a = which == 0 ? tanh(a) : which == 1 ? sqrt(a) : which == 2 ? sigmoid(a) : exp(neg(a));
  }
  return a;
}

}  // namespace mushin::core::test
