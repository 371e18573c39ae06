#include "training.hpp"

namespace bench {

struct TinyNet {
  nn::Linear<4, 32> fc1;
  nn::Linear<32, 32> fc2;
  nn::Linear<32, 1> fc3;
  auto operator()(const auto& x) const { return fc3(nn::tanh(fc2(nn::tanh(fc1(x))))); }
  MUSHIN_MODULE(TinyNet, fc1, fc2, fc3)
};

struct MnistNet {
  nn::Linear<784, 512> fc1;
  nn::Linear<512, 256> fc2;
  nn::Linear<256, 10> fc3;
  auto operator()(const auto& x) const { return fc3(nn::relu(fc2(nn::relu(fc1(x))))); }
  MUSHIN_MODULE(MnistNet, fc1, fc2, fc3)
};

namespace {

template <class Net>
Net initialised(std::uint64_t stream) {
  Net net;
  initialise(net.fc1, stream);
  initialise(net.fc2, stream + 2);
  initialise(net.fc3, stream + 4);
  return net;
}

struct TinyProblem {
  mu::Tensor<float, 32, 4> x = uniform<32, 4>(500);
  mu::Tensor<float, 32, 1> y = uniform<32, 1>(501);
  TinyNet net = initialised<TinyNet>(510);
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.01}};
  auto loss() const { return nn::mse(net(x), y); }
  const auto& watched() const { return net.fc1.weight; }
};

struct MnistProblem {
  mu::Tensor<float, 128, 784> x = uniform<128, 784>(600, 0, 1);
  mu::Tensor<std::int64_t, 128> y = integers<128>(601, 10);
  MnistNet net = initialised<MnistNet>(610);
  nn::Adam optimizer{nn::parameters(net), {.lr = 1e-3}};
  auto loss() const { return nn::cross_entropy(net(x), y); }
  const auto& watched() const { return net.fc1.weight; }
};

constexpr mu::extent lstm_steps{64}, lstm_batch{32}, lstm_inputs{64}, lstm_hidden{128};

/// Sequences lie time first, as in the other frameworks' data.
struct LstmProblem {
  mu::Tensor<float, lstm_steps, lstm_batch, lstm_inputs> x = uniform<lstm_steps, lstm_batch, lstm_inputs>(1100);
  mu::Tensor<float, lstm_steps, lstm_batch, lstm_hidden> y = uniform<lstm_steps, lstm_batch, lstm_hidden>(1101);
  nn::LSTM<lstm_inputs, lstm_hidden> net;
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.1}};

  LstmProblem() {
    constexpr mu::extent rows{4 * lstm_hidden.size};
    const double bound = 1 / std::sqrt(static_cast<double>(lstm_hidden.size));
    net.weight_ih().set(uniform<rows, lstm_inputs>(1110, -bound, bound));
    net.weight_hh().set(uniform<rows, lstm_hidden>(1111, -bound, bound));
    net.bias_ih().set(uniform<rows>(1112, -bound, bound));
    net.bias_hh().set(uniform<rows>(1113, -bound, bound));
  }
  auto loss() const { return nn::mse(mu::permute<1, 0, 2>(std::get<0>(net(mu::permute<1, 0, 2>(x)))), y); }
  const auto& watched() const { return net.weight_ih(); }
};

constexpr mu::extent adam_length{10'000'000};

struct One {
  mu::Variable<float, adam_length> p{uniform<adam_length>(1201)};
  MUSHIN_MODULE(One, p)
};

/// The gradient is the same in every step.
struct AdamAlone {
  One one;
  nn::Adam optimizer{nn::parameters(one), {.lr = 1e-3}};

  AdamAlone() { (one.p * 1.0f).backward(uniform<adam_length>(1200)); }
  void step() { optimizer.step(); }
  /// A part, and the mean where the tensor is: a copy of it in host memory would count as peak memory of the steps.
  std::vector<float> result() const { return mu::slice<0, 0, 4096>(one.p.value()).to_vector(); }
  double value() const { return mu::mean(mu::abs(one.p.value())).item(); }
};

constexpr double mnist_flop = 2.0 * 128 * (2 * (784 * 512 + 512 * 256 + 256 * 10) + 512 * 256 + 256 * 10);
constexpr double lstm_flop = 2.0 * 4 * lstm_hidden.size * lstm_steps.size * lstm_batch.size * (2 * lstm_inputs.size + 3 * lstm_hidden.size);
constexpr Workload list[] = {
    {"mlp_tiny_step", "training step, 4-32-32-1, tanh, batch 32, SGD", true, 0, 0, {0.34052, 0.31004}, work<Training<TinyProblem>>},
    {"mlp_tiny_captured", "the same step, captured", true, 0, 0, {0.34052, 0.31004}, work<CapturedTraining<TinyProblem>>},
    {"mlp_mnist_step",
     "training step, 784-512-256-10, relu, batch 128, Adam",
     true,
     mnist_flop,
     0,
     {2.30192, 1.55987, 1.56245},
     work<Training<MnistProblem>>},
    {"mlp_mnist_captured",
     "the same step, captured",
     true,
     mnist_flop,
     0,
     {2.30192, 1.55987, 1.56245},
     work<CapturedTraining<MnistProblem>>},
    {"lstm_step",
     "training step, LSTM of 64 to 128, 64 steps, batch 32, SGD",
     true,
     lstm_flop,
     0,
     {0.33886, 0.338827},
     work<Training<LstmProblem>>},
    {"lstm_captured", "the same step, captured", true, lstm_flop, 0, {0.33886, 0.338827}, work<CapturedTraining<LstmProblem>>},
    {"adam_10M",
     "Adam on one tensor of 10 million",
     false,
     0,
     28.0 * adam_length.size,
     {0.500119},
     work<AdamAlone>,
     12.0 * adam_length.size},
};

}  // namespace

std::span<const Workload> training_workloads() { return list; }

}  // namespace bench
