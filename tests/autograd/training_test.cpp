// Small trainings against the losses of other frameworks on the same data (made by splitmix64).
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/splitmix.hpp"

namespace mushin::test {
namespace {

/// Uniform(-1/sqrt(in), 1/sqrt(in)).
template <extent... E>
auto parameter(std::uint64_t stream, double inputs) {
  const double bound = 1 / std::sqrt(inputs);
  return variable(from<E...>(uniform(stream, (E.size * ... * 1), -bound, bound)));
}

template <class... W>
void descend(float rate, W&... w) {
  ((w.set(w.value() - rate * w.grad()), w.zero_grad()), ...);
}

}  // namespace
}  // namespace mushin::test
