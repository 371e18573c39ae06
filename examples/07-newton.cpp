// Logistic regression by Newton's method: the loss's gradient and Hessian by automatic differentiation, a linear system for each step.
#include <cstdio>
#include <mushin/autograd.hpp>

namespace mu = mushin;

constexpr mu::extent samples{400}, features{6};

int main() {
  mu::manual_seed(1);
  const auto x = mu::randn<double, samples, features>();
  const auto truth = mu::tensor<double, features>({1.5, -2, 0.5, 0, 1, -0.5});
  const auto noise = mu::randn<double, samples>();
  const auto y = mu::sign(mu::matmul(x, truth) + noise);  // 1 or -1

  //! [loss]
  const auto loss = [&](const auto& w) {
    const auto margin = y * mu::matmul(x, w);
    return mu::mean(mu::log1p(mu::exp(-margin))) + 0.005 * mu::sum(w * w);
  };
  //! [loss]

  mu::Tensor<double, features> w = mu::zeros<double, features>();
  //! [step]
  const mu::Device cpu = mu::device("builtin");  // solves small systems, wherever the rest is computed
  for (int step = 0; step < 12; ++step) {
    const auto [value, gradient] = mu::value_and_grad(loss)(w);
    const double steepness = mu::norm(gradient).item();
    std::printf("step %d: loss %.12f, gradient %.1e\n", step, value.item(), steepness);
    if (steepness < 1e-12) break;
    const auto change = mu::solve(mu::hessian(loss)(w).to(cpu), gradient.to(cpu));
    w = w - change.to(w.device());  // the digits that are right double with each step
  }
  //! [step]
  std::printf("correct on %.1f %% of the samples\n", 100 * mu::mean((y * mu::matmul(x, w) > 0.0).to<double>()).item());
}
