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

constexpr Workload list[] = {
    {"small_op_overhead", "a + b of 4 elements", false, 0, 0, {0.158577}, work<SmallOp>},
    {"small_graph_overhead", "w x + b of 3 x 3 elements with both gradients", false, 0, 0, {1.1364}, work<SmallGraph>},
};

}  // namespace

std::span<const Workload> small_workloads() { return list; }

}  // namespace bench
