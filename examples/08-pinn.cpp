// A network that is the solution of a differential equation: u_t = u_xx / 10 on [0, 1] x [0, 1], u(x, 0) = sin(pi x), u = 0 at both ends.
// It learns from the equation alone, whose derivatives are those of the network with respect to its inputs; the error is against the
// known solution, exp(-pi^2 t / 10) sin(pi x). Adam first, then LBFGS. Usage: 08-pinn [STEPS OF ADAM] [STEPS OF LBFGS]
// https://doi.org/10.1016/j.jcp.2018.10.045
#include <cmath>
#include <cstdio>
#include <mushin/nn.hpp>

namespace mu = mushin;
namespace nn = mu::nn;

constexpr mu::extent inside{256}, edge{64};
constexpr double pi = 3.14159265358979323846;

//! [net]
struct Net {
  nn::Linear<2, 20> fc1;
  nn::Linear<20, 20> fc2;
  nn::Linear<20, 1> fc3;
  auto operator()(const auto& x, const auto& t) const { return fc3(nn::tanh(fc2(nn::tanh(fc1(mu::concat<1>(x, t)))))); }
  MUSHIN_MODULE(Net, fc1, fc2, fc3)
};
//! [net]

//! [loss]
/// What is to become 0: the equation's residual at points inside, and the distance from what is known on the edges.
struct Loss {
  mu::Variable<float, inside, 1> x{mu::randu<inside, 1>()}, t{mu::randu<inside, 1>()};
  mu::Tensor<float, edge, 1> start = mu::randu<edge, 1>(), time = mu::randu<edge, 1>();

  auto operator()(const Net& net) const {
    const auto u = net(x, t);
    const auto [u_x, u_t] = mu::grad<mu::create_graph>(mu::sum(u), x, t);
    const auto u_xx = mu::grad<mu::create_graph>(mu::sum(u_x), x);
    const auto residual = u_t - 0.1f * u_xx;
    const auto zeros = mu::zeros<edge, 1>(), ones = mu::ones<edge, 1>();
    const auto begin = net(start, zeros) - mu::sin(static_cast<float>(pi) * start);
    const auto left = net(zeros, time), right = net(ones, time);
    return mu::mean(residual * residual) + mu::mean(begin * begin) + mu::mean(left * left) + mu::mean(right * right);
  }
};
//! [loss]

/// The greatest error on a grid of 21 x 21 points.
double error(const Net& net) {
  const auto line = mu::linspace<21>(0.0f, 1.0f);
  const auto x = mu::reshape<441, 1>(mu::broadcast_to<21, 21>(mu::reshape<1, 21>(line)));
  const auto t = mu::reshape<441, 1>(mu::broadcast_to<21, 21>(mu::reshape<21, 1>(line)));
  const auto known = mu::exp(static_cast<float>(-pi * pi / 10) * t) * mu::sin(static_cast<float>(pi) * x);
  return static_cast<double>(mu::max(mu::abs(nn::freeze(net)(x, t) - known)).item());
}

int main(int argc, char** argv) {
  int adam_steps = 1000, lbfgs_steps = 20;
  for (int i = 1; i < argc; ++i) {
    char rest = 0;
    if (i > 2 || std::sscanf(argv[i], "%d%c", i == 1 ? &adam_steps : &lbfgs_steps, &rest) != 1)
      return std::fprintf(stderr, "08-pinn [STEPS OF ADAM] [STEPS OF LBFGS]\n"), 1;
  }
  mu::manual_seed(1);
  Net net;
  const Loss loss;
  //! [adam]
  nn::Adam adam{nn::parameters(net), {.lr = 5e-3}};
  std::printf("at first: error %.5f\n", error(net));
  for (int step = 0; step < adam_steps; ++step) {
    adam.zero_grad();
    loss(net).backward();
    adam.step();
  }
  //! [adam]
  std::printf("after %d steps of Adam: error %.5f\n", adam_steps, error(net));

  //! [lbfgs]
  nn::LBFGS lbfgs{nn::parameters(net), {.strong_wolfe = true}};
  for (int step = 0; step < lbfgs_steps; ++step)
    lbfgs.step([&] {
      lbfgs.zero_grad();
      auto value = loss(net);
      value.backward();
      return value;
    });
  //! [lbfgs]
  std::printf("after %d steps of LBFGS: error %.5f\n", lbfgs_steps, error(net));
}
