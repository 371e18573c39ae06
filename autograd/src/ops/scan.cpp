#include "mushin/autograd/ops/scan.hpp"

#include "graph/fill.hpp"
#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/shape.hpp"

namespace mushin::core {
namespace {

/// Element i becomes element i + by along the axis, 0 beyond the ends.
Traced shifted(const Traced& a, unsigned axis, std::int64_t by) {
  const std::int64_t n = a.sizes()[axis];
  return by > 0 ? place(slice(a, axis, by, n), axis, 0, n) : place(slice(a, axis, 0, n + by), axis, -by, n);
}

/// s with s[i] = b[i] + a[i + 1] s[i + 1]. After each step b[i] is that sum's part that reaches 2^step elements far, and a[i] the product
/// over as many.
Traced sum_of_products_behind(Traced a, Traced b, unsigned axis) {
  const std::int64_t n = b.sizes()[axis];
  if (n > 1) a = shifted(a, axis, 1);
  for (std::int64_t far = 1; far < n; far *= 2) {
    b = add(b, mul(a, shifted(b, axis, far)));
    if (2 * far < n) a = mul(a, shifted(a, axis, far));
  }
  return b;
}

/// The product of what lies before each element, from the products up to it.
Traced products_before(const Traced& y, unsigned axis) {
  Sizes one = y.sizes();
  one.at[axis] = 1;
  const std::int64_t n = y.sizes()[axis];
  const Traced first = place(filled(one, y.type(), 1), axis, 0, n);
  return n > 1 ? add(first, shifted(y, axis, -1)) : first;
}

}  // namespace

Traced cumsum(const Traced& a, unsigned axis, bool reverse) {
  static constexpr auto pull = [](Pullback& p) {
    p.give(0, cumsum(p.cotangent(), static_cast<unsigned>(p.parameter(0)), !p.parameter(1)));
  };
  static constexpr Rule rule{"cumsum", {}, pull};
  return record(rule, cumsum(a.value(), axis, reverse), a, {axis, reverse});
}

Traced cumprod(const Traced& a, unsigned axis) {
  // No division: elements may be 0.
  static constexpr auto pull = [](Pullback& p) {
    if (p.cotangent().sizes().count() == 0) return p.give(0, p.cotangent());
    const auto along = static_cast<unsigned>(p.parameter(0));
    p.give(0, mul(products_before(p.result(), along), sum_of_products_behind(p.operand(0), p.cotangent(), along)));
  };
  static constexpr Rule rule{"cumprod", {{1, 0, 0, 1}}, pull};
  return record(rule, cumprod(a.value(), axis), a, {axis});
}

}  // namespace mushin::core
