#include "mushin/autograd/ops/elementary.hpp"

#include <bit>

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/pointwise.hpp"

namespace mushin::core {
namespace {

Array like(const Traced& t, double value) { return literal(value, t.type()); }
constexpr std::uint8_t for_a = 1, for_b = 2, for_both = for_a | for_b;
constexpr Keeps nothing{}, operand{{for_a}}, result{{0, 0, 0, for_a}};

/// Of ops that are flat wherever they have a slope: the gradient is zero, not an error.
constexpr auto flat = [](Pullback&) {};

/// 1 - x^2 without the loss of digits near 1.
Traced rest_of_square(const Traced& x) { return mul(sub(like(x, 1), x), add(like(x, 1), x)); }

/// x where the gradient needs it, and 1, which has no effect there, where not: what is masked must not become 0 * inf.
Traced masked(const Array& out, const Traced& x) { return where(out, like(x, 1), x); }

}  // namespace

Traced pow(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced &g = p.cotangent(), x = p.operand(0), e = p.operand(1);
    const Array zero = like(g, 0);
    if (p.wants(0)) {
      // Only where 1 / x is none: elsewhere it is the slope's own slope by the exponent.
      const Traced base = masked(logical_and(equal(e.value(), zero), logical_not(greater(abs(x.value()), zero))), x);
      p.give(0, mul(g, mul(e, pow(base, sub(e, like(e, 1))))));
    }
    if (!p.wants(1)) return;
    const Array still = logical_and(equal(x.value(), zero), greater_equal(e.value(), zero));
    const Traced base = masked(still, x);
    p.give(1, mul(g, where(still, zero, mul(pow(base, e), log(base)))));
  };
  static constexpr Rule rule{"pow", {{for_both, for_both}}, pull};
  return record(rule, pow(a.value(), b.value()), a, b);
}

Traced pow(const Traced& a, double exponent) {
  static constexpr auto pull = [](Pullback& p) {
    const double e = std::bit_cast<double>(p.parameter(0));
    p.give(0, mul(p.cotangent(), mul(pow(p.operand(0), e - 1), like(p.cotangent(), e))));
  };
  static constexpr Rule rule{"pow", operand, pull}, constant_rule{"pow", nothing, flat};
  if (exponent == 0) return record(constant_rule, pow(a.value(), exponent), a);
  if (exponent == 1) return a;
  if (exponent == 2) return mul(a, a);
  return record(rule, pow(a.value(), exponent), a, {std::bit_cast<std::int64_t>(exponent)});
}

Traced log1p(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced x = p.operand(0);
    p.give(0, div(p.cotangent(), add(x, like(x, 1))));
  };
  static constexpr Rule rule{"log1p", operand, pull};
  return record(rule, log1p(a.value()), a);
}

Traced expm1(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, mul(p.cotangent(), exp(p.operand(0)))); };
  static constexpr Rule rule{"expm1", operand, pull};
  return record(rule, expm1(a.value()), a);
}

Traced rsqrt(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced y = p.result();
    p.give(0, mul(mul(p.cotangent(), like(y, -0.5)), mul(mul(y, y), y)));
  };
  static constexpr Rule rule{"rsqrt", result, pull};
  return record(rule, rsqrt(a.value()), a);
}

Traced sign(const Traced& a) {
  static constexpr Rule rule{"sign", nothing, flat};
  return record(rule, sign(a.value()), a);
}

Traced sin(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, mul(p.cotangent(), cos(p.operand(0)))); };
  static constexpr Rule rule{"sin", operand, pull};
  return record(rule, sin(a.value()), a);
}

Traced cos(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, neg(mul(p.cotangent(), sin(p.operand(0))))); };
  static constexpr Rule rule{"cos", operand, pull};
  return record(rule, cos(a.value()), a);
}

Traced tan(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced y = p.result();
    p.give(0, mul(p.cotangent(), add(mul(y, y), like(y, 1))));
  };
  static constexpr Rule rule{"tan", result, pull};
  return record(rule, tan(a.value()), a);
}

Traced asin(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, mul(p.cotangent(), rsqrt(rest_of_square(p.operand(0))))); };
  static constexpr Rule rule{"asin", operand, pull};
  return record(rule, asin(a.value()), a);
}

Traced acos(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, neg(mul(p.cotangent(), rsqrt(rest_of_square(p.operand(0)))))); };
  static constexpr Rule rule{"acos", operand, pull};
  return record(rule, acos(a.value()), a);
}

Traced atan(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced x = p.operand(0);
    p.give(0, div(p.cotangent(), add(mul(x, x), like(x, 1))));
  };
  static constexpr Rule rule{"atan", operand, pull};
  return record(rule, atan(a.value()), a);
}

Traced sinh(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, mul(p.cotangent(), cosh(p.operand(0)))); };
  static constexpr Rule rule{"sinh", operand, pull};
  return record(rule, sinh(a.value()), a);
}

Traced cosh(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, mul(p.cotangent(), sinh(p.operand(0)))); };
  static constexpr Rule rule{"cosh", operand, pull};
  return record(rule, cosh(a.value()), a);
}

Traced floor(const Traced& a) {
  static constexpr Rule rule{"floor", nothing, flat};
  return record(rule, floor(a.value()), a);
}

Traced ceil(const Traced& a) {
  static constexpr Rule rule{"ceil", nothing, flat};
  return record(rule, ceil(a.value()), a);
}

Traced round(const Traced& a) {
  static constexpr Rule rule{"round", nothing, flat};
  return record(rule, round(a.value()), a);
}

Traced clamp(const Traced& a, const Array& low, const Array& high) {
  static constexpr auto pull = [](Pullback& p) {
    const Array x = p.operand(0).value(), from = p.operand(1).value(), to = p.operand(2).value();
    p.give(0, where(logical_and(less_equal(from, x), less_equal(x, to)), p.cotangent(), like(p.cotangent(), 0)));
  };
  static constexpr Rule rule{"clamp", {{for_a, for_a, for_a}}, pull};
  return record(rule, clamp(a.value(), low, high), a, low, high);
}

}  // namespace mushin::core
