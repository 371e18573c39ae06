#include "mushin/autograd/ops/reduce.hpp"

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/shape.hpp"

namespace mushin::core {
namespace {

/// `sizes` with 1 in the reduced axes.
Sizes kept_sizes(Sizes sizes, unsigned axes) {
  for (unsigned i = 0; i < sizes.rank; ++i)
    if (axes >> i & 1) sizes.at[i] = 1;
  return sizes;
}
std::int64_t reduced_count(const Sizes& sizes, unsigned axes) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < sizes.rank; ++i)
    if (axes >> i & 1) n *= sizes.at[i];
  return n;
}
unsigned axes_of(const Pullback& p) { return static_cast<unsigned>(p.parameter(0)); }

Traced spread(const Pullback& p, const Traced& g) { return broadcast_to(reshape(g, kept_sizes(p.sizes(0), axes_of(p))), p.sizes(0)); }

/// The cotangent, shared equally by the elements that equal the extreme of their group.
void share(Pullback& p) {
  const Array x = p.operand(0).value();
  const Array extreme = reshape(p.result().value(), kept_sizes(p.sizes(0), axes_of(p)));
  const Array chosen = cast(equal(x, extreme), x.type());
  p.give(0, mul(spread(p, p.cotangent()), div(chosen, sum(chosen, axes_of(p), true))));
}
constexpr Keeps operand_and_result{{1, 0, 0, 1}};

}  // namespace

Traced sum(const Traced& a, unsigned axes, bool keep) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, spread(p, p.cotangent())); };
  static constexpr Rule rule{"sum", {}, pull};
  return record(rule, sum(a.value(), axes, keep), a, {axes});
}

Traced mean(const Traced& a, unsigned axes, bool keep) {
  static constexpr auto pull = [](Pullback& p) {
    const double n = static_cast<double>(reduced_count(p.sizes(0), axes_of(p)));
    p.give(0, spread(p, mul(p.cotangent(), literal(1 / n, p.cotangent().type()))));
  };
  static constexpr Rule rule{"mean", {}, pull};
  return record(rule, mean(a.value(), axes, keep), a, {axes});
}

Traced max(const Traced& a, unsigned axes, bool keep) {
  static constexpr Rule rule{"max", operand_and_result, share};
  return record(rule, max(a.value(), axes, keep), a, {axes});
}

Traced min(const Traced& a, unsigned axes, bool keep) {
  static constexpr Rule rule{"min", operand_and_result, share};
  return record(rule, min(a.value(), axes, keep), a, {axes});
}

}  // namespace mushin::core
