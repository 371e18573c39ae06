#include "mushin/tensor/ops/normalize.hpp"

#include "core/fail.hpp"
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

// All operands as buffers on one device, x as lines.
struct Lines {
  Device* device;
  Array x, gain, other;
  Sizes rows, line;

  Lines(const char* name, const Array& a, const Array& g, const Array& o, bool other_is_line)
      : device(common_device(name, node_of(a), node_of(g), node_of(o))) {
    const std::int64_t n = g.sizes().count();
    std::int64_t count = 1;
    for (unsigned i = 0; i < a.rank() - g.rank(); ++i) count *= a.sizes()[i];
    rows = {count, n}, line = {n};
    x = reshape(buffer_of(a, device), rows), gain = reshape(buffer_of(g, device), line);
    other = reshape(buffer_of(o, device), other_is_line ? line : rows);
  }
};

Array fresh(const Lines& l, const Sizes& sizes, const char* name) { return fresh_array(l.device, l.x.type(), sizes, sizes.count(), name); }

}  // namespace

Array layer_norm(const Array& x, const Array& gain, const Array& bias, double eps) {
  check_last("layer_norm", "gain", x.sizes(), gain.sizes());
  check_last("layer_norm", "bias", x.sizes(), bias.sizes());
  if (!(gain.sizes() == bias.sizes()))
    fail<ShapeError>("[layer_norm] gain and bias have different sizes: {} and {}", text_of(gain.sizes()), text_of(bias.sizes()));
  if (is_half(x.type())) return cast(layer_norm(cast(x, dtype::f32), cast(gain, dtype::f32), cast(bias, dtype::f32), eps), x.type());
  const Lines l("layer_norm", x, gain, bias, true);
  const Array made = fresh(l, l.rows, "layer_norm");
  if (l.rows.count() == 0) return reshape(made, x.sizes());
  const mu_op_normalize op{{sizeof op, MU_OP_NORMALIZE}, MU_NORMALIZE_LAYER, 0, eps};
  mu_tensor view[4];
  view_of(view[0], node_of(l.x)), view_of(view[1], node_of(l.gain)), view_of(view[2], node_of(l.other)), view_of(view[3], node_of(made));
  return reshape(try_request("layer_norm", l.device, &op.h, 3, view) ? made : compositions::layer_norm(l.x, l.gain, l.other, eps),
                 x.sizes());
}

LayerNormGradients layer_norm_backward(const Array& x, const Array& gain, const Array& dy, double eps) {
  if (is_half(x.type())) {
    const auto wide = layer_norm_backward(cast(x, dtype::f32), cast(gain, dtype::f32), cast(dy, dtype::f32), eps);
    return {cast(wide.x, x.type()), cast(wide.gain, x.type()), cast(wide.bias, x.type())};
  }
  const Lines l("layer_norm_backward", x, gain, dy, false);
  LayerNormGradients made{fresh(l, l.rows, "layer_norm"), fresh(l, l.line, "layer_norm"), fresh(l, l.line, "layer_norm")};
  const mu_op_normalize op{{sizeof op, MU_OP_NORMALIZE}, MU_NORMALIZE_LAYER_BACKWARD, 0, eps};
  mu_tensor view[6];
  const Array* const operands[] = {&l.x, &l.gain, &l.other, &made.x, &made.gain, &made.bias};
  for (unsigned i = 0; i < 6; ++i) view_of(view[i], node_of(*operands[i]));
  if (l.rows.count() == 0 || !try_request("layer_norm_backward", l.device, &op.h, 3, view)) {
    const auto composed = compositions::layer_norm_backward(l.x, l.gain, l.other, eps);
    made = {composed.x, composed.gain, composed.bias};
  }
  return {reshape(made.x, x.sizes()), reshape(made.gain, gain.sizes()), reshape(made.bias, gain.sizes())};
}

}  // namespace mushin::core
