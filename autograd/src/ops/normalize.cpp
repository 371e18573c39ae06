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

using Composed = compositions::Gradients<Traced>;

// In two axes, and back.
template <class F>
Composed composed(const Traced& x, const Traced& gain, const Traced& dy, double eps, F backward) {
  const std::int64_t n = gain.sizes().count();
  std::int64_t rows = 1;
  for (unsigned i = 0; i < x.rank() - gain.rank(); ++i) rows *= x.sizes()[i];
  const Composed g = backward(reshape(x, {rows, n}), reshape(gain, {n}), reshape(dy, {rows, n}), eps);
  return {reshape(g.x, x.sizes()), reshape(g.gain, gain.sizes()), g.bias ? reshape(g.bias, gain.sizes()) : Traced()};
}

// In three.
Sizes channels_of(const Sizes& x) {
  std::int64_t rest = 1;
  for (unsigned i = 2; i < x.rank; ++i) rest *= x[i];
  return {x[0], x[1], rest};
}
Composed composed_channels(const Traced& x, const Traced& gain, const Traced& dy, double eps) {
  const Sizes to = channels_of(x.sizes());
  Composed g = compositions::batch_norm_backward<Traced>(reshape(x, to), gain, reshape(dy, to), eps);
  return {reshape(g.x, x.sizes()), std::move(g.gain), std::move(g.bias)};
}

bool traced(const Traced& x, const Traced& gain, const Traced& dy) { return x.node() || gain.node() || dy.node(); }
double eps_of(const Pullback& p) { return std::bit_cast<double>(p.parameter(0)); }
Parameters with(double eps) { return {std::bit_cast<std::int64_t>(eps)}; }

template <class G>
void give(Pullback& p, G&& g) {
  p.give(0, std::move(g.x)), p.give(1, std::move(g.gain));
  if (g.bias) p.give(2, std::move(g.bias));
}

void pull_layer(Pullback& p) {
  const Traced& dy = p.cotangent();
  if (!p.wants(0) && !p.wants(1)) return p.give(2, dy);  // is summed to its shape there
  const Traced x = p.operand(0), gain = p.operand(1);
  if (traced(x, gain, dy)) return give(p, composed(x, gain, dy, eps_of(p), compositions::layer_norm_backward<Traced>));
  give(p, layer_norm_backward(x.value(), gain.value(), dy.value(), eps_of(p)));
}

void pull_rms(Pullback& p) {
  const Traced x = p.operand(0), gain = p.operand(1);
  const Traced& dy = p.cotangent();
  if (traced(x, gain, dy)) return give(p, composed(x, gain, dy, eps_of(p), compositions::rms_norm_backward<Traced>));
  give(p, rms_norm_backward(x.value(), gain.value(), dy.value(), eps_of(p)));
}

// Where a node has the statistics: no rule reads the bias or the result.
constexpr unsigned mean_slot = 2, variance_slot = result_slot;

void pull_batch(Pullback& p) {
  const Traced& dy = p.cotangent();
  if (!p.wants(0) && !p.wants(1)) return p.give(2, sum(dy, ((1u << dy.rank()) - 1) & ~2u, false));
  const Traced x = p.operand(0), gain = p.operand(1);
  if (traced(x, gain, dy)) return give(p, composed_channels(x, gain, dy, eps_of(p)));
  const ChannelStatistics statistics{p.node().kept[mean_slot], p.node().kept[variance_slot]};
  give(p, batch_norm_backward(x.value(), gain.value(), dy.value(), statistics, eps_of(p)));
}

}  // namespace

Traced layer_norm(const Traced& x, const Traced& gain, const Traced& bias, double eps) {
  static constexpr Rule rule{"layer_norm", {{1 | 2, 1 | 2}}, pull_layer};
  return record(rule, layer_norm(x.value(), gain.value(), bias.value(), eps), x, gain, bias, with(eps));
}

Traced rms_norm(const Traced& x, const Traced& gain, double eps) {
  static constexpr Rule rule{"rms_norm", {{1 | 2, 1 | 2}}, pull_rms};
  return record(rule, rms_norm(x.value(), gain.value(), eps), x, gain, with(eps));
}

Traced batch_norm(const Traced& x, const Traced& gain, const Traced& bias, double eps, ChannelStatistics* statistics) {
  static constexpr Rule rule{"batch_norm", {{1 | 2, 1 | 2}}, pull_batch};
  ChannelStatistics made;
  Traced y = record(rule, batch_norm(x.value(), gain.value(), bias.value(), eps, &made), x, gain, bias, with(eps));
  if (auto* node = static_cast<OpNode*>(y.node()))
    if (node->kept[0]) node->kept[mean_slot] = made.mean, node->kept[variance_slot] = made.variance;
  if (statistics) *statistics = std::move(made);
  return y;
}

namespace {

Sizes last(const Sizes& x, unsigned axes) {
  Sizes to;
  for (unsigned i = x.rank - axes; i < x.rank; ++i) to.push(x[i]);
  return to;
}
bool half(dtype t) { return t == dtype::f16 || t == dtype::bf16; }
template <class H>
H constant(double value, const H& x, const Sizes& sizes) {
  return H(broadcast_to(literal(value, x.type()), sizes));
}

template <class H>
H normalized_each(const H& x, const H& gain, const H& bias, double eps, unsigned axes) {
  if (half(x.type()))
    return cast(normalized_each(cast(x, dtype::f32), cast(gain, dtype::f32), cast(bias, dtype::f32), eps, axes), x.type());
  const Sizes to = last(x.sizes(), axes);
  return add(mul(layer_norm(x, constant(1, x, to), constant(0, x, to), eps), gain), bias);
}

template <class H>
H rms_each(const H& x, const H& gain, double eps, unsigned axes) {
  if (half(x.type())) return cast(rms_each(cast(x, dtype::f32), cast(gain, dtype::f32), eps, axes), x.type());
  return mul(rms_norm(x, constant(1, x, last(x.sizes(), axes)), eps), gain);
}

// (maps…, batch, channels, …) as (batch, maps… channels, …), and back.
template <class H>
H channels_each(const H& x, const H& gain, const H& bias, double eps, unsigned maps) {
  unsigned there[max_rank]{maps}, back[max_rank]{};
  for (unsigned i = 0; i < maps; ++i) there[i + 1] = i, back[i] = i + 1;
  for (unsigned i = maps + 1; i < x.rank(); ++i) there[i] = back[i] = i;
  Sizes turned, merged{x.sizes()[maps], gain.sizes().count()};
  for (unsigned i = 0; i < x.rank(); ++i) turned.push(x.sizes()[there[i]]);
  for (unsigned i = maps + 2; i < x.rank(); ++i) merged.push(x.sizes()[i]);
  const Sizes line{gain.sizes().count()};
  const H y = batch_norm(reshape(permute(x, there), merged), reshape(gain, line), reshape(bias, line), eps);
  return permute(reshape(y, turned), back);
}

}  // namespace

namespace mapped {

Array layer_norm_each(const Array& x, const Array& gain, const Array& bias, double eps, unsigned axes) {
  return normalized_each(x, gain, bias, eps, axes);
}
Traced layer_norm_each(const Traced& x, const Traced& gain, const Traced& bias, double eps, unsigned axes) {
  return normalized_each(x, gain, bias, eps, axes);
}

Array rms_norm_each(const Array& x, const Array& gain, double eps, unsigned axes) { return rms_each(x, gain, eps, axes); }
Traced rms_norm_each(const Traced& x, const Traced& gain, double eps, unsigned axes) { return rms_each(x, gain, eps, axes); }
Array batch_norm_each(const Array& x, const Array& gain, const Array& bias, double eps, unsigned maps) {
  return channels_each(x, gain, bias, eps, maps);
}
Traced batch_norm_each(const Traced& x, const Traced& gain, const Traced& bias, double eps, unsigned maps) {
  return channels_each(x, gain, bias, eps, maps);
}

}  // namespace mapped

}  // namespace mushin::core
