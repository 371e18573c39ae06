#include "mushin/tensor/ops/ctc.hpp"

#include "core/fail.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/spelling.hpp"

namespace mushin::core {
namespace {

void check(const Array& logs, const CtcTargets& t) {
  check_sizes("ctc", logs.sizes(), {-1, -1, -1});
  const std::int64_t batch = logs.sizes()[1], classes = logs.sizes()[2];
  check_sizes("ctc", t.labels.sizes(), {batch, -1});
  check_sizes("ctc", t.steps.sizes(), {batch});
  check_sizes("ctc", t.lengths.sizes(), {batch});
  if (t.blank < 0 || t.blank >= classes) fail<ShapeError>("[ctc] the blank must be a class: blank {}, {} classes", t.blank, classes);
}

// The device's own op, or null.
Array native(std::uint32_t kind, const Array& logs, const CtcTargets& t, const Sizes& to) {
  Device* const d = common_device("ctc", node_of(logs), node_of(t.labels), node_of(t.steps));
  (void)common_device("ctc", node_of(logs), node_of(t.lengths));
  const Array* const operands[] = {&logs, &t.labels, &t.steps, &t.lengths};
  Array held[4];
  mu_tensor view[5];
  for (unsigned i = 0; i < 4; ++i) held[i] = contiguous("ctc", buffer_of(*operands[i], d)), view_of(view[i], node_of(held[i]));
  Array made = fresh_array(d, logs.type(), to, to.count(), "ctc");
  if (to.count() == 0) return made;
  view_of(view[4], node_of(made));
  const mu_op_ctc op{{sizeof op, MU_OP_CTC}, kind, 0, t.blank};
  return try_request("ctc", d, &op.h, 4, view) ? made : Array();
}

}  // namespace

Array ctc(const Array& logs, const CtcTargets& t) {
  check(logs, t);
  if (is_half(logs.type())) return cast(ctc(cast(logs, dtype::f32), t), logs.type());
  if (Array made = native(MU_CTC_LOSS, logs, t, t.steps.sizes())) return made;
  return compositions::ctc(logs, t);
}

Array ctc_gradient(const Array& logs, const CtcTargets& t) {
  check(logs, t);
  if (is_half(logs.type())) return cast(ctc_gradient(cast(logs, dtype::f32), t), logs.type());
  if (Array made = native(MU_CTC_GRADIENT, logs, t, logs.sizes())) return made;
  return compositions::ctc_gradient<Array>(logs, t);
}

}  // namespace mushin::core
