// MUSHIN_MODULE: names, walks, moving, cloning, freezing, training.
#include "mushin/nn/module.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "support/files.hpp"
#include "mushin/nn.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {
inline constexpr mu::Dim<"batch"> batch;
}

struct Net {
  nn::Linear<4, 8> fc1;
  nn::Dropout drop{0.5f};
  nn::Linear<8, 3> fc2;
  auto operator()(const auto& x) const { return fc2(drop(nn::relu(fc1(x)))); }
  MUSHIN_MODULE(Net, fc1, drop, fc2)
};
static_assert(std::is_aggregate_v<Net> && !std::is_copy_constructible_v<Net> && std::is_nothrow_move_constructible_v<Net>);
static_assert(std::is_nothrow_move_assignable_v<Net>);

template <mu::extent Width>
struct Block {
  nn::Linear<Width, Width> inner{};
  mu::Variable<float, Width> scale{mu::ones<Width>()};
  auto operator()(const auto& x) const { return x + nn::relu(inner(x)) * scale; }
  MUSHIN_MODULE(Block, inner, scale)
};

struct Deep {
  Net head;
  std::vector<Block<3>> blocks;
  std::array<nn::Linear<3, 3>, 2> pair;
  std::optional<nn::Linear<3, 2>> extra;
  std::optional<int> count;
  std::string label = "deep";
  double temperature = 1;
  nn::Sequential<nn::Linear<3, 5>, nn::Relu, nn::Linear<5, 2>> tail;
  auto operator()(const auto& x) const {
    auto h = head(x) * temperature;
    for (const auto& b : blocks) h = b(h);
    return tail(pair[1](pair[0](h)));
  }
  MUSHIN_MODULE(Deep, head, blocks, pair, extra, count, label, temperature, tail)
};

struct Swapped {
  nn::Linear<2, 2> a, b;
  MUSHIN_MODULE(Swapped, b, a)  // of one type: only a walk can tell
};

struct One {
  nn::Linear<2, 2> only;
  MUSHIN_MODULE(One, only)
};

namespace {

std::vector<std::string> names(const nn::Parameters& all) {
  std::vector<std::string> out;
  for (const auto& p : all) out.push_back(p.name);
  return out;
}
using Names = std::vector<std::string>;

}  // namespace

TEST(Module, ParametersHaveDottedNamesInOrder) {
  const Net net;
  EXPECT_EQ(names(nn::parameters(net)), (Names{"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}));
  EXPECT_EQ(names(nn::parameters(One{})), (Names{"only.weight", "only.bias"}));
  EXPECT_EQ(names(nn::parameters(net.fc1)), (Names{"weight", "bias"}));
}

TEST(Module, WalksListsOptionalsTemplatesAndSequentials) {
  Deep deep;
  EXPECT_EQ(names(nn::parameters(deep)),
            (Names{"head.fc1.weight", "head.fc1.bias", "head.fc2.weight", "head.fc2.bias", "pair.0.weight", "pair.0.bias", "pair.1.weight",
                   "pair.1.bias", "tail.0.weight", "tail.0.bias", "tail.2.weight", "tail.2.bias"}));
  deep.blocks.resize(2);
  deep.extra.emplace();
  const auto all = names(nn::parameters(deep));
  EXPECT_EQ(all.size(), 12u + 6 + 2);
  EXPECT_EQ(Names(all.begin() + 4, all.begin() + 10), (Names{"blocks.0.inner.weight", "blocks.0.inner.bias", "blocks.0.scale",
                                                             "blocks.1.inner.weight", "blocks.1.inner.bias", "blocks.1.scale"}));
  EXPECT_EQ(Names(all.begin() + 14, all.begin() + 16), (Names{"extra.weight", "extra.bias"}));
}

TEST(Module, MembersOfOneTypeInAnotherOrderAreAnError) {
  const Swapped swapped;
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)nn::parameters(swapped); }), {"[MUSHIN_MODULE]", "order of declaration"}));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)nn::clone(swapped); }), {"[MUSHIN_MODULE]", "order of declaration"}));
}

TEST(Module, HandlesStayGoodWhenTheModuleMoves) {
  auto net = std::make_unique<Net>();
  auto handles = nn::parameters(*net);
  const Net moved = std::move(*net);
  net.reset();
  handles[1].leaf.set(mu::fill<8>(7.0f).raw());
  EXPECT_EQ(moved.fc1.bias.value()(3), 7.0f);

  std::vector<Net> ensemble;
  for (int i = 0; i < 5; ++i) ensemble.emplace_back();
  EXPECT_EQ(nn::parameters(ensemble[3]).size(), 4u);
}

TEST(Module, ACloneIsIndependent) {
  Deep deep;
  deep.blocks.resize(1);
  deep.label = "original";
  deep.count = 3;
  Deep copy = nn::clone(deep);
  const auto a = nn::parameters(deep), b = nn::parameters(copy);
  ASSERT_EQ(names(a), names(b));
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NE(a[i].leaf.traced().node(), b[i].leaf.traced().node());
    EXPECT_TRUE(mu::test::equal(b[i].leaf.traced().value(), mu::test::ref(a[i].leaf.traced().value()))) << a[i].name;
  }
  EXPECT_EQ(copy.label, "original");
  EXPECT_EQ(copy.count, 3);
  copy.head.fc1.bias.set(mu::fill<8>(100.0f));
  EXPECT_LT(deep.head.fc1.bias.value()(0), 1.0f);
}

TEST(Module, AFrozenModuleGivesConstantsAndRecordsNothing) {
  mu::manual_seed(1);
  Net net;
  nn::eval(net);
  const auto x = mu::randn<batch, 4>(batch = 6);
  const auto frozen = nn::freeze(net);
  static_assert(std::same_as<decltype(frozen(x)), mu::Tensor<float, batch, 3>>);
  static_assert(std::same_as<decltype(net(x)), mu::Traced<float, batch, 3>>);
  const auto before = mu::core::graph_node_count();
  const auto y = frozen(x);
  EXPECT_EQ(mu::core::graph_node_count(), before);
  EXPECT_TRUE(mu::test::equal(y, mu::test::ref(net(x))));

  net.fc2.bias.set(mu::fill<3>(5.0f));  // an lvalue is referred to
  EXPECT_TRUE(mu::test::equal(frozen(x), mu::test::ref(net(x))));
  const auto kept = nn::freeze(Net{});  // an rvalue is kept
  EXPECT_EQ(kept(x).size(batch), 6);
}

TEST(Module, TrainAndEvalReachEveryLayer) {
  Deep deep;
  EXPECT_TRUE(deep.head.drop.training);
  nn::eval(deep);
  EXPECT_FALSE(deep.head.drop.training);
  nn::train(deep);
  EXPECT_TRUE(deep.head.drop.training);
}

TEST(Module, MovesToEveryDevice) {
  mu::manual_seed(3);
  Net net;
  nn::eval(net);
  const auto x = mu::randn<batch, 4>(batch = 6);
  const auto want = mu::test::ref(nn::freeze(net)(x));
  for (const auto device : mu::devices()) {
    mu::sum(net.fc1.bias * net.fc1.bias).backward();
    nn::to(net, device);
    for (const auto& p : nn::parameters(net)) EXPECT_EQ(p.leaf.traced().device(), device.raw()) << p.name;
    EXPECT_TRUE(mu::test::equal(net.fc1.bias.grad(), mu::test::full({8}, 0)));
    EXPECT_TRUE(mu::test::close(nn::freeze(net)(mu::to(x, device)), want)) << device.name();
  }
}

TEST(Module, ANetOfMixedMembersTrains) {
  mu::manual_seed(2);
  Deep deep;
  deep.blocks.resize(2);
  nn::eval(deep);
  const auto x = mu::randn<batch, 4>(batch = 5);
  const auto loss = mu::mean(deep(x) * deep(x));
  loss.backward();
  for (const auto& p : nn::parameters(deep)) {
    const auto g = mu::test::ref(p.leaf.grad());
    double size = 0;
    for (double v : g.values) size += std::abs(v);
    EXPECT_EQ(g.shape, mu::test::sizes_of(p.leaf.sizes())) << p.name;
    EXPECT_GT(size, 0) << p.name;
  }
}
