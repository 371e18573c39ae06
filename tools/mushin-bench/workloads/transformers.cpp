// Training steps of a GPT's block and of a small GPT.
#include <array>

#include "training.hpp"

namespace bench {
constexpr std::int64_t width = 256, heads = 8, steps = 128, batch = 8, vocabulary = 256;

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
  nn::Embedding<vocabulary, width> tok;
  nn::Embedding<steps, width> pos;
  std::array<Block, 4> blocks;
  nn::LayerNorm<width> ln;
  mu::Variable<float, vocabulary, width> head{mu::zeros<vocabulary, width>()};

  auto operator()(const auto& tokens) const {
    mu::Traced<float, batch, steps, width> x = tok(tokens) + pos.weight;
    for (const Block& b : blocks) x = b(x);
    return mu::matmul(ln(x), mu::transpose(head));
  }
  MUSHIN_MODULE(Gpt, tok, pos, blocks, ln, head)
};

namespace {

void initialise_block(Block& b, std::uint64_t stream) {
  initialise(b.qkv, stream), initialise(b.proj, stream + 2);
  initialise(b.fc1, stream + 4), initialise(b.fc2, stream + 6);
}

constexpr nn::AdamWOptions options{.lr = 1e-3, .weight_decay = 0.01};

struct BlockProblem {
  mu::Variable<float, batch, steps, width> x{uniform<batch, steps, width>(900)};
  mu::Tensor<float, batch, steps, width> y = uniform<batch, steps, width>(901);
  Block net;
  nn::AdamW optimizer;

  BlockProblem() : optimizer((initialise_block(net, 910), nn::parameters(net)), options) {}
  void forget() { x.zero_grad(); }
  auto loss() const { return nn::mse(net(x), y); }
  const auto& watched() const { return net.fc1.weight; }
};

struct GptProblem {
  mu::Tensor<std::int64_t, batch, steps + 1> text = mu::reshape<batch, steps + 1>(integers<batch*(steps + 1)>(1000, vocabulary));
  mu::Tensor<std::int64_t, batch, steps> x = mu::slice<1, 0, steps>(text);
  mu::Tensor<std::int64_t, batch* steps> y = mu::reshape<batch * steps>(mu::slice<1, 1, steps + 1>(text));
  Gpt net;
  nn::AdamW optimizer;

  GptProblem() : optimizer((initialise(), nn::parameters(net)), options) {}
  auto loss() const { return nn::cross_entropy(mu::reshape<batch * steps, vocabulary>(net(x)), y); }
  const auto& watched() const { return net.head; }

 private:
  void initialise() {
    const double bound = 1 / std::sqrt(static_cast<double>(width));
    net.tok.weight.set(uniform<vocabulary, width>(1010, -0.05, 0.05)), net.pos.weight.set(uniform<steps, width>(1011, -0.05, 0.05));
    for (std::size_t i = 0; i < net.blocks.size(); ++i) initialise_block(net.blocks[i], 1020 + 10 * i);
    net.head.set(uniform<vocabulary, width>(1090, -bound, bound));
  }
};

// Multiply-adds of a block forward; the backward pass has twice as many.
constexpr double block_products = 12.0 * batch * steps * width * width + 2.0 * batch * steps * steps * width;
constexpr double gpt_flop = 2 * 3 * (4 * block_products + 1.0 * batch * steps * width * vocabulary);
constexpr Workload list[] = {
    {"gpt_block_step",
     "training step, a GPT's block of 256, 8 heads, batch 8 of 128, AdamW",
     true,
     2 * 3 * block_products,
     0,
     {0.712188, 0.455619},
     work<Training<BlockProblem>>},
    {"gpt_block_captured",
     "the same step, captured",
     true,
     2 * 3 * block_products,
     0,
     {0.712188, 0.455619},
     work<CapturedTraining<BlockProblem>>},
    {"gpt_tiny_step",
     "training step, a GPT of 4 such blocks on 256 symbols",
     true,
     gpt_flop,
     0,
     {5.73119, 3.65443},
     work<Training<GptProblem>>},
    {"gpt_tiny_captured", "the same step, captured", true, gpt_flop, 0, {5.73119, 3.65443}, work<CapturedTraining<GptProblem>>},
};

}  // namespace

std::span<const Workload> transformer_workloads() { return list; }

}  // namespace bench
