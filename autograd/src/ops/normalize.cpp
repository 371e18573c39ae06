#include "mushin/autograd/ops/normalize.hpp"

#include <bit>

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/elementary.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/normalized.hpp"

namespace mushin::core {
namespace {

// In two axes, and back.
compositions::Gradients<Traced> composed(const Traced& x, const Traced& gain, const Traced& dy, double eps) {
  const std::int64_t n = gain.sizes().count();
  std::int64_t rows = 1;
  for (unsigned i = 0; i < x.rank() - gain.rank(); ++i) rows *= x.sizes()[i];
  const auto g = compositions::layer_norm_backward<Traced>(reshape(x, {rows, n}), reshape(gain, {n}), reshape(dy, {rows, n}), eps);
  return {reshape(g.x, x.sizes()), reshape(g.gain, gain.sizes()), reshape(g.bias, gain.sizes())};
}

void pull_all(Pullback& p) {
  const Traced& dy = p.cotangent();
  if (!p.wants(0) && !p.wants(1)) return p.give(2, dy);  // is summed to its shape there
  const Traced x = p.operand(0), gain = p.operand(1);
  const double eps = std::bit_cast<double>(p.parameter(0));
  if (x.node() || gain.node() || dy.node()) {
    auto g = composed(x, gain, dy, eps);
    p.give(0, std::move(g.x)), p.give(1, std::move(g.gain)), p.give(2, std::move(g.bias));
    return;
  }
  auto g = layer_norm_backward(x.value(), gain.value(), dy.value(), eps);
  p.give(0, std::move(g.x)), p.give(1, std::move(g.gain)), p.give(2, std::move(g.bias));
}

}  // namespace

Traced layer_norm(const Traced& x, const Traced& gain, const Traced& bias, double eps) {
  static constexpr Rule rule{"layer_norm", {{1 | 2, 1 | 2}}, pull_all};
  return record(rule, layer_norm(x.value(), gain.value(), bias.value(), eps), x, gain, bias, {std::bit_cast<std::int64_t>(eps)});
}

namespace {

template <class H>
H normalized_each(const H& x, const H& gain, const H& bias, double eps, unsigned axes) {
  if (x.type() == dtype::f16 || x.type() == dtype::bf16)
    return cast(normalized_each(cast(x, dtype::f32), cast(gain, dtype::f32), cast(bias, dtype::f32), eps, axes), x.type());
  Sizes last;
  for (unsigned i = x.rank() - axes; i < x.rank(); ++i) last.push(x.sizes()[i]);
  const H one(broadcast_to(literal(1, x.type()), last)), nothing(broadcast_to(literal(0, x.type()), last));
  return add(mul(layer_norm(x, one, nothing, eps), gain), bias);
}

}  // namespace

namespace mapped {

Array layer_norm_each(const Array& x, const Array& gain, const Array& bias, double eps, unsigned axes) {
  return normalized_each(x, gain, bias, eps, axes);
}
Traced layer_norm_each(const Traced& x, const Traced& gain, const Traced& bias, double eps, unsigned axes) {
  return normalized_each(x, gain, bias, eps, axes);
}

}  // namespace mapped

}  // namespace mushin::core
