#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

struct Softmax {
  mu::Tensor<float, 4096, 1024> x = uniform<4096, 1024>(300, -4, 4);
  auto compute() { return mu::softmax<1>(x); }
};

/// With all three gradients.
struct LayerNorm {
  mu::Variable<float, 4096, 1024> x{uniform<4096, 1024>(310)};
  mu::Variable<float, 1024> gain{uniform<1024>(312, 0.5, 1.5)}, bias{uniform<1024>(313)};
  mu::Tensor<float, 4096, 1024> cotangent = uniform<4096, 1024>(311);

  void step() {
    x.zero_grad(), gain.zero_grad(), bias.zero_grad();
    mu::layer_norm(x, gain, bias).backward(cotangent);
    for (const auto& g : {x.grad().raw(), gain.grad().raw(), bias.grad().raw()}) mu::core::evaluate(g);
  }
  std::vector<float> result() const { return x.grad().to_vector(); }
  double value() const { return mean_abs(result()) + mean_abs(gain.grad().to_vector()) + mean_abs(bias.grad().to_vector()); }
};

template <int Axis>
struct Sum {
  mu::Tensor<float, 4096, 4096> x = uniform<4096, 4096>(320);
  auto compute() { return mu::sum<Axis>(x); }
};

constexpr double softmax_bytes = 2 * 4.0 * 4096 * 1024, sum_bytes = 4.0 * 4096 * 4096;
constexpr Workload list[] = {
    {"softmax_4096x1024",
     "softmax of 4096 rows of 1024",
     false,
     0,
     softmax_bytes,
     {0.000976563},
     work<Expression<Softmax>>,
     softmax_bytes / 2},
    {"layernorm_4096x1024",
     "layer norm of 4096 rows of 1024 with all gradients",
     false,
     0,
     5.0 / 2 * softmax_bytes,
     {58.5667},
     work<LayerNorm>,
     softmax_bytes},
    {"reduce_sum_rows_4096", "sums of the rows of 4096 x 4096", false, 0, sum_bytes, {29.259}, work<Expression<Sum<1>>>},
    {"reduce_sum_cols_4096", "sums of the columns of 4096 x 4096", false, 0, sum_bytes, {29.073}, work<Expression<Sum<0>>>},
};

}  // namespace

std::span<const Workload> reduction_workloads() { return list; }

}  // namespace bench
