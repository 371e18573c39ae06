#include "mushin/tensor/ops/softmax.hpp"

#include "core/fail.hpp"
#include "core/request.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"

namespace mushin::core {
namespace {

// The device's own op, or null.
Array native(const char* name, std::uint32_t kind, unsigned axis, const Array& a, const Array* b = nullptr) {
  if (axis >= a.rank()) fail<ShapeError>("[{}] axis {} is outside {}", name, axis, text_of(a.sizes()));
  if (b && !(a.sizes() == b->sizes())) fail<ShapeError>("[{}] sizes differ: {} and {}", name, text_of(a.sizes()), text_of(b->sizes()));
  Device* device = common_device(name, node_of(a), b ? node_of(*b) : nullptr);
  const Array x = buffer_of(a, device), y = b ? buffer_of(*b, device) : Array();
  Array made = fresh_array(device, a.type(), a.sizes(), a.sizes().count(), name);
  if (node_of(made)->count == 0) return made;
  const mu_op_softmax op{{sizeof op, MU_OP_SOFTMAX}, kind, axis};
  mu_tensor view[3];
  const unsigned n = b ? 2 : 1;
  view_of(view[0], node_of(x));
  if (b) view_of(view[1], node_of(y));
  view_of(view[n], node_of(made));
  return try_request(name, device, &op.h, n, {view, n + 1}) ? made : Array();
}

using OneOperand = Array (*)(const Array&, unsigned);
using TwoOperands = Array (*)(const Array&, const Array&, unsigned);
// Where the device has no kernel for 16-bit floats: in float, rounded once.
Array in_float(OneOperand op, const Array& a, unsigned axis) { return cast(op(cast(a, dtype::f32), axis), a.type()); }
Array in_float(TwoOperands op, const Array& a, const Array& b, unsigned axis) {
  return cast(op(cast(a, dtype::f32), cast(b, dtype::f32), axis), a.type());
}

}  // namespace

Array softmax(const Array& a, unsigned axis) {
  if (Array made = native("softmax", MU_SOFTMAX, axis, a)) return made;
  if (is_half(a.type())) return in_float(softmax, a, axis);
  const Array e = exp(sub(a, max(a, 1u << axis, true)));
  return div(e, sum(e, 1u << axis, true));
}

Array log_softmax(const Array& a, unsigned axis) {
  if (Array made = native("log_softmax", MU_SOFTMAX_LOG, axis, a)) return made;
  if (is_half(a.type())) return in_float(log_softmax, a, axis);
  const Array d = sub(a, max(a, 1u << axis, true));
  return sub(d, log(sum(exp(d), 1u << axis, true)));
}

Array softmax_backward(const Array& y, const Array& dy, unsigned axis) {
  if (Array made = native("softmax_backward", MU_SOFTMAX_BACKWARD, axis, y, &dy)) return made;
  if (is_half(y.type())) return in_float(softmax_backward, y, dy, axis);
  return mul(y, sub(dy, sum(mul(y, dy), 1u << axis, true)));
}

Array log_softmax_backward(const Array& y, const Array& dy, unsigned axis) {
  if (Array made = native("log_softmax_backward", MU_SOFTMAX_LOG_BACKWARD, axis, y, &dy)) return made;
  if (is_half(y.type())) return in_float(log_softmax_backward, y, dy, axis);
  return sub(dy, mul(exp(y), sum(dy, 1u << axis, true)));
}

}  // namespace mushin::core
