#pragma once
#include "mushin/nn/optimizers/optimizer.hpp"

namespace mushin::nn {

/// Limited-memory BFGS, as PyTorch's: Nocedal & Wright, Numerical Optimization, 2nd edition, algorithms 7.4, 7.5, 3.5 and 3.6.
struct LBFGSOptions {
  double lr = 1;               ///< the length of a step, of the first one times min(1, 1 / sum |gradient|); the line search begins from it
  std::int64_t max_iter = 20;  ///< of one call of `step`
  std::int64_t max_eval = 0;   ///< of the function in one call; 0: max_iter * 5 / 4
  double tolerance_grad = 1e-7;     ///< a call ends where no element of the gradient is further from 0
  double tolerance_change = 1e-9;   ///< and where all parameters, or the loss, change by no more, or the loss falls no more steeply
  std::int64_t history_size = 100;  ///< of the steps that the curvature is told from
  bool strong_wolfe = false;        ///< a line search for the strong Wolfe conditions
};

/// Minimises a function of all its parameters, which have one element type. It needs the function itself: `opt.step([&] { opt.zero_grad();
/// auto loss = f(); loss.backward(); return loss; });`. Each iteration waits for numbers, so a step cannot be captured.
class MUSHIN_API LBFGS final : public Optimizer {
 public:
  /// Error when an option makes no sense, there is no parameter, or they differ in element type.
  explicit LBFGS(Parameters, LBFGSOptions = {});

  /// Up to `max_iter` iterations. `closure` sets the gradients and gives the loss, a scalar tensor; the result is the first it gave.
  template <class F>
  double step(F&& closure) {
    auto call = [&] { return number(closure().raw()); };
    return minimize({[](void* f) { return (*static_cast<decltype(call)*>(f))(); }, &call});
  }
  /// Error: the function is missing.
  void step() override;

  StateDict state_dict() const override;
  void load_state_dict(const StateDict&) override;
  std::string differences(const StateDict&) const override;

 private:
  struct Loss {
    double (*call)(void*);
    void* closure;
    double operator()() const { return call(closure); }
  };
  static double number(const core::Array&);
  static double number(const core::Traced& t) { return number(t.value()); }
  double minimize(Loss);
  core::Array gradient() const;
  core::Array direction(const core::Array& gradient);
  void move(const std::vector<core::Array>& from, double length, const core::Array& along);
  std::vector<core::Array> values() const;
  /// The entries that are its own, those of every optimiser, and what is wrong with the former.
  std::string take_apart(const StateDict&, StateDict& others, core::Array (&own)[4]) const;
  void remember(const core::Array& gradient_change, const core::Array& step);

  LBFGSOptions options_;
  std::vector<core::Array> steps_, changes_;  // of the parameters and of the gradient, the oldest first
  core::Array direction_, before_;            // of the last iteration: its direction, and the gradient where it began
};

}  // namespace mushin::nn
