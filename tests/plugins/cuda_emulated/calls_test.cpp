// What a training step asks of the CUDA runtime and its libraries: how many launches, and that nothing is waited for, copied or captured
// which need not be. The networks are those of mushin-bench's workloads, narrower: that changes no call.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <string>

#include "mushin/nn.hpp"
#include "mushin/tensor/capture.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

namespace {

struct Calls {
  long launches = 0, products = 0, dnn = 0, graphs = 0, captures = 0, waits = 0, copies = 0, allocations = 0;
};
/// Those since the last time.
Calls calls() {
  mu::synchronize(mu::default_device());
  Calls c;
  for (const mu::PluginMessage& m : mu::plugin_messages())
    std::sscanf(m.text, "calls: %ld launches, %ld products, %ld of cudnn, %ld graphs, %ld captures, %ld waits, %ld copies, %ld allocations",
                &c.launches, &c.products, &c.dnn, &c.graphs, &c.captures, &c.waits, &c.copies, &c.allocations);
  return c;
}

constexpr std::int64_t batch = 2, steps = 8, width = 16, heads = 2, symbols = 12;

struct Mlp {
  nn::Linear<20, 16> fc1;
  nn::Linear<16, 12> fc2;
  nn::Linear<12, 10> fc3;
  auto operator()(const auto& x) const { return fc3(nn::relu(fc2(nn::relu(fc1(x))))); }
  MUSHIN_MODULE(Mlp, fc1, fc2, fc3)
};
struct MlpProblem {
  mu::Tensor<float, 4, 20> x = mu::randu<4, 20>();
  mu::Tensor<std::int64_t, 4> y = mu::tensor<std::int64_t, 4>({1, 9, 0, 3});
  Mlp net;
  nn::Adam optimizer{nn::parameters(net)};
  auto loss() const { return nn::cross_entropy(net(x), y); }
};

struct LeNet {
  nn::Conv2d<1, 2, 5, 1, 2> conv1;
  nn::Conv2d<2, 3, 5> conv2;
  nn::Linear<12, 8> fc1;
  nn::Linear<8, 6> fc2;
  nn::Linear<6, 10> fc3;
  auto operator()(const auto& x) const {
    const auto half = mu::max_pool<2>(nn::relu(conv1(x)));
    const auto quarter = mu::max_pool<2>(nn::relu(conv2(half)));
    return fc3(nn::relu(fc2(nn::relu(fc1(mu::reshape<4, 12>(quarter))))));
  }
  MUSHIN_MODULE(LeNet, conv1, conv2, fc1, fc2, fc3)
};
struct LeNetProblem {
  mu::Tensor<float, 4, 1, 16, 16> x = mu::randu<4, 1, 16, 16>();
  mu::Tensor<std::int64_t, 4> y = mu::tensor<std::int64_t, 4>({1, 9, 0, 3});
  LeNet net;
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.01, .momentum = 0.9}};
  auto loss() const { return nn::cross_entropy(net(x), y); }
};

struct ResidualBlock {
  nn::Conv2d<4, 4, 3, 1, 1, 1, 1, false> conv1;
  nn::BatchNorm2d<4> norm1;
  nn::Conv2d<4, 4, 3, 1, 1, 1, 1, false> conv2;
  nn::BatchNorm2d<4> norm2;
  auto operator()(const auto& x) const { return nn::relu(norm2(conv2(nn::relu(norm1(conv1(x))))) + x); }
  MUSHIN_MODULE(ResidualBlock, conv1, norm1, conv2, norm2)
};
struct ResidualProblem {
  mu::Variable<float, 2, 4, 6, 6> x{mu::randu<2, 4, 6, 6>()};
  mu::Tensor<float, 2, 4, 6, 6> y = mu::randu<2, 4, 6, 6>();
  ResidualBlock net;
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.01}};
  auto loss() const { return nn::mse(net(x), y); }
  void forget() { x.zero_grad(); }
};

struct Block {
  nn::LayerNorm<width> ln1;
  nn::Linear<width, 3 * width> qkv;
  nn::Linear<width, width> proj;
  nn::LayerNorm<width> ln2;
  nn::Linear<width, 4 * width> fc1;
  nn::Linear<4 * width, width> fc2;
  auto operator()(const auto& x) const {
    const auto y = x + proj(attended(qkv(ln1(x))));
    return y + fc2(nn::gelu(fc1(ln2(y))));
  }
  MUSHIN_MODULE(Block, ln1, qkv, proj, ln2, fc1, fc2)

 private:
  template <class X>
  static auto attended(const X& projected) {
    const auto parts = mu::permute<2, 0, 3, 1, 4>(mu::reshape<batch, steps, 3, heads, width / heads>(projected));
    const auto q = mu::at<0>(parts, 0), k = mu::at<0>(parts, 1), v = mu::at<0>(parts, 2);
    const auto mixed = mu::scaled_dot_product_attention(q, k, v, {.causal = true});
    return mu::reshape<batch, steps, width>(mu::permute<0, 2, 1, 3>(mixed));
  }
};
struct Gpt {
  nn::Embedding<symbols, width> tok;
  nn::Embedding<steps, width> pos;
  std::array<Block, 4> blocks;
  nn::LayerNorm<width> ln;
  mu::Variable<float, symbols, width> head{mu::randu<symbols, width>()};
  auto operator()(const auto& tokens) const {
    mu::Traced<float, batch, steps, width> x = tok(tokens) + pos.weight;
    for (const Block& b : blocks) x = b(x);
    return mu::matmul(ln(x), mu::transpose(head));
  }
  MUSHIN_MODULE(Gpt, tok, pos, blocks, ln, head)
};
struct GptProblem {
  mu::Tensor<std::int64_t, batch, steps> x = mu::zeros<std::int64_t, batch, steps>();
  mu::Tensor<std::int64_t, batch* steps> y = mu::zeros<std::int64_t, batch * steps>();
  Gpt net;
  nn::AdamW optimizer{nn::parameters(net), {.lr = 1e-3, .weight_decay = 0.01}};
  auto loss() const { return nn::cross_entropy(mu::reshape<batch * steps, symbols>(net(x)), y); }
};

struct LstmProblem {
  mu::Tensor<float, batch, 16, 6> x = mu::randu<batch, 16, 6>();
  mu::Tensor<float, batch, 16, 5> y = mu::randu<batch, 16, 5>();
  nn::LSTM<6, 5> net;
  nn::SGD optimizer{nn::parameters(net), {.lr = 0.01}};
  auto loss() const { return nn::mse(std::get<0>(net(x)), y); }
};

template <class Problem>
mu::Tensor<float> step(Problem& p) {
  p.optimizer.zero_grad();
  if constexpr (requires { p.forget(); }) p.forget();
  const auto loss = p.loss();
  mu::core::evaluate(loss.value().raw());
  loss.backward();
  p.optimizer.step();
  return loss.value();
}

/// `most`: of launches, products and cuDNN's ops in a step. `copies`: numbers that each step has others of.
template <class Problem>
void expect_calls(const Calls& most, long copies) {
  Problem problem;
  mu::Tensor<float> last = mu::zeros<>();
  for (int i = 0; i < 80; ++i) last = step(problem);  // until the numbers of earlier steps make room for others
  (void)calls();
  last = step(problem);
  const Calls eager = calls();
  EXPECT_LE(eager.launches, most.launches);
  EXPECT_LE(eager.products, most.products);
  EXPECT_LE(eager.dnn, most.dnn);
  EXPECT_EQ(eager.waits, 0);
  EXPECT_EQ(eager.allocations, 0);
  EXPECT_EQ(eager.captures, 0);
  EXPECT_LE(eager.copies, copies);
  testing::Test::RecordProperty("calls",
                                std::to_string(eager.launches) + ", " + std::to_string(eager.products) + ", " + std::to_string(eager.dnn));

  // The result of the step before is held while the next one runs.
  auto again = mu::capture([&] { return step(problem); });
  for (int i = 0; i < 4; ++i) last = again();
  (void)calls();
  last = again();
  const Calls replay = calls();
  EXPECT_EQ(replay.graphs, 1);
  EXPECT_LE(replay.launches, 1) << "what passes on that an index was wrong";
  EXPECT_EQ(replay.captures + replay.products + replay.dnn + replay.waits + replay.copies + replay.allocations, 0);
}

TEST(CudaCalls, OfAPerceptronsStep) { expect_calls<MlpProblem>({.launches = 16, .products = 8}, 2); }
TEST(CudaCalls, OfAConvolutionalNetworksStep) { expect_calls<LeNetProblem>({.launches = 28, .products = 9, .dnn = 5}, 0); }
TEST(CudaCalls, OfAResidualBlocksStep) { expect_calls<ResidualProblem>({.launches = 22, .dnn = 6}, 0); }
TEST(CudaCalls, OfATransformersStep) { expect_calls<GptProblem>({.launches = 105, .products = 51}, 2); }
TEST(CudaCalls, OfARecurrentNetworksStep) { expect_calls<LstmProblem>({.launches = 48, .products = 36}, 0); }

}  // namespace
