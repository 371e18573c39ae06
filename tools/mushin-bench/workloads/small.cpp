#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

struct SmallOp {
  mu::Tensor<float, 4> a = uniform<4>(400), b = uniform<4>(401);

  void step() {
    const auto c = a + b;
    mu::core::evaluate(c.raw());
  }
  std::vector<float> result() const { return (a + b).to_vector(); }
  double value() const { return mean_abs(result()); }
};

struct SmallGraph {
  mu::Tensor<float, 2, 3> x = uniform<2, 3>(410);
  mu::Variable<float, 3, 2> w{uniform<3, 2>(411)};
  mu::Variable<float, 3, 3> b{uniform<3, 3>(412)};
  mu::Tensor<float, 3, 3> cotangent = mu::ones<3, 3>();

  void step() {
    w.zero_grad();
    b.zero_grad();
    const auto z = mu::matmul(w, x) + b;
    z.backward(cotangent);
    const mu::core::Array all[] = {z.value().raw(), w.grad().raw(), b.grad().raw()};
    for (const auto& array : all) mu::core::evaluate(array);
  }
  std::vector<float> result() const { return w.grad().to_vector(); }
  double value() const { return mean_abs(result()) + mean_abs(b.grad().to_vector()); }
};

/// The same, captured.
struct SmallGraphCaptured : SmallGraph {
  struct Step {
    SmallGraph* graph;
    mu::Tensor<float, 3, 3> operator()() const {
      graph->w.zero_grad();
      graph->b.zero_grad();
      const auto z = mu::matmul(graph->w, graph->x) + graph->b;
      z.backward(graph->cotangent);
      return z.value();
    }
  };
  std::optional<mu::Captured<Step>> again;

  void step() {
    if (again)
      (*again)();
    else
      again.emplace(mu::capture(Step{this}));
  }
};

/// 16 ops one after the other.
auto sixteen_ops(const auto& x, const auto& b) {
  auto y = x + b;
  for (int i = 0; i < 5; ++i) y = mu::tanh((y - b) * x);
  return y;
}

struct SmallChain {
  mu::Tensor<float, 4> x = uniform<4>(420), b = uniform<4>(421);
  auto compute() { return sixteen_ops(x, b); }
};

struct SmallTape {
  mu::Variable<float, 4> x{uniform<4>(420)};
  mu::Tensor<float, 4> b = uniform<4>(421);

  void step() {
    x.zero_grad();
    sixteen_ops(x, b).backward();
    mu::core::evaluate(x.grad().raw());
  }
  std::vector<float> result() const { return x.grad().to_vector(); }
  double value() const { return mean_abs(result()); }
};

constexpr Workload list[] = {
    {"small_op_overhead", "a + b of 4 elements", false, 0, 0, {0.158577}, work<SmallOp>},
    {"small_graph_overhead", "w x + b of 3 x 3 elements with both gradients", false, 0, 0, {1.1364}, work<SmallGraph>},
    {"small_graph_captured", "the same, captured", false, 0, 0, {1.1364}, work<SmallGraphCaptured>},
    {"small_chain_16", "16 ops of 4 elements in a chain", false, 0, 0, {0.257508}, work<Expression<SmallChain>>},
    {"small_tape_16", "the same recorded, and their backward pass", false, 0, 0, {0.492246}, work<SmallTape>},
};

}  // namespace

std::span<const Workload> small_workloads() { return list; }

}  // namespace bench
