// Training steps of networks with convolutions.
#include "training.hpp"

namespace bench {

struct LeNet {
  nn::Conv2d<1, 6, 5, 1, 2> conv1;
  nn::Conv2d<6, 16, 5> conv2;
  nn::Linear<400, 120> fc1;
  nn::Linear<120, 84> fc2;
  nn::Linear<84, 10> fc3;

  auto operator()(const auto& x) const {
    const auto half = mu::max_pool<2>(nn::relu(conv1(x)));
    const auto quarter = mu::max_pool<2>(nn::relu(conv2(half)));
    return fc3(nn::relu(fc2(nn::relu(fc1(mu::reshape<64, 400>(quarter))))));
  }
  MUSHIN_MODULE(LeNet, conv1, conv2, fc1, fc2, fc3)
};

struct ResidualBlock {
  nn::Conv2d<64, 64, 3, 1, 1, 1, 1, false> conv1;
  nn::BatchNorm2d<64> norm1;
  nn::Conv2d<64, 64, 3, 1, 1, 1, 1, false> conv2;
  nn::BatchNorm2d<64> norm2;

  auto operator()(const auto& x) const { return nn::relu(norm2(conv2(nn::relu(norm1(conv1(x))))) + x); }
  MUSHIN_MODULE(ResidualBlock, conv1, norm1, conv2, norm2)
};

namespace {

struct LeNetProblem {
  mu::Tensor<float, 64, 1, 28, 28> x = uniform<64, 1, 28, 28>(700, 0, 1);
  mu::Tensor<std::int64_t, 64> y = integers<64>(701, 10);
  LeNet net = initialised();
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.01, .momentum = 0.9}};

  static LeNet initialised() {
    LeNet net;
    const double first = 1 / std::sqrt(25.0), second = 1 / std::sqrt(150.0);
    net.conv1.weight.set(uniform<6, 1, 5, 5>(710, -first, first)), net.conv1.bias.set(uniform<6>(711, -first, first));
    net.conv2.weight.set(uniform<16, 6, 5, 5>(712, -second, second)), net.conv2.bias.set(uniform<16>(713, -second, second));
    initialise(net.fc1, 714), initialise(net.fc2, 716), initialise(net.fc3, 718);
    return net;
  }
  auto loss() const { return nn::cross_entropy(net(x), y); }
  const auto& watched() const { return net.conv1.weight; }
};

/// With the gradient of x, as amid a deeper network.
struct ResidualProblem {
  mu::Variable<float, 8, 64, 56, 56> x{uniform<8, 64, 56, 56>(800)};
  mu::Tensor<float, 8, 64, 56, 56> y = uniform<8, 64, 56, 56>(801);
  ResidualBlock net = initialised();
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.01}};

  static ResidualBlock initialised() {
    ResidualBlock net;
    const double bound = 1 / std::sqrt(64.0 * 9);
    net.conv1.weight.set(uniform<64, 64, 3, 3>(810, -bound, bound));
    net.conv2.weight.set(uniform<64, 64, 3, 3>(811, -bound, bound));
    return net;
  }
  auto loss() const { return nn::mse(net(x), y); }
  void forget() { x.zero_grad(); }
  const auto& watched() const { return net.conv1.weight; }
};

// Of the forward pass; each gradient costs as much again, that of the first input is not needed.
constexpr double lenet_flop = 2.0 * 64 * (2 * 28 * 28 * 6 * 25 + 3 * (10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10));
constexpr double residual_flop = 2.0 * 8 * 3 * 2 * 56 * 56 * 64 * 64 * 9;
constexpr Workload list[] = {
    {"lenet_step",
     "training step, LeNet on 28 x 28, batch 64, SGD with momentum",
     true,
     lenet_flop,
     0,
     {2.31048, 2.3024},
     work<Training<LeNetProblem>>},
    {"lenet_captured", "the same step, captured", true, lenet_flop, 0, {2.31048, 2.3024}, work<CapturedTraining<LeNetProblem>>},
    {"resnet_block_step",
     "training step, two convolutions of 64 channels on 56 x 56, batch 8, SGD",
     true,
     residual_flop,
     0,
     {1.00239, 0.997395},
     work<Training<ResidualProblem>>},
    {"resnet_block_captured",
     "the same step, captured",
     true,
     residual_flop,
     0,
     {1.00239, 0.997395},
     work<CapturedTraining<ResidualProblem>>},
};

}  // namespace

std::span<const Workload> image_workloads() { return list; }

}  // namespace bench
