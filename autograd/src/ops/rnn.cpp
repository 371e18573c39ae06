#include "mushin/autograd/ops/rnn.hpp"

#include "mushin/autograd/core/function.hpp"
#include "mushin/autograd/ops/arrange.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/recurrent.hpp"

namespace mushin::core {
namespace {

std::int64_t bytes(const Array& a) { return a ? a.sizes().count() * static_cast<std::int64_t>(bytes_of(a.type())) : 0; }

using Steps = std::vector<compositions::RnnStep<Array>>;

class RnnRule final : public Function {
 public:
  /// `steps`: of narrow products, which no device has in one op.
  RnnRule(RnnWay way, const Traced* operands, unsigned count, RnnResult made, Steps steps, dtype narrow)
      : way_(way), made_(std::move(made)), steps_(std::move(steps)), narrow_(narrow) {
    for (unsigned i = 0; i < count; ++i) saved_[i] = operands[i].value();
  }

  // Operands: x, weight, hidden, extra.
  void pull(const FunctionPull& p) override {
    const bool more = static_cast<bool>(saved_[3]);
    if (p.linked) {
      const auto at = [&](unsigned i) { return linked_to(saved_[i], p.operand[i]); };
      const compositions::RnnOperands<Traced> o{at(0), at(1), at(2), more ? at(3) : Traced()};
      auto g = compositions::rnn_backward(way_, o, compositions::rnn_steps(way_, o, narrow_), p.cotangent, narrow_);
      return give<Traced>(p, std::move(g.x), std::move(g.hidden), std::move(g.extra), linked_to(made_.y, p.result), o.hidden);
    }
    if (is_half(narrow_)) {
      const compositions::RnnOperands<Array> o{saved_[0], saved_[1], saved_[2], saved_[3]};
      auto g = compositions::rnn_backward(way_, o, steps_, p.cotangent.value(), narrow_);
      return give<Array>(p, std::move(g.x), std::move(g.hidden), std::move(g.extra), made_.y, saved_[2]);
    }
    auto g = rnn_backward(way_, saved_[0], saved_[1], saved_[2], saved_[3], made_, p.cotangent.value());
    give<Array>(p, std::move(g.x), std::move(g.hidden), std::move(g.extra), made_.y, saved_[2]);
  }

  std::int64_t saved_bytes() const noexcept override {
    std::int64_t sum = bytes(made_.y) + bytes(made_.saved);
    for (const Array& a : saved_) sum += bytes(a);
    for (const auto& step : steps_) {
      for (const Array& gate : step.gate) sum += bytes(gate);
      sum += bytes(step.cell);
    }
    return sum;
  }

 private:
  template <class H>
  void give(const FunctionPull& p, H dx, H dh, H extra, const H& y, const H& hidden) const {
    if (p.wanted[1]) p.gradient[1] = compositions::rnn_weight_gradient(way_, dx, extra, y, hidden, narrow_);
    if (saved_[3] && p.wanted[3]) p.gradient[3] = way_.cell == Cell::gru ? H(sum(extra, 3u, false)) : extra;
    if (p.wanted[0]) p.gradient[0] = std::move(dx);
    if (p.wanted[2]) p.gradient[2] = std::move(dh);
  }

  RnnWay way_;
  Array saved_[4];
  RnnResult made_;
  Steps steps_;
  dtype narrow_;
};

}  // namespace

Traced rnn(RnnWay way, const Traced& x, const Traced& weight, const Traced& hidden, const Traced& extra, dtype narrow) {
  RnnResult made;
  Steps steps;
  if (is_half(narrow)) {
    steps = compositions::rnn_steps<Array>(way, {x.value(), weight.value(), hidden.value(), extra.value()}, narrow);
    made.y = compositions::rnn_of_steps(way, steps);
  } else {
    made = rnn(way, x.value(), weight.value(), hidden.value(), extra.value());
  }
  const Traced operands[] = {x, weight, hidden, extra};
  const unsigned count = extra ? 4 : 3;
  bool traced = false;
  for (const Traced& t : operands) traced = traced || t.node();
  if (!traced) return std::move(made.y);
  Array y = made.y;
  auto* const rule = new RnnRule(way, operands, count, std::move(made), std::move(steps), narrow);
  return record_function("rnn", std::move(y), operands, count, rule);
}

}  // namespace mushin::core
