// Small trainings against the losses that other frameworks reach on the same data (splitmix64, streams as there).
#include <gtest/gtest.h>

#include <cmath>

#include "mushin/autograd.hpp"
#include "support/splitmix.hpp"

namespace mushin::test {
namespace {

/// Uniform in (-1/sqrt(inputs), 1/sqrt(inputs)).
template <extent... E>
auto parameter(std::uint64_t stream, double inputs) {
  const double bound = 1 / std::sqrt(inputs);
  return variable(from<E...>(uniform(stream, (E.size * ... * 1), -bound, bound)));
}

template <class... W>
void descend(float rate, W&... w) {
  ((w.set(w.value() - rate * w.grad()), w.zero_grad()), ...);
}

TEST(Training, TinyNetworkReachesTheKnownLosses) {
  const auto x = from<32, 4>(uniform(500, 128));
  const auto y = from<32, 1>(uniform(501, 32));
  auto w1 = parameter<32, 4>(510, 4);
  auto b1 = parameter<32>(511, 4);
  auto w2 = parameter<32, 32>(512, 32);
  auto b2 = parameter<32>(513, 32);
  auto w3 = parameter<1, 32>(514, 32);
  auto b3 = parameter<1>(515, 32);
  float first = 0, last = 0;
  for (int step = 0; step < 10; ++step) {
    const auto h1 = tanh(matmul(x, transpose(w1)) + b1);
    const auto h2 = tanh(matmul(h1, transpose(w2)) + b2);
    const auto e = matmul(h2, transpose(w3)) + b3 - y;
    const auto loss = mean(e * e);
    loss.backward();
    descend(0.01f, w1, b1, w2, b2, w3, b3);
    last = loss.value().item();
    if (step == 0) first = last;
  }
  EXPECT_NEAR(first, 0.34052, 1e-4);
  EXPECT_NEAR(last, 0.31004, 1e-4);
}

TEST(Training, LeastSquaresFindsTheLine) {
  const auto x = linspace<double, 20>(-1.0, 1.0);
  const auto y = 3 * x - 0.5;
  auto slope = variable(fill<double>(0.0));
  auto offset = variable(fill<double>(0.0));
  for (int step = 0; step < 400; ++step) {
    const auto e = slope * x + offset - y;
    mean(e * e).backward();
    slope.set(slope.value() - 0.2 * slope.grad());
    offset.set(offset.value() - 0.2 * offset.grad());
    slope.zero_grad(), offset.zero_grad();
  }
  EXPECT_NEAR(slope.value().item(), 3, 1e-6);
  EXPECT_NEAR(offset.value().item(), -0.5, 1e-6);
}

TEST(Training, GradientPenaltyTakesTheStepsOfItsClosedForm) {
  // The function w x^2, whose slope by x is 2 w x: the loss (w x^2 - y)^2 + 0.1 (2 w x)^2 has the slope 2 (w x^2 - y) x^2 + 0.8 w x^2 by w.
  const auto at = tensor<double, 3>({0.5, -1, 1.5}), y = tensor<double, 3>({1, 2, -0.5});
  auto w = variable(tensor<double, 3>({0.3, -0.7, 1.1}));
  auto expected = w.value();
  for (int step = 0; step < 5; ++step) {
    auto x = variable(at);
    const auto f = w * x * x;
    const auto slope = grad<create_graph>(sum(f), x);
    (sum((f - y) * (f - y)) + 0.1 * sum(slope * slope)).backward();
    w.set(w.value() - 0.05 * w.grad());
    w.zero_grad();
    const auto square = at * at;
    expected = expected - 0.05 * (2 * (expected * square - y) * square + 0.8 * expected * square);
    for (int i = 0; i < 3; ++i) EXPECT_NEAR(w.value()(i), expected(i), 1e-13) << "step " << step;
  }
}

}  // namespace
}  // namespace mushin::test
