// Stacks of modules with a budget of bytes: what they keep, and the same bits.
#include "mushin/nn/budget.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct Block {
  nn::Linear<64, 64> fc1, fc2;
  nn::Dropout drop{0.1f};
  auto operator()(const auto& x) const { return x + drop(fc2(nn::tanh(fc1(x)))); }
  MUSHIN_MODULE(Block, fc1, fc2, drop)
};
struct Product {
  mu::Variable<float, 8, 8> weight{mu::eye<8, 8>(0.5f)};
  auto operator()(const auto& x) const { return mu::matmul(x, weight); }
  MUSHIN_MODULE(Product, weight)
};

namespace {

TEST(Budgeted, CutsAStackSoThatItsPeakFits) {
  const std::vector<nn::LayerBytes> equal(10, {100, 10});
  EXPECT_EQ(nn::plan_checkpoints(equal, 1000).plain, 0) << "nothing is recomputed";
  const auto some = nn::plan_checkpoints(equal, 450);
  EXPECT_EQ(some.plain, 6);
  EXPECT_EQ(some.peak, 420);
  EXPECT_EQ(some.starts, (std::vector<std::int64_t>{0, 4}));
  EXPECT_EQ(nn::plan_checkpoints(equal, 50).peak, 190) << "as near as may be";
  const auto uneven = nn::plan_checkpoints({{10, 1}, {300, 1}, {10, 50}, {10, 1}, {200, 1}}, 320);
  EXPECT_EQ(uneven.plain, 2) << "the dear one is recomputed";
  EXPECT_LE(uneven.peak, 320);
  EXPECT_EQ(nn::plan_checkpoints({}, 1).peak, 0);
  EXPECT_TRUE(has(text_of_error<mu::Error>([] { nn::Budgeted none{{.budget = 0}}; }),
                  {"[Budgeted] the budget must be a positive number of bytes: 0"}));
}

struct Called {
  std::size_t kept;  // bytes
  std::vector<std::vector<float>> values;
};
/// What a call keeps for its backward pass, and its value and gradients; what is drawn at random is the same in each call.
Called call(const nn::Parameters& parameters, const auto& apply) {
  mu::manual_seed(9);
  const auto device = mu::default_device();
  mu::synchronize(device);
  const auto before = mu::memory_stats(device).in_use;
  const auto y = apply();
  mu::core::evaluate(y.raw().value());
  mu::synchronize(device);
  Called c{mu::memory_stats(device).in_use - before, {y.value().to_vector()}};
  y.backward();
  for (const auto& p : parameters) {
    const auto gradient = p.leaf.grad();
    c.values.emplace_back(static_cast<std::size_t>(gradient.sizes().count()));
    mu::core::read_all(gradient, c.values.back().data());
    p.leaf.alias().zero_grad();
  }
  c.values.push_back(mu::randu<3>().to_vector());  // and the generator stands where it would
  return c;
}
nn::Parameters parameters_of(const auto& blocks) {
  nn::Parameters all;
  for (const auto& b : blocks)
    for (auto& p : nn::parameters(b)) all.push_back(std::move(p));
  return all;
}
auto in_turn(const auto& blocks, const auto& x) {
  mu::Traced y{x};
  for (const auto& b : blocks) y = b(y);
  return y;
}

TEST(Budgeted, KeepsLessAndGivesTheSameBits) {
  mu::manual_seed(8);
  const std::vector<Block> blocks(12);
  const auto x = mu::randn<256, 64>();
  const auto parameters = parameters_of(blocks);
  const Called plain = call(parameters, [&] { return in_turn(blocks, x); });
  nn::Budgeted stack{{.budget = static_cast<std::int64_t>(plain.kept / 3)}};
  for (int i = 0; i < 2; ++i) {
    const Called less = call(parameters, [&] { return stack(blocks, x); });
    EXPECT_EQ(less.values, plain.values) << i;
    EXPECT_LE(less.kept, plain.kept / 3) << "plain: " << plain.kept;
  }
  EXPECT_GT(stack.plan().plain, 0);
  EXPECT_LE(stack.plan().peak, static_cast<std::int64_t>(plain.kept / 3));
}

TEST(Budgeted, MeasuresWhatIsSmallAsWell) {
  mu::manual_seed(8);
  const std::vector<Product> blocks(12);
  const auto x = mu::randn<4, 8>();
  const Called plain = call(parameters_of(blocks), [&] { return in_turn(blocks, x); });
  nn::Budgeted stack{{.budget = 1 << 20}};
  stack(blocks, x);
  EXPECT_EQ(stack.plan().plain, 0);
  EXPECT_EQ(stack.plan().peak, 12 * 4 * 8 * 4) << "the operand of each product";
  EXPECT_EQ(plain.kept, 11u * 4 * 8 * 4) << "the first one's is the caller's";
}

TEST(Budgeted, CutsChainsOfDifferentLayers) {
  mu::manual_seed(8);
  using In = nn::Linear<64, 48>;
  using Out = nn::Linear<48, 64>;
  using T = nn::Tanh;
  nn::Sequential<In, T, Out, T, In, nn::Dropout, T, Out, T, In, T, Out, T, In, T, Out, nn::Sigmoid, nn::Linear<64, 8>> net;
  const auto x = mu::randn<512, 64>();
  const auto parameters = nn::parameters(net);
  const Called plain = call(parameters, [&] { return net(x); });
  nn::Budgeted stack{{.budget = static_cast<std::int64_t>(plain.kept * 2 / 3)}};
  static_assert(std::same_as<decltype(stack(net, x)), mu::Traced<float, 512, 8>>);
  for (int i = 0; i < 2; ++i) {
    const Called less = call(parameters, [&] { return stack(net, x); });
    EXPECT_EQ(less.values, plain.values);
    EXPECT_LE(less.kept, static_cast<std::size_t>(stack.plan().peak) + 4 * 512 * 8) << "but for the result; plain: " << plain.kept;
  }
  EXPECT_LE(stack.plan().peak, static_cast<std::int64_t>(plain.kept * 2 / 3));
  EXPECT_GT(stack.plan().plain, 0);
}

TEST(Budgeted, CutsAStackOfTransformerLayers) {
  mu::manual_seed(8);
  const std::vector<nn::TransformerEncoderLayer<32, 2, 64>> blocks(6);
  const auto x = mu::randn<8, 64, 32>();  // more than threads keep for themselves
  const auto parameters = parameters_of(blocks);
  const Called plain = call(parameters, [&] { return in_turn(blocks, x); });
  nn::Budgeted stack{{.budget = static_cast<std::int64_t>(plain.kept / 2)}};
  const Called less = call(parameters, [&] { return stack(blocks, x); });
  EXPECT_EQ(less.values, plain.values);
  EXPECT_LE(less.kept, plain.kept / 2) << "plain: " << plain.kept;
  EXPECT_GT(stack.plan().plain, 0) << "some of it is computed again";
}

}  // namespace
