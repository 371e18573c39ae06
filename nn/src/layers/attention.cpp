#include "mushin/nn/attention.hpp"

#include <cmath>

#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/attention.hpp"
#include "mushin/tensor/ops/diagonal.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::nn::detail {
namespace {

core::Array hidden_where(const core::Array& condition, dtype type) {
  return core::where(condition, core::literal(-HUGE_VAL, type), core::literal(0, type));
}
core::Array joined(const core::Array& a, const core::Array& b) { return a ? core::add(a, b) : b; }

}  // namespace

void hide(Hidden& to, dtype type, const core::Array& mask, bool keys) {
  core::Array bias = mask.type() == dtype::b8 ? hidden_where(mask, type) : core::cast(mask, type);
  if (keys) bias = core::reshape(bias, {mask.sizes()[0], 1, 1, mask.sizes()[1]});
  to.bias = joined(to.bias, bias);
}

Mask mask_of(const Hidden& hidden, const core::Sizes& scores, dtype type) {
  core::Array bias = hidden.bias;
  if (hidden.later) {
    const core::Array all = core::broadcast_to(core::literal(1, type), {scores[scores.rank - 2], scores[scores.rank - 1]});
    bias = joined(bias, hidden_where(core::greater(core::triu(all, 1), core::literal(0, type)), type));
  }
  if (!bias) return {};
  bias = core::broadcast_to(bias, scores);
  const core::Array most = core::max(bias, 1u << (scores.rank - 1), true);
  return {bias, core::broadcast_to(core::not_equal(most, core::literal(-HUGE_VAL, type)), scores)};
}

core::Array attend_behind(AttentionCache& cache, const core::Array& q, const core::Array& k, const core::Array& v) {
  const std::int64_t before = cache.size();
  const auto appended = [before](const core::Array& seen, const core::Array& more) {
    const core::Array both[] = {seen, more};
    return before ? core::concat(both, 2, 2, "MultiheadAttention") : more;
  };
  const AttentionCache next{appended(cache.keys, k), appended(cache.values, v)};
  const double scale = 1 / std::sqrt(static_cast<double>(q.sizes()[3]));
  const core::Array y = core::attention(q, next.keys, next.values, {}, {scale, true, before});
  core::evaluate(next.keys), core::evaluate(next.values);
  cache = next;
  return y;
}

}  // namespace mushin::nn::detail
