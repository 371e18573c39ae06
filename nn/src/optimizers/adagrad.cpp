#include "mushin/nn/optimizers.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

Adagrad::Adagrad(Parameters parameters, AdagradOptions options) : Optimizer("Adagrad", {"sum"}, {"step"}) {
  add(std::move(parameters), options);
}

void Adagrad::add(Parameters parameters, AdagradOptions options) {
  check_option(options.lr >= 0, "Adagrad", "lr must not be negative", options.lr);
  check_option(options.lr_decay >= 0, "Adagrad", "lr_decay must not be negative", options.lr_decay);
  check_option(options.weight_decay >= 0, "Adagrad", "weight_decay must not be negative", options.weight_decay);
  check_option(options.initial_accumulator_value >= 0, "Adagrad", "initial_accumulator_value must not be negative",
               options.initial_accumulator_value);
  check_option(options.eps >= 0, "Adagrad", "eps must not be negative", options.eps);
  add_group(std::move(parameters), options.lr, {0});
  options_.push_back(options);
}

void Adagrad::step() {
  core::Assignments updates;
  for (std::size_t k = 0; k < groups(); ++k) {
    Group& group = all()[k];
    const AdagradOptions& o = options_[k];
    const bool device = counts_on_device(group);
    const auto number = [](double x) { return core::literal(x, dtype::f64); };
    core::Array rate;
    if (device) {
      core::Array& step = group.on_device[0];
      rate = core::div(number(group.lr), core::add(number(1), core::mul(step, number(o.lr_decay))));
      core::evaluate(rate);
      store({&step}, {core::add(step, number(1))});
    } else {
      rate = number(group.lr / (1 + group.numbers[0] * o.lr_decay));
      group.numbers[0] += 1;
    }
    for (auto& [leaf, state] : group.slots) {
      core::Array& p = leaf.value();
      const dtype type = p.type();
      const core::Array g = decayed_gradient(leaf, o.weight_decay);
      const core::Array sum = core::add(state[0] ? state[0] : core::literal(o.initial_accumulator_value, type), core::mul(g, g));
      const core::Array quotient = core::div(g, core::add(core::sqrt(sum), core::literal(o.eps, type)));
      store(updates, {&state[0], &p}, {sum, core::sub(p, core::mul(quotient, core::cast(rate, type)))});
    }
  }
  updates.finish();
}

}  // namespace mushin::nn
