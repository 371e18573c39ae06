// A piece of work that backends are compared by. One file of workloads/ is one group.
#pragma once
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "mushin/nn.hpp"

namespace bench {

namespace mu = mushin;

/// A workload whose data are made, on the default device.
struct Work {
  std::function<void()> step;                  // computes everything, reads nothing back
  std::function<double()> value;               // the loss of the step before, or the mean of |result|
  std::function<std::vector<float>()> result;  // what the backends' results are compared by
};

/// Other frameworks' value from the same data: of the first step, and of a training step's tenth. Where a unit comes within rounding of
/// its activation's kink, the tenth depends on the order of sums: there are two values then, and each framework has either,
/// depending on the processor.
struct Expected {
  double first;
  double tenth = 0, other_tenth = 0;
};

struct Workload {
  const char* name;
  const char* what;
  bool training;  // `value` is a loss that falls from step to step
  double flop;    // of one step; 0: memory decides
  double bytes;   // that one step must at least move; 0: arithmetic decides
  Expected expected;
  Work (*make)();
  double written = 0;               // of the bytes
  mu::dtype type = mu::dtype::f32;  // of what is multiplied
};

std::span<const Workload> product_workloads();
std::span<const Workload> pointwise_workloads();
std::span<const Workload> reduction_workloads();
std::span<const Workload> small_workloads();
std::span<const Workload> training_workloads();
std::span<const Workload> image_workloads();
std::span<const Workload> transformer_workloads();

/// The workloads of other frameworks, in the order of the report.
std::vector<Workload> peer_workloads();
/// One for each family of ops.
std::vector<Workload> op_workloads();
std::span<const Workload> op_product_workloads();
std::span<const Workload> op_network_workloads();

/// `State` has `void step()`, `double value()` and `std::vector<float> result()`.
template <class State>
Work work() {
  auto state = std::make_shared<State>();
  return {[state] { state->step(); }, [state] { return state->value(); }, [state] { return state->result(); }};
}

inline double mean_abs(const std::vector<float>& values) {
  double sum = 0;
  for (float v : values) sum += std::abs(static_cast<double>(v));
  return sum / static_cast<double>(values.size());
}

/// A workload that is one expression, `compute()`, of a tensor.
template <class Inputs>
struct Expression : Inputs {
  using Result = decltype(std::declval<Inputs&>().compute());
  std::optional<Result> last;

  void step() {
    auto y = this->compute();
    mu::core::evaluate(y.raw());
    last = std::move(y);
  }
  std::vector<float> result() const { return last->to_vector(); }
  double value() const { return mean_abs(result()); }
};

/// Work that is `compute()`, a tensor.
template <class F>
Work expression(F compute) {
  auto last = std::make_shared<std::optional<decltype(compute())>>();
  auto result = [last] { return (*last)->template to<float>().to_vector(); };
  auto step = [last, compute = std::move(compute)] {
    auto y = compute();
    mu::core::evaluate(y.raw());
    *last = std::move(y);
  };
  return {step, [result] { return mean_abs(result()); }, result};
}

}  // namespace bench
