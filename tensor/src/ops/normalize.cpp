#include "mushin/tensor/ops/normalize.hpp"

#include "core/fail.hpp"
#include "core/layouts.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/normalized.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {
namespace {

void check_last(const char* name, const char* what, const Sizes& x, const Sizes& part) {
  bool good = part.rank > 0 && part.rank <= x.rank;
  for (unsigned i = 1; good && i <= part.rank; ++i) good = x[x.rank - i] == part[part.rank - i];
  if (!good) fail<ShapeError>("[{}] the {} does not have the last sizes of x: {} and {}", name, what, text_of(part), text_of(x));
}

void check_channels(const char* what, const Sizes& x, const Sizes& part) {
  if (x.rank < 2 || part.rank != 1 || part[0] != x[1])
    fail<ShapeError>("[batch_norm] the {} does not have the size of axis 1 of x: {} and {}", what, text_of(part), text_of(x));
}

// All operands as buffers on one device: x as lines, or as (batch, channels, rest).
struct Operands {
  Device* device;
  Array x, gain, other;
  Sizes whole, line;

  Operands(const char* name, const Array& a, const Array& g, const Array& o)
      : device(common_device(name, node_of(a), node_of(g), node_of(o))), whole(a.sizes()), line(g.sizes()) {
    x = buffer_of(a, device), gain = buffer_of(g, device);
    if (o) other = buffer_of(o, device);
  }
  void as_lines(bool other_is_line) {
    const std::int64_t n = gain.sizes().count();
    std::int64_t count = 1;
    for (unsigned i = 0; i < x.rank() - gain.rank(); ++i) count *= x.sizes()[i];
    as({count, n}, {n}, other_is_line);
  }
  void as_channels(bool other_is_line) {
    std::int64_t rest = 1;
    for (unsigned i = 2; i < x.rank(); ++i) rest *= x.sizes()[i];
    as({x.sizes()[0], x.sizes()[1], rest}, {x.sizes()[1]}, other_is_line);
  }
  Array fresh(const Sizes& sizes) const { return fresh_array(device, x.type(), sizes, sizes.count(), "normalize"); }
  NormGradients fresh_gradients() const { return {fresh(x.sizes()), fresh(gain.sizes()), fresh(gain.sizes())}; }
  NormGradients in_shape(const NormGradients& g) const {
    return {reshape(g.x, whole), reshape(g.gain, line), g.bias ? reshape(g.bias, line) : Array()};
  }
  /// Whether a device has computed it into the outputs.
  bool computed(const char* name, std::uint32_t kind, double eps, std::initializer_list<const Array*> in,
                std::initializer_list<const Array*> out) const {
    if (x.sizes().count() == 0) return false;
    const mu_op_normalize op{{sizeof op, MU_OP_NORMALIZE}, kind, 0, eps};
    mu_tensor view[8];
    unsigned count = 0;
    for (const Array* a : in) view_of(view[count++], node_of(*a));
    for (const Array* a : out) view_of(view[count++], node_of(*a));
    return try_request(name, device, &op.h, static_cast<unsigned>(in.size()), {view, count});
  }

 private:
  void as(const Sizes& sizes, const Sizes& of_parameter, bool other_is_line) {
    x = reshape(x, sizes), gain = reshape(gain, of_parameter);
    if (other) other = reshape(other, other_is_line ? of_parameter : sizes);
  }
};

NormGradients arrays(compositions::Gradients<Array> g) { return {std::move(g.x), std::move(g.gain), std::move(g.bias)}; }
Array wide(const Array& a) { return cast(a, dtype::f32); }
// Whether a device is asked for 16-bit floats: not in host memory, where conversions are fused with what made the operands.
bool asked_in_half(const char* name, const Array& x, const Array& a, const Array& b) {
  return is_half(x.type()) && a.type() == x.type() && b.type() == x.type() &&
         !common_device(name, node_of(x), node_of(a), node_of(b))->host_memory;
}
NormGradients narrow(const NormGradients& g, dtype to) { return {cast(g.x, to), cast(g.gain, to), g.bias ? cast(g.bias, to) : Array()}; }

}  // namespace

Array layer_norm(const Array& x, const Array& gain, const Array& bias, double eps) {
  check_last("layer_norm", "gain", x.sizes(), gain.sizes());
  check_last("layer_norm", "bias", x.sizes(), bias.sizes());
  if (!(gain.sizes() == bias.sizes()))
    fail<ShapeError>("[layer_norm] gain and bias have different sizes: {} and {}", text_of(gain.sizes()), text_of(bias.sizes()));
  const auto in_float = [&] { return cast(layer_norm(wide(x), wide(gain), wide(bias), eps), x.type()); };
  if (is_half(x.type()) && !asked_in_half("layer_norm", x, gain, bias)) return in_float();
  Operands o("layer_norm", x, gain, bias);
  o.as_lines(true);
  Array made = o.fresh(o.x.sizes());
  if (!o.computed("layer_norm", MU_NORMALIZE_LAYER, eps, {&o.x, &o.gain, &o.other}, {&made}) && made.sizes().count()) {
    if (is_half(x.type())) return in_float();
    made = compositions::layer_norm(o.x, o.gain, o.other, eps);
  }
  return reshape(made, o.whole);
}

NormGradients layer_norm_backward(const Array& x, const Array& gain, const Array& dy, double eps) {
  const auto in_float = [&] { return narrow(layer_norm_backward(wide(x), wide(gain), wide(dy), eps), x.type()); };
  if (is_half(x.type()) && !asked_in_half("layer_norm_backward", x, gain, dy)) return in_float();
  Operands o("layer_norm_backward", x, gain, dy);
  o.as_lines(false);
  NormGradients made = o.fresh_gradients();
  if (!o.computed("layer_norm_backward", MU_NORMALIZE_LAYER_BACKWARD, eps, {&o.x, &o.gain, &o.other}, {&made.x, &made.gain, &made.bias})) {
    if (is_half(x.type())) return in_float();
    made = arrays(compositions::layer_norm_backward(o.x, o.gain, o.other, eps));
  }
  return o.in_shape(made);
}

Array rms_norm(const Array& x, const Array& gain, double eps) {
  check_last("rms_norm", "gain", x.sizes(), gain.sizes());
  const auto in_float = [&] { return cast(rms_norm(wide(x), wide(gain), eps), x.type()); };
  if (is_half(x.type()) && !asked_in_half("rms_norm", x, gain, gain)) return in_float();
  Operands o("rms_norm", x, gain, gain);
  o.as_lines(true);
  Array made = o.fresh(o.x.sizes());
  if (!o.computed("rms_norm", MU_NORMALIZE_RMS, eps, {&o.x, &o.gain}, {&made}) && made.sizes().count()) {
    if (is_half(x.type())) return in_float();
    made = compositions::rms_norm(o.x, o.gain, eps);
  }
  return reshape(made, o.whole);
}

NormGradients rms_norm_backward(const Array& x, const Array& gain, const Array& dy, double eps) {
  const auto in_float = [&] { return narrow(rms_norm_backward(wide(x), wide(gain), wide(dy), eps), x.type()); };
  if (is_half(x.type()) && !asked_in_half("rms_norm_backward", x, gain, dy)) return in_float();
  Operands o("rms_norm_backward", x, gain, dy);
  o.as_lines(false);
  NormGradients made{o.fresh(o.x.sizes()), o.fresh(o.gain.sizes()), {}};
  if (!o.computed("rms_norm_backward", MU_NORMALIZE_RMS_BACKWARD, eps, {&o.x, &o.gain, &o.other}, {&made.x, &made.gain})) {
    if (is_half(x.type())) return in_float();
    made = arrays(compositions::rms_norm_backward(o.x, o.gain, o.other, eps));
  }
  return o.in_shape(made);
}

namespace {

// Whether a device of image layouts has laid one of them out. Both are in memory then.
bool lie_in_layout(const char* name, Array& x, Array& dy) {
  Device* device = common_device(name, node_of(x), dy ? node_of(dy) : nullptr);
  if (!image_layouts_chosen(device) || x.type() != dtype::f32 || x.sizes().count() == 0) return false;
  x = in_memory(x, device);
  if (dy) dy = in_memory(dy, device);
  return is_opaque(node_of(x)) || (dy && is_opaque(node_of(dy)));
}

mu_op_normalize description(std::uint32_t kind, double eps) { return {{sizeof(mu_op_normalize), MU_OP_NORMALIZE}, kind, 0, eps}; }

Array batch_norm_in_layout(Array x, const Array& gain, const Array& bias, double eps, ChannelStatistics& s) {
  Array none;
  if (!lie_in_layout("batch_norm", x, none)) return {};
  Device* d = x.device();
  const Array g = buffer_of(gain, d), b = buffer_of(bias, d);
  const auto fresh = [&] { return fresh_array(d, x.type(), gain.sizes(), gain.sizes().count(), "normalize"); };
  s = {fresh(), fresh()};
  const mu_op_normalize op = description(MU_NORMALIZE_BATCH, eps);
  mu_tensor view[6];
  view_of(view[1], node_of(g)), view_of(view[2], node_of(b)), view_of(view[4], node_of(s.mean)), view_of(view[5], node_of(s.variance));
  return try_in_layout("batch_norm", d, &op.h, {&x, 1}, 0, x.sizes(), 3, view);
}

NormGradients batch_norm_backward_in_layout(Array x, const Array& gain, Array dy, const ChannelStatistics& statistics, double eps) {
  if (!lie_in_layout("batch_norm_backward", x, dy)) return {};
  Device* d = x.device();
  const Array values[] = {x, buffer_of(gain, d), dy}, mean = buffer_of(statistics.mean, d), variance = buffer_of(statistics.variance, d);
  const auto fresh = [&] { return fresh_array(d, x.type(), gain.sizes(), gain.sizes().count(), "normalize"); };
  NormGradients made{{}, fresh(), fresh()};
  const mu_op_normalize op = description(MU_NORMALIZE_BATCH_BACKWARD, eps);
  mu_tensor view[8];
  view_of(view[3], node_of(mean)), view_of(view[4], node_of(variance)), view_of(view[6], node_of(made.gain)),
      view_of(view[7], node_of(made.bias));
  made.x = try_in_layout("batch_norm_backward", d, &op.h, values, 1 | 4, x.sizes(), 5, view);
  return made;
}

}  // namespace

Array batch_norm(const Array& x, const Array& gain, const Array& bias, double eps, ChannelStatistics* statistics) {
  check_channels("gain", x.sizes(), gain.sizes());
  check_channels("bias", x.sizes(), bias.sizes());
  if (is_half(x.type())) return cast(batch_norm(wide(x), wide(gain), wide(bias), eps, statistics), x.type());
  ChannelStatistics laid;
  if (Array made = batch_norm_in_layout(x, gain, bias, eps, laid)) {
    if (statistics) *statistics = std::move(laid);
    return made;
  }
  Operands o("batch_norm", x, gain, bias);
  o.as_channels(true);
  Array made = o.fresh(o.x.sizes());
  ChannelStatistics s{o.fresh(o.gain.sizes()), o.fresh(o.gain.sizes())};
  if (!o.computed("batch_norm", MU_NORMALIZE_BATCH, eps, {&o.x, &o.gain, &o.other}, {&made, &s.mean, &s.variance})) {
    const auto composed = compositions::standardized_channels(o.x, eps);
    made = compositions::batch_norm(composed, o.gain, o.other);
    s = {reshape(composed.mean, o.gain.sizes()), reshape(composed.variance, o.gain.sizes())};
  }
  if (statistics) *statistics = std::move(s);
  return reshape(made, o.whole);
}

NormGradients batch_norm_backward(const Array& x, const Array& gain, const Array& dy, const ChannelStatistics& statistics, double eps) {
  if (is_half(x.type())) return narrow(batch_norm_backward(wide(x), wide(gain), wide(dy), statistics, eps), x.type());
  if (NormGradients made = batch_norm_backward_in_layout(x, gain, dy, statistics, eps); made.x) return made;
  Operands o("batch_norm_backward", x, gain, dy);
  o.as_channels(false);
  const Array mean = buffer_of(statistics.mean, o.device), variance = buffer_of(statistics.variance, o.device);
  NormGradients made = o.fresh_gradients();
  if (!o.computed("batch_norm_backward", MU_NORMALIZE_BATCH_BACKWARD, eps, {&o.x, &o.gain, &o.other, &mean, &variance},
                  {&made.x, &made.gain, &made.bias}))
    made = arrays(compositions::batch_norm_backward(o.x, o.gain, o.other, eps));
  return o.in_shape(made);
}

}  // namespace mushin::core
