#include "mushin/autograd/ops/reduce.hpp"

#include "graph/fill.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/arrange.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "ops/reduced.hpp"

namespace mushin::core {
namespace {

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

namespace {

/// x: (m, n). For each element the product of the others in its row: from the products of pairs, whose others are known by recursion.
/// Without a division, so that zeros need no thought, in any order of gradient.
Traced others(const Traced& x) {
  const std::int64_t m = x.sizes()[0], n = x.sizes()[1], pairs = (n + 1) / 2;
  if (n == 1) return Traced(filled(x.sizes(), x.type(), 1));
  const std::int64_t before[] = {0, 0}, after[] = {0, n % 2};
  const Traced even_and_odd = reshape(pad(x, before, after, literal(1, x.type())), {m, pairs, 2});
  const Traced even = at(even_and_odd, 2, 0), odd = at(even_and_odd, 2, 1), rest = others(mul(even, odd));
  const Traced each[] = {mul(rest, odd), mul(rest, even)};
  return slice(reshape(stack(each, 2, 2), {m, 2 * pairs}), 1, 0, n);
}

}  // namespace

Traced prod(const Traced& a, unsigned axes, bool keep) {
  static constexpr auto pull = [](Pullback& p) {
    const Sizes& sizes = p.sizes(0);
    const unsigned mask = axes_of(p);
    unsigned order[max_rank], back[max_rank], next = 0;
    for (bool reduced : {false, true})
      for (unsigned i = 0; i < sizes.rank; ++i)
        if ((mask >> i & 1) == reduced) order[next++] = i;
    Sizes turned;
    for (unsigned i = 0; i < sizes.rank; ++i) turned.push(sizes[order[i]]), back[order[i]] = i;
    const Traced g = spread(p, p.cotangent());
    const std::int64_t n = reduced_count(sizes, mask), count = sizes.count();
    if (count == 0) return p.give(0, g);
    const Traced rows = reshape(permute(p.operand(0), order), {count / n, n});
    p.give(0, mul(g, permute(reshape(others(rows), turned), back)));
  };
  static constexpr Rule rule{"prod", {{1}}, pull};
  return record(rule, prod(a.value(), axes, keep), a, {axes});
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
