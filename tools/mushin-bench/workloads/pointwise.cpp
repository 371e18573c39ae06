#include "../data.hpp"
#include "../workload.hpp"

namespace bench {
namespace {

constexpr mu::extent length{4 << 20};

/// gelu(1.5 x + 0.25) sigmoid(x) + x
auto chain(const auto& x) {
  const auto u = x * 1.5f + 0.25f;
  const auto gelu = u * 0.5f * (mu::erf(u * 0.70710678f) + 1.0f);
  return gelu * mu::sigmoid(x) + x;
}

struct Chain {
  mu::Tensor<float, length> x = uniform<length>(200, -3, 3);
  auto compute() { return chain(x); }
};

/// Forward value and gradient, both wanted.
struct ChainWithGradient {
  mu::Variable<float, length> x{uniform<length>(200, -3, 3)};
  mu::Tensor<float, length> cotangent = uniform<length>(201);

  void step() {
    x.zero_grad();
    const auto y = chain(x);
    y.backward(cotangent);
    const mu::core::Array both[] = {y.value().raw(), x.grad().raw()};
    mu::core::evaluate(both, 2);
  }
  std::vector<float> result() const { return x.grad().to_vector(); }
  double value() const { return mean_abs(result()); }
};

constexpr Workload list[] = {
    {"pointwise_chain_4M",
     "gelu(1.5 x + 0.25) sigmoid(x) + x on 4 Mi values",
     false,
     0,
     2 * 4.0 * length.size,
     {2.55711},
     work<Expression<Chain>>,
     4.0 * length.size},
    {"pointwise_chain_4M_grad",
     "the same with its gradient",
     false,
     0,
     4 * 4.0 * length.size,
     {0.876724},
     work<ChainWithGradient>,
     2 * 4.0 * length.size},
};

}  // namespace

std::span<const Workload> pointwise_workloads() { return list; }

}  // namespace bench
