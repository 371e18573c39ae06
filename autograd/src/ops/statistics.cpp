#include "mushin/autograd/ops/statistics.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "graph/record.hpp"
#include "mushin/autograd/ops/elementary.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "ops/reduced.hpp"

namespace mushin::core {
namespace {

Array like(const Traced& t, double value) { return literal(value, t.type()); }
constexpr Keeps operand{{1}}, operand_and_result{{1, 0, 0, 1}};

/// g / y, and 0 where y is 0.
Traced over(const Traced& g, const Traced& y) {
  const Array none = equal(y.value(), like(y, 0));
  return where(none, like(g, 0), div(g, where(none, like(y, 1), y)));
}

Traced distances(const Pullback& p) {
  const Traced x = p.operand(0);
  return sub(x, mean(x, axes_of(p), true));
}

/// Parameter 1: what the sum of squares was divided by.
double divisor(const Pullback& p) { return std::bit_cast<double>(p.parameter(1)); }
Parameters parameters(const Traced& a, unsigned axes, double correction) {
  const double n = static_cast<double>(reduced_count(a.sizes(), axes)) - correction;
  return {axes, std::bit_cast<std::int64_t>(std::max(n, 0.0))};
}

}  // namespace

Traced var(const Traced& a, unsigned axes, bool keep, double correction) {
  if (is_half(a.type())) return cast(var(cast(a, mushin::dtype::f32), axes, keep, correction), a.type());
  static constexpr auto pull = [](Pullback& p) {
    const Traced& g = p.cotangent();
    p.give(0, mul(spread(p, mul(g, like(g, 2 / divisor(p)))), distances(p)));
  };
  static constexpr Rule rule{"var", operand, pull};
  return record(rule, var(a.value(), axes, keep, correction), a, parameters(a, axes, correction));
}

Traced std(const Traced& a, unsigned axes, bool keep, double correction) {
  if (is_half(a.type())) return cast(core::std(cast(a, mushin::dtype::f32), axes, keep, correction), a.type());
  static constexpr auto pull = [](Pullback& p) {
    const Traced& g = p.cotangent();
    p.give(0, mul(spread(p, over(mul(g, like(g, 1 / divisor(p))), p.result())), distances(p)));
  };
  static constexpr Rule rule{"std", operand_and_result, pull};
  return record(rule, core::std(a.value(), axes, keep, correction), a, parameters(a, axes, correction));
}

Traced logsumexp(const Traced& a, unsigned axes, bool keep) {
  if (is_half(a.type())) return cast(logsumexp(cast(a, mushin::dtype::f32), axes, keep), a.type());
  static constexpr auto pull = [](Pullback& p) {
    const Traced y = p.result();
    const Array nothing = equal(y.value(), like(y, -std::numeric_limits<double>::infinity()));
    const Traced total = where(nothing, like(y, 0), y);
    p.give(0, mul(spread(p, p.cotangent()), exp(sub(p.operand(0), spread(p, total)))));
  };
  static constexpr Rule rule{"logsumexp", operand_and_result, pull};
  return record(rule, logsumexp(a.value(), axes, keep), a, {axes});
}

Traced norm(const Traced& a, unsigned axes, bool keep) {
  if (is_half(a.type())) return cast(norm(cast(a, mushin::dtype::f32), axes, keep), a.type());
  static constexpr auto pull = [](Pullback& p) { p.give(0, mul(spread(p, over(p.cotangent(), p.result())), p.operand(0))); };
  static constexpr Rule rule{"norm", operand_and_result, pull};
  return record(rule, norm(a.value(), axes, keep), a, {axes});
}

}  // namespace mushin::core
