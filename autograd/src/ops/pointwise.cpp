#include "mushin/autograd/ops/pointwise.hpp"

#include "graph/pullback.hpp"
#include "graph/record.hpp"

namespace mushin::core {
namespace {
Array like(const Traced& t, double value) { return literal(value, t.type()); }
constexpr std::uint8_t for_a = 1, for_b = 2, for_c = 4, for_both = for_a | for_b;
constexpr Keeps nothing{}, operand{{for_a}}, result{{0, 0, 0, for_a}};
}  // namespace

Traced add(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    p.give(0, p.cotangent());
    p.give(1, p.cotangent());
  };
  static constexpr Rule rule{"add", nothing, pull};
  return record(rule, add(a.value(), b.value()), a, b);
}

Traced sub(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    p.give(0, p.cotangent());
    if (p.wants(1)) p.give(1, neg(p.cotangent()));
  };
  static constexpr Rule rule{"sub", nothing, pull};
  return record(rule, sub(a.value(), b.value()), a, b);
}

Traced mul(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    if (p.is_square()) return p.give(0, mul(mul(p.cotangent(), like(p.cotangent(), 2)), p.operand(0)));
    if (p.wants(0)) p.give(0, mul(p.cotangent(), p.operand(1)));
    if (p.wants(1)) p.give(1, mul(p.cotangent(), p.operand(0)));
  };
  static constexpr Rule rule{"mul", {{for_b, for_a}}, pull};
  return record(rule, mul(a.value(), b.value()), a, b);
}

Traced div(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    Traced to_a = div(p.cotangent(), p.operand(1));
    if (p.wants(1)) p.give(1, neg(mul(to_a, p.result())));
    p.give(0, std::move(to_a));
  };
  static constexpr Rule rule{"div", {{0, for_both, 0, for_b}}, pull};
  return record(rule, div(a.value(), b.value()), a, b);
}

namespace {
/// The cotangent to operand 0 where `first`, to operand 1 where `second`, half to each where both.
void choose(Pullback& p, const Array& first, const Array& second) {
  const Traced& g = p.cotangent();
  const Array zero = like(g, 0);
  const Traced part = where(logical_and(first, second), mul(g, like(g, 0.5)), g);
  if (p.wants(0)) p.give(0, where(first, part, zero));
  if (p.wants(1)) p.give(1, where(second, part, zero));
}
}  // namespace

Traced maximum(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    const Array x = p.operand(0).value(), y = p.operand(1).value();
    choose(p, greater_equal(x, y), greater_equal(y, x));
  };
  static constexpr Rule rule{"maximum", {{for_both, for_both}}, pull};
  return record(rule, maximum(a.value(), b.value()), a, b);
}

Traced minimum(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    const Array x = p.operand(0).value(), y = p.operand(1).value();
    choose(p, less_equal(x, y), less_equal(y, x));
  };
  static constexpr Rule rule{"minimum", {{for_both, for_both}}, pull};
  return record(rule, minimum(a.value(), b.value()), a, b);
}

Traced where(const Array& condition, const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    const Array zero = like(p.cotangent(), 0);
    const Array chosen = p.operand(0).value();
    if (p.wants(1)) p.give(1, where(chosen, p.cotangent(), zero));
    if (p.wants(2)) p.give(2, where(chosen, zero, p.cotangent()));
  };
  static constexpr Rule rule{"where", {{for_b | for_c}}, pull};
  return record(rule, where(condition, a.value(), b.value()), condition, a, b);
}

Traced neg(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, neg(p.cotangent())); };
  static constexpr Rule rule{"neg", nothing, pull};
  return record(rule, neg(a.value()), a);
}

Traced abs(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced x = p.operand(0);
    p.give(0, sub(step(x, p.cotangent()), step(neg(x), p.cotangent())));
  };
  static constexpr Rule rule{"abs", operand, pull};
  return record(rule, abs(a.value()), a);
}

Traced exp(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, mul(p.cotangent(), p.result())); };
  static constexpr Rule rule{"exp", result, pull};
  return record(rule, exp(a.value()), a);
}

Traced log(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, div(p.cotangent(), p.operand(0))); };
  static constexpr Rule rule{"log", operand, pull};
  return record(rule, log(a.value()), a);
}

Traced tanh(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced y = p.result();
    p.give(0, mul(p.cotangent(), sub(like(y, 1), mul(y, y))));
  };
  static constexpr Rule rule{"tanh", result, pull};
  return record(rule, tanh(a.value()), a);
}

Traced erf(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced x = p.operand(0);
    constexpr double two_over_sqrt_pi = 1.12837916709551257390;
    p.give(0, mul(p.cotangent(), mul(exp(neg(mul(x, x))), like(x, two_over_sqrt_pi))));
  };
  static constexpr Rule rule{"erf", operand, pull};
  return record(rule, erf(a.value()), a);
}

Traced sqrt(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, div(mul(p.cotangent(), like(p.cotangent(), 0.5)), p.result())); };
  static constexpr Rule rule{"sqrt", result, pull};
  return record(rule, sqrt(a.value()), a);
}

Traced sigmoid(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced y = p.result();
    p.give(0, mul(p.cotangent(), mul(y, sub(like(y, 1), y))));
  };
  static constexpr Rule rule{"sigmoid", result, pull};
  return record(rule, sigmoid(a.value()), a);
}

Traced relu(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, step(p.result(), p.cotangent())); };
  static constexpr Rule rule{"relu", result, pull};
  return record(rule, relu(a.value()), a);
}

Traced step(const Traced& x, const Traced& g) {
  static constexpr auto pull = [](Pullback& p) { p.give(1, step(p.operand(0), p.cotangent())); };
  static constexpr Rule rule{"step", {{for_b}}, pull};
  return record(rule, step(x.value(), g.value()), x.value(), g);
}

Traced cast(const Traced& a, mushin::dtype to) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, cast(p.cotangent(), static_cast<mushin::dtype>(p.parameter(0)))); };
  static constexpr Rule rule{"cast", nothing, pull};
  if (!is_float(to)) return cast(a.value(), to);
  return record(rule, cast(a.value(), to), a, {static_cast<std::int64_t>(a.type())});
}

}  // namespace mushin::core
