#include "mushin/nn/losses/elements.hpp"

#include <fmt/format.h>

#include "losses/support.hpp"
#include "mushin/autograd/core/function.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

template <class Raw>
Raw half_square(const Raw& d) {
  return mul(mul(d, d), number(d, 0.5));
}

template <class Raw>
Raw squared_error(const Raw& p, const Raw& y) {
  const Raw d = sub(p, y);
  return mul(d, d);
}

template <class Raw>
Raw smooth(const Raw& p, const Raw& y, double beta) {
  if (!(beta >= 0)) throw Error(fmt::format("[smooth_l1] beta must not be negative: {}", beta).c_str());
  const Raw d = abs(Raw(sub(p, y)));
  if (beta == 0) return d;
  return where(core::less(value(d), number(d, beta)), Raw(div(half_square(d), number(d, beta))), Raw(sub(d, number(d, 0.5 * beta))));
}

template <class Raw>
Raw huber_of(const Raw& p, const Raw& y, double delta) {
  if (!(delta > 0)) throw Error(fmt::format("[huber] delta must be positive: {}", delta).c_str());
  const Raw d = abs(Raw(sub(p, y)));
  const Raw far = mul(sub(d, number(d, 0.5 * delta)), number(d, delta));
  return where(core::less_equal(value(d), number(d, delta)), half_square(d), far);
}

void check_probabilities(const char* op, const char* rule, const core::Array& x) {
  check_elements(op, rule, x, core::logical_and(core::greater_equal(x, number(x, 0)), core::less_equal(x, number(x, 1))));
}
void check_signs(const char* op, const core::Array& y) {
  check_elements(op, "a target must be 1 or -1", y, core::equal(core::abs(y), number(y, 1)));
}

core::Array bce_value(const core::Array& p, const core::Array& y) {
  const auto log_of = [](const core::Array& logarithm) { return core::maximum(logarithm, number(logarithm, -100)); };
  const core::Array rest = core::sub(number(y, 1), y);
  return core::neg(core::add(core::mul(y, log_of(core::log(p))), core::mul(rest, log_of(core::log1p(core::neg(p))))));
}

/// The logarithm's bound ends the gradient of what it is made of at 0 and 1, where PyTorch's is large but finite.
struct BceRule final : core::Function {
  core::Array prediction, target;
  BceRule(core::Array p, core::Array y) : prediction(std::move(p)), target(std::move(y)) {}

  void pull(const core::FunctionPull& of) override {
    const auto operand = [&of](unsigned i, const core::Array& x) {
      return of.linked ? core::linked_to(x, of.operand[i]) : core::Traced(x);
    };
    const core::Traced p = operand(0, prediction), y = operand(1, target), rest = sub(number(p, 1), p);
    if (of.wanted[0]) {
      const core::Traced spread = maximum(mul(p, rest), number(p, 1e-12));
      of.gradient[0] = mul(of.cotangent, div(sub(p, y), spread));
    }
    if (of.wanted[1]) of.gradient[1] = mul(of.cotangent, sub(log(rest), log(p)));
  }
  std::int64_t saved_bytes() const noexcept override {
    return prediction.sizes().count() * 2 * static_cast<std::int64_t>(bytes_of(prediction.type()));
  }
};

core::Array bce_of(const core::Array& p, const core::Array& y) { return bce_value(p, y); }
core::Traced bce_of(const core::Traced& p, const core::Traced& y) {
  const core::Traced operands[] = {p, y};
  return core::record_function("bce", bce_value(p.value(), y.value()), operands, 2, new BceRule(p.value(), y.value()));
}

template <class Raw>
Raw divergence(const Raw& x, const Raw& y) {
  const core::Array some = core::greater(value(y), number(y, 0));
  const Raw logarithm = log(Raw(where(some, y, Raw(number(y, 1)))));
  return mul(y, sub(logarithm, x));
}

template <class Raw>
Raw signed_hinge(const Raw& p, const Raw& y, double margin) {
  return relu(Raw(sub(number(p, margin), mul(y, p))));
}

template <class Raw>
Raw embedded_hinge(const Raw& p, const Raw& y, double margin) {
  return where(core::greater(value(y), number(y, 0)), p, Raw(relu(Raw(sub(number(p, margin), p)))));
}

void check_values(ElementLoss which, const core::Array& p, const core::Array& y) {
  switch (which) {
    case ElementLoss::bce:
      check_probabilities("bce", "a prediction must be in [0, 1]", p);
      return check_probabilities("bce", "a target must be in [0, 1]", y);
    case ElementLoss::kl_div:
      return check_elements("kl_div", "a target must not be negative", y, core::greater_equal(y, number(y, 0)));
    case ElementLoss::hinge:
      return check_signs("hinge", y);
    case ElementLoss::hinge_embedding:
      return check_signs("hinge_embedding", y);
    default:
      return;
  }
}

template <class Raw>
Raw each(ElementLoss which, const Raw& p, const Raw& y, double parameter) {
  switch (which) {
    case ElementLoss::mse:
      return squared_error(p, y);
    case ElementLoss::l1:
      return abs(Raw(sub(p, y)));
    case ElementLoss::smooth_l1:
      return smooth(p, y, parameter);
    case ElementLoss::huber:
      return huber_of(p, y, parameter);
    case ElementLoss::bce:
      return bce_of(p, y);
    case ElementLoss::kl_div:
      return divergence(p, y);
    case ElementLoss::log_kl_div:
      return mul(exp(y), sub(y, p));
    case ElementLoss::hinge:
      return signed_hinge(p, y, parameter);
    case ElementLoss::hinge_embedding:
      return embedded_hinge(p, y, parameter);
  }
  return p;
}

template <class Raw>
Raw loss(ElementLoss which, const Raw& p, const Raw& y, Reduction how, double parameter) {
  static constexpr const char* names[] = {"mse", "l1", "smooth_l1", "huber", "bce", "kl_div", "kl_div", "hinge", "hinge_embedding"};
  check_values(which, value(p), value(y));
  return reduce<Raw>(names[static_cast<unsigned>(which)], each(which, p, y, parameter), how);
}

/// log(1 + e^x) to the last digit of every type: beyond the bound it is x.
template <class Raw>
Raw softplus_to_the_end(const Raw& x) {
  const double bound = x.type() == dtype::f64 ? 40 : x.type() == dtype::f16 ? 10 : 20;
  const core::Array high = core::greater(value(x), number(x, bound));
  return where(high, x, Raw(log1p(Raw(exp(Raw(where(high, Raw(number(x, 0)), x)))))));
}

template <class Raw>
Raw logits_loss(const Raw& x, const Raw& y, const core::Array* weight, Reduction how) {
  check_probabilities("bce_with_logits", "a target must be in [0, 1]", value(y));
  const Raw opposite = softplus_to_the_end<Raw>(neg(x));  // -log(sigmoid(x)); that of 1 - sigmoid(x) is x more
  const Raw scale = weight ? Raw(add(mul(sub(*weight, number(x, 1)), y), number(x, 1))) : Raw(number(x, 1));
  return reduce<Raw>("bce_with_logits", add(mul(sub(number(x, 1), y), x), weight ? Raw(mul(scale, opposite)) : opposite), how);
}

}  // namespace

core::Array element_loss(ElementLoss w, const core::Array& p, const core::Array& y, Reduction how, double parameter) {
  return loss(w, p, y, how, parameter);
}
core::Traced element_loss(ElementLoss w, const core::Traced& p, const core::Traced& y, Reduction how, double parameter) {
  return loss(w, p, y, how, parameter);
}
core::Array bce_with_logits(const core::Array& x, const core::Array& y, const core::Array* weight, Reduction how) {
  return logits_loss(x, y, weight, how);
}
core::Traced bce_with_logits(const core::Traced& x, const core::Traced& y, const core::Array* weight, Reduction how) {
  return logits_loss(x, y, weight, how);
}

}  // namespace mushin::nn::detail
