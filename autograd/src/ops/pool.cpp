#include "mushin/autograd/ops/pool.hpp"

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/adaptive.hpp"

namespace mushin::core {
namespace {
const PoolWindow* window_of(const Pullback& p) { return reinterpret_cast<const PoolWindow*>(p.parameter(0)); }
Parameters kept(const PoolWindow* window) { return {reinterpret_cast<std::int64_t>(window)}; }
}  // namespace

Traced max_pool(const Traced& x, const PoolWindow* window) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, max_pool_backward(p.operand(0).value(), p.cotangent(), window_of(p))); };
  static constexpr Rule rule{"max_pool", {{1}}, pull};
  return record(rule, max_pool(x.value(), window), x, kept(window));
}

Traced max_pool_backward(const Array& x, const Traced& dy, const PoolWindow* window) {
  static constexpr auto pull = [](Pullback& p) { p.give(1, max_pool_take(p.operand(0).value(), p.cotangent(), window_of(p))); };
  static constexpr Rule rule{"max_pool_backward", {{2}}, pull};
  return record(rule, max_pool_backward(x, dy.value(), window), x, dy, kept(window));
}

Traced max_pool_take(const Array& x, const Traced& g, const PoolWindow* window) {
  static constexpr auto pull = [](Pullback& p) { p.give(1, max_pool_backward(p.operand(0).value(), p.cotangent(), window_of(p))); };
  static constexpr Rule rule{"max_pool_take", {{2}}, pull};
  return record(rule, max_pool_take(x, g.value(), window), x, g, kept(window));
}

Traced avg_pool(const Traced& x, const PoolWindow* window) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, avg_pool_backward(p.cotangent(), p.sizes(0), window_of(p))); };
  static constexpr Rule rule{"avg_pool", {}, pull};
  return record(rule, avg_pool(x.value(), window), x, kept(window));
}

Traced avg_pool_backward(const Traced& dy, const Sizes& x, const PoolWindow* window) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, avg_pool(p.cotangent(), window_of(p))); };
  static constexpr Rule rule{"avg_pool_backward", {}, pull};
  return record(rule, avg_pool_backward(dy.value(), x, window), dy, kept(window));
}

Traced adaptive_avg_pool(const Traced& x, const std::int64_t* to, unsigned axes) {
  if (!x.node()) return adaptive_avg_pool(x.value(), to, axes);
  return compositions::adaptive_avg_pool(x, to, axes);
}

namespace {

template <class H, class Pool>
H pooled_rows(const H& x, unsigned maps, Pool pool) {
  Sizes rows{1};
  for (unsigned i = 0; i <= maps; ++i) rows.at[0] *= x.sizes()[i];
  for (unsigned i = maps + 1; i < x.rank(); ++i) rows.push(x.sizes()[i]);
  const H y = pool(reshape(x, rows));
  Sizes to;
  for (unsigned i = 0; i <= maps; ++i) to.push(x.sizes()[i]);
  for (unsigned i = 1; i < y.rank(); ++i) to.push(y.sizes()[i]);
  return reshape(y, to);
}
template <class H>
H max_rows(const H& x, const PoolWindow* window, unsigned maps) {
  return pooled_rows(x, maps, [window](const H& rows) { return max_pool(rows, window); });
}
template <class H>
H avg_rows(const H& x, const PoolWindow* window, unsigned maps) {
  return pooled_rows(x, maps, [window](const H& rows) { return avg_pool(rows, window); });
}

}  // namespace

namespace mapped {

Array max_pool_rows(const Array& x, const PoolWindow* window, unsigned maps) { return max_rows(x, window, maps); }
Traced max_pool_rows(const Traced& x, const PoolWindow* window, unsigned maps) { return max_rows(x, window, maps); }
Array avg_pool_rows(const Array& x, const PoolWindow* window, unsigned maps) { return avg_rows(x, window, maps); }
Traced avg_pool_rows(const Traced& x, const PoolWindow* window, unsigned maps) { return avg_rows(x, window, maps); }

}  // namespace mapped

}  // namespace mushin::core
