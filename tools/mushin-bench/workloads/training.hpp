// What training workloads share: a step, and the same step captured.
#pragma once
#include "../data.hpp"
#include "../workload.hpp"

namespace bench {

namespace nn = mu::nn;

/// `Problem` has `net`, `optimizer`, `loss()` and `watched()`, a parameter that backends are compared by.
template <class Problem>
struct Training : Problem {
  mu::Tensor<float> last = mu::zeros<>();

  mu::Tensor<float> run() {
    this->optimizer.zero_grad();
    if constexpr (requires { this->forget(); }) this->forget();
    const auto loss = this->loss();
    mu::core::evaluate(loss.value().raw());
    loss.backward();
    this->optimizer.step();
    return loss.value();
  }
  void step() { last = run(); }
  double value() const { return static_cast<double>(last.item()); }
  std::vector<float> result() const { return this->watched().value().to_vector(); }
};

/// The same, captured in its second step: an optimiser makes its state in the first.
template <class Problem>
struct CapturedTraining : Training<Problem> {
  struct Step {
    Training<Problem>* training;
    mu::Tensor<float> operator()() const { return training->run(); }
  };
  std::optional<mu::Captured<Step>> again;
  bool first = true;

  void step() {
    if (std::exchange(first, false))
      this->last = this->run();
    else
      this->last = again ? (*again)() : again.emplace(mu::capture(Step{this})).results();
  }
};

}  // namespace bench
