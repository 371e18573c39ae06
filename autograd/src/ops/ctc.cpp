#include "mushin/autograd/ops/ctc.hpp"

#include "mushin/autograd/core/function.hpp"
#include "mushin/autograd/ops/arrange.hpp"
#include "mushin/autograd/ops/index.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/spelling.hpp"

namespace mushin::core {
namespace {

class CtcRule final : public Function {
 public:
  CtcRule(const Array& logs, const CtcTargets& t) : logs_(logs), targets_(t) {}

  void pull(const FunctionPull& p) override {
    const Traced each = reshape(p.cotangent, {1, logs_.sizes()[1], 1});
    const Traced slope = p.linked ? compositions::ctc_gradient(linked_to(logs_, p.operand[0]), targets_) : ctc_gradient(logs_, targets_);
    p.gradient[0] = mul(each, slope);
  }
  std::int64_t saved_bytes() const noexcept override { return logs_.sizes().count() * static_cast<std::int64_t>(bytes_of(logs_.type())); }

 private:
  Array logs_;
  CtcTargets targets_;
};

}  // namespace

Traced ctc(const Traced& logs, const CtcTargets& t) {
  Array loss = ctc(logs.value(), t);
  if (!logs.node()) return loss;
  return record_function("ctc", std::move(loss), &logs, 1, new CtcRule(logs.value(), t));
}

}  // namespace mushin::core
