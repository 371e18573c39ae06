#include "mushin/autograd/ops/attention.hpp"

#include "mushin/autograd/core/function.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/autograd/ops/softmax.hpp"
#include "mushin/tensor/core/attended.hpp"

namespace mushin::core {
namespace {

std::int64_t bytes(const Array& a) { return a ? a.sizes().count() * static_cast<std::int64_t>(bytes_of(a.type())) : 0; }
Traced summed(const Traced& g, const Array& operand) { return g.sizes() == operand.sizes() ? g : sum_to(g, operand.sizes()); }

class AttentionRule final : public Function {
 public:
  AttentionRule(const Array& q, const Array& k, const Array& v, const Array& bias, const AttentionForm& form, const Attended& made)
      : q_(q), k_(k), v_(v), bias_(bias), form_(form), made_(made) {}

  void pull(const FunctionPull& p) override {
    if (p.linked) {
      const Traced q = linked_to(q_, p.operand[0]), k = linked_to(k_, p.operand[1]), v = linked_to(v_, p.operand[2]);
      const auto g = compositions::attention_backward(q, k, v, bias_, p.cotangent, form_);
      return give(p, g.q, g.k, g.v);
    }
    const AttentionGradients g = attention_backward(q_, k_, v_, bias_, made_, p.cotangent.value(), form_);
    give(p, g.q, g.k, g.v);
  }
  std::int64_t saved_bytes() const noexcept override {
    return bytes(q_) + bytes(k_) + bytes(v_) + bytes(bias_) + bytes(made_.y) + bytes(made_.lse);
  }

 private:
  void give(const FunctionPull& p, const Traced& q, const Traced& k, const Traced& v) const {
    if (p.wanted[0]) p.gradient[0] = summed(q, q_);
    if (p.wanted[1]) p.gradient[1] = summed(k, k_);
    if (p.wanted[2]) p.gradient[2] = summed(v, v_);
  }

  Array q_, k_, v_, bias_;
  AttentionForm form_;
  Attended made_;
};

}  // namespace

Traced attention(const Traced& q, const Traced& k, const Traced& v, const Array& bias, const AttentionForm& form) {
  if (!q.node() && !k.node() && !v.node()) return attention(q.value(), k.value(), v.value(), bias, form);
  const Attended made = attention_kept(q.value(), k.value(), v.value(), bias, form);
  const Traced operands[] = {q, k, v};
  return record_function("attention", made.y, operands, 3, new AttentionRule(q.value(), k.value(), v.value(), bias, form, made));
}

}  // namespace mushin::core
