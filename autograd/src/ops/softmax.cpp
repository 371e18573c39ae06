#include "mushin/autograd/ops/softmax.hpp"

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"

namespace mushin::core {
namespace {
constexpr Keeps result{{0, 0, 0, 1}};
unsigned axis_of(const Pullback& p) { return static_cast<unsigned>(p.parameter(0)); }
}  // namespace

Traced softmax(const Traced& a, unsigned axis) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, softmax_backward(p.result(), p.cotangent(), axis_of(p))); };
  static constexpr Rule rule{"softmax", result, pull};
  return record(rule, softmax(a.value(), axis), a, {axis});
}

Traced log_softmax(const Traced& a, unsigned axis) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, log_softmax_backward(p.result(), p.cotangent(), axis_of(p))); };
  static constexpr Rule rule{"log_softmax", result, pull};
  return record(rule, log_softmax(a.value(), axis), a, {axis});
}

Traced softmax_backward(const Traced& y, const Traced& dy, unsigned axis) {
  if (!y.node() && !dy.node()) return softmax_backward(y.value(), dy.value(), axis);
  return mul(y, sub(dy, sum(mul(y, dy), 1u << axis, true)));
}

Traced log_softmax_backward(const Traced& y, const Traced& dy, unsigned axis) {
  if (!y.node() && !dy.node()) return log_softmax_backward(y.value(), dy.value(), axis);
  return sub(dy, mul(exp(y), sum(dy, 1u << axis, true)));
}

}  // namespace mushin::core
