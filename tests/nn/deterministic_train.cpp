// Trains a small net of all that could sum in another order, and prints a hash of its parameters' bits. For deterministic_test.py.
#include <cstring>
#include <iostream>
#include <string>

#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
  mu::Variable<float, 50, 128> table{mu::randn<50, 128>()};
  nn::Linear<128, 256> fc1;
  nn::Dropout drop{0.2f};
  nn::Linear<256, 256> fc2;
  mu::Variable<float, 256> gain{mu::ones<256>()}, bias{mu::zeros<256>()};
  nn::Linear<256, 10> fc3;

  auto operator()(const mu::Tensor<std::int64_t, 300>& words) const {
    const auto hidden = drop(nn::relu(fc1(mu::take(table, words))));
    return fc3(mu::layer_norm(mu::tanh(fc2(hidden)), gain, bias));
  }
  MUSHIN_MODULE(Net, table, fc1, drop, fc2, gain, bias, fc3)
};

namespace {

// Where many rows are added to few, without asking for an order.
auto loss_of(const Net& net, const mu::Tensor<std::int64_t, 300>& words, const mu::Tensor<std::int64_t, 300>& labels) {
  const auto scores = net(words);
  const auto to = mu::broadcast_to<300, 10>(mu::unsqueeze<1>(words));
  const auto gathered = mu::scatter_add<0>(mu::zeros<50, 10>(), to, scores);
  return nn::cross_entropy(scores, labels) + mu::mean(gathered * gathered) + mu::mean(mu::cumsum<1>(scores)) +
         mu::sum(mu::sort<1>(scores)) * 1e-3f + mu::var(scores) + mu::norm(net.table);
}

std::uint64_t hash_of(const nn::Parameters& parameters) {
  std::uint64_t h = 1469598103934665603u;
  for (const auto& p : parameters) {
    const mu::core::Array value = p.leaf.traced().value();
    std::vector<unsigned char> bytes(static_cast<std::size_t>(value.sizes().count()) * sizeof(float));
    mu::core::read_all(value, bytes.data());
    for (const unsigned char b : bytes) h = (h ^ b) * 1099511628211u;
  }
  return h;
}

}  // namespace

int main(int argc, char**) try {
  mu::manual_seed(7);
  const mu::DeterministicGuard on(argc > 1 || mu::deterministic_algorithms());  // any argument: the switch instead of the environment
  Net net;
  nn::Adam optimizer{nn::parameters(net), {.lr = 1e-2}};
  for (int step = 0; step < 4; ++step) {
    const auto words = mu::randint<300>(0, 50), labels = mu::randint<300>(0, 10);
    loss_of(net, words, labels).backward();
    optimizer.step();
    optimizer.zero_grad();
  }
  std::cout << hash_of(nn::parameters(net)) << '\n';
} catch (const mu::Error& e) {
  std::cout << e.what() << '\n';
  return 3;
}
