#include <cstdio>
#include <mushin/nn.hpp>

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
  nn::Linear<2, 8> hidden;
  nn::Linear<8, 1> out;
  auto operator()(const auto& x) const { return out(nn::tanh(hidden(x))); }
  MUSHIN_MODULE(Net, hidden, out)
};

int main() {
  mu::manual_seed(1);
  Net net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.1f}};
  const auto x = mu::tensor<4, 2>({0, 0, 0, 1, 1, 0, 1, 1});
  const auto y = mu::tensor<4, 1>({0, 1, 1, 0});
  float first = 0, last = 0;
  for (int i = 0; i < 50; ++i) {
    auto loss = nn::mse(net(x), y);
    last = loss.value().item();
    if (i == 0) first = last;
    loss.backward();
    opt.step();
    opt.zero_grad();
  }
  std::puts(last < first ? "loss falls" : "loss does not fall");
}
