// MUSHIN_MODULE: names, walks, moving, cloning, freezing, training.
#include "mushin/nn/module.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <sstream>

#include "mushin/nn.hpp"
#include "support/files.hpp"
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

/// One table for what goes in and what comes out.
struct Tied {
  nn::Embedding<6, 4> token;
  nn::Linear<4, 4> inner;
  auto operator()(const auto& x) const { return mu::matmul(nn::relu(inner(token(x))), mu::transpose(token.weight)); }
  MUSHIN_MODULE(Tied, token, inner)
};

struct Backbone {
  nn::Linear<4, 5> fc;
  nn::BatchNorm1d<5> norm;
  nn::Dropout drop{0.5f};
  auto operator()(const auto& x) const { return drop(norm(fc(x))); }
  MUSHIN_MODULE(Backbone, fc, norm, drop)
};
/// What is learnt stands behind what is not.
template <class B>
struct Transfer {
  B backbone{};
  nn::Linear<5, 3> head{};
  auto operator()(const auto& x) const { return head(backbone(x)); }
  MUSHIN_MODULE(Transfer, backbone, head)
};
using FrozenTransfer = Transfer<nn::Frozen<Backbone>>;
static_assert(nn::parameter_count<FrozenTransfer> == nn::parameter_count<Transfer<Backbone>>);

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

TEST(Module, AFrozenMemberIsSavedAndMovedButNotTrained) {
  mu::manual_seed(4);
  const mu::test::Folder folder;
  const auto x = mu::randn<6, 4>();
  Transfer<Backbone> pretrained;
  pretrained.backbone.norm.running_mean.set(mu::fill<5>(0.25f));
  nn::save(pretrained, folder / "net");
  FrozenTransfer net;
  nn::load(net, folder / "net");  // the names are the same
  EXPECT_EQ(names(nn::parameters(net)), (Names{"head.weight", "head.bias"}));
  EXPECT_EQ(names(nn::state(net)), names(nn::state(pretrained)));
  nn::eval(net), nn::eval(pretrained);
  EXPECT_FALSE(net.backbone.module().drop.training);
  EXPECT_TRUE(mu::test::equal(net(x), mu::test::ref(pretrained(x))));
  static_assert(mu::Constant<decltype(net.backbone(x))> && !mu::Constant<decltype(net(x))>);
  const FrozenTransfer copy = nn::clone(net);
  nn::SGD opt{nn::parameters(net), {.lr = 1}};
  mu::sum(net(x)).backward();
  opt.step();
  EXPECT_TRUE(mu::test::equal(net.backbone.module().fc.weight, mu::test::ref(copy.backbone.module().fc.weight)));
  EXPECT_FALSE(mu::test::equal(net.head.weight, mu::test::ref(copy.head.weight)));
  EXPECT_TRUE(mu::test::equal(copy(x), mu::test::ref(pretrained(x))));
  nn::save(net, folder / "trained");
  nn::load(pretrained, folder / "trained");
  EXPECT_TRUE(mu::test::equal(net(x), mu::test::ref(pretrained(x))));
  const auto s = nn::summary(net);
  EXPECT_EQ(s.parameters, 25 + 10 + 18);
  EXPECT_EQ(s.trainable, 18);
  EXPECT_NE(s.text().find("25 frozen"), std::string::npos) << s;
}

TEST(Module, ATiedWeightIsCountedSavedAndUpdatedOnce) {
  mu::manual_seed(5);
  const mu::test::Folder folder;
  Tied net;
  const auto x = mu::tensor<std::int64_t, 3>({0, 2, 5});
  EXPECT_EQ(names(nn::parameters(net)), (Names{"token.weight", "inner.weight", "inner.bias"}));
  static_assert(nn::parameter_count<Tied> == 24 + 20);
  EXPECT_EQ(nn::summary(net).parameters, 44);
  nn::save(net, folder / "net");
  EXPECT_EQ(mu::load_safetensors(folder / "net").size(), 3u);
  // The gradient is the sum of those of both places.
  const auto as_input = mu::variable(net.token.weight.value()), as_output = mu::variable(net.token.weight.value());
  const auto apart = mu::matmul(nn::relu(net.inner(mu::take(as_input, x))), mu::transpose(as_output));
  mu::sum(apart * apart).backward();
  const auto want = as_input.grad() + as_output.grad();
  const auto y = net(x);
  mu::sum(y * y).backward();
  EXPECT_TRUE(mu::test::close(net.token.weight.grad(), mu::test::ref(want), 1e-5, 1e-5));
  const auto after = mu::test::ref(net.token.weight.value() - want);
  nn::SGD opt{nn::parameters(net), {.lr = 1}};
  opt.step();
  EXPECT_TRUE(mu::test::close(net.token.weight, after, 1e-5, 1e-5));
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

// nn::summary, and what of it the compiler knows.

struct EveryLayer {
  nn::Embedding<10, 6> words;
  nn::MultiheadAttention<6, 2> attention;
  nn::LayerNorm<6> layer_norm;
  nn::RMSNorm<6> rms_norm;
  nn::GRU<6, 4, 2> gru;
  nn::LSTM<4, 4> lstm;
  nn::RNN<4, 3> rnn;
  nn::Flatten flat;
  nn::BatchNorm1d<15> batch_norm;
  nn::GroupNorm<3, 15> group_norm;
  nn::Bilinear<15, 15, 2> bilinear;
  nn::LSTMCell<2, 2> cell;
  nn::Glu<> glu;
  nn::Softmax<> softmax;
  auto operator()(const auto& x) const {
    const auto a = words(x);
    const auto b = rms_norm(layer_norm(attention(a, a, a)));
    const auto c = std::get<0>(rnn(std::get<0>(lstm(std::get<0>(gru(b))))));
    const auto d = group_norm(batch_norm(nn::Flatten{}(c)));
    return softmax(glu(std::get<0>(cell(bilinear(d, d)))));
  }
  MUSHIN_MODULE(EveryLayer, words, attention, layer_norm, rms_norm, gru, lstm, rnn, flat, batch_norm, group_norm, bilinear, cell, glu,
                softmax)
};

struct Twice {
  nn::Linear<4, 4> same;
  std::vector<Block<4>> blocks;
  auto operator()(const auto& x) const { return blocks[0](same(same(x))); }
  MUSHIN_MODULE(Twice, same, blocks)
};

/// Tells nothing, and draws.
struct Plain {
  auto operator()(const auto& x) const { return ((void)mu::randu<1>(), x * 2.0f); }
};

namespace {
const nn::LayerSummary& row(const nn::Summary& s, const std::string& name) {
  for (const auto& l : s.layers)
    if (l.name == name) return l;
  throw std::runtime_error("no layer " + name);
}

using Chained = nn::Sequential<nn::Linear<784, 512>, nn::Relu, nn::Sequential<nn::Linear<512, 10>, nn::LogSoftmax<>>>;
static_assert(nn::parameter_count<Chained> == 784 * 512 + 512 + 512 * 10 + 10);
static_assert(nn::parameter_count<Net> == 4 * 8 + 8 + 8 * 3 + 3);
static_assert(nn::parameter_count<nn::BatchNorm1d<5>> == 10 && nn::parameter_count<nn::LSTM<3, 5, 2>> == 20 * 8 + 40 + 20 * 10 + 40);
static_assert(nn::parameter_count<nn::MultiheadAttention<6, 2>> == 18 * 6 + 18 + 36 + 6);
using Pictures = mu::Tensor<float, 32, 784>;
static_assert(nn::flops<Chained, Pictures> == 32 * (2 * 784 * 512 + 512 + 2 * 512 * 10 + 5 * 10));
static_assert(nn::output_of<Chained, Pictures>::extents == mu::Shape{32, 10});
static_assert(nn::flops<nn::RNNCell<3, 5>, mu::Tensor<float, 2, 3>> == 2 * (2 * 5 * 8 + 5));
static_assert(nn::flops<nn::LSTM<3, 5, 2>, mu::Tensor<float, 2, 7, 3>> == 14 * (2 * 20 * 8 + 45 + 2 * 20 * 10 + 45));
}  // namespace

TEST(Summary, TellsWhatEachLayerGivesAndCosts) {
  const Net net;
  const auto s = nn::summary<mu::Tensor<float, batch, 4>>(net);
  EXPECT_EQ(s.type, "Net");
  EXPECT_EQ(s.layers.size(), 3u);
  EXPECT_EQ(row(s, "fc1").type, "Linear");
  EXPECT_EQ(row(s, "fc1").output, (mu::core::Sizes{1, 8}));
  EXPECT_EQ(row(s, "fc1").parameters, 40);
  EXPECT_EQ(row(s, "fc1").flops, 64);
  EXPECT_EQ(row(s, "fc1").activation_bytes, 32);
  EXPECT_EQ(row(s, "drop").flops, 8);
  EXPECT_EQ(s.parameters, 67);
  EXPECT_EQ(s.trainable, 67);
  EXPECT_EQ(s.flops, 64 + 8 + 48);
  EXPECT_EQ(s.activation_bytes, 32 + 32 + 12);
  EXPECT_EQ(s.output, (mu::core::Sizes{1, 3}));
  EXPECT_TRUE(net.drop.training);  // a copy was evaluated
  const auto larger = nn::summary<mu::Tensor<float, 10, 4>>(net);
  EXPECT_EQ(larger.flops, 1200);
  const auto alone = nn::summary(net);
  EXPECT_EQ(alone.parameters, 67);
  EXPECT_EQ(alone.layers.size(), 2u);
  EXPECT_FALSE(alone.flops);
  const auto frozen = nn::summary<mu::Tensor<float, 2, 4>>(nn::freeze(net));
  EXPECT_EQ(frozen.trainable, 0);
  EXPECT_EQ(frozen.parameters, 67);
  EXPECT_FALSE(row(frozen, "fc2").trainable);
}

TEST(Summary, CountsALayerThatIsCalledTwiceOnce) {
  Twice net;
  net.blocks.resize(2);
  const auto s = nn::summary<mu::Tensor<float, 3, 4>>(net);
  EXPECT_EQ(s.parameters, 20 + 2 * 24);
  EXPECT_EQ(row(s, "same").calls, 2);
  EXPECT_EQ(row(s, "same").flops, 2 * 3 * 32);
  EXPECT_EQ(row(s, "same").parameters, 20);
  EXPECT_EQ(row(s, "blocks.0.inner").flops, 3 * 32);
  // A block computes with a variable of its own, and one is never called: nobody knows what all comes to.
  EXPECT_EQ(row(s, "blocks.0").parameters, 4);
  EXPECT_FALSE(row(s, "blocks.0").flops);
  EXPECT_EQ(row(s, "blocks.1.inner").calls, 0);
  EXPECT_FALSE(s.flops);
}

TEST(Summary, KnowsEveryLayer) {
  const EveryLayer net;
  const auto s = nn::summary<mu::Tensor<std::int64_t, 2, 5>>(net);
  for (const auto& l : s.layers) {
    EXPECT_TRUE(l.calls > 0 || l.name == "flat" || l.name == "attention.out_proj") << l.name;
    EXPECT_TRUE(l.flops || l.name == "flat") << l.name;
  }
  EXPECT_EQ(row(s, "words").flops, 0);
  const std::int64_t attention = 4 * 2 * 10 * 36 + 10 * 6 + 2 * 25 * (4 * 6 + 5 * 2);
  EXPECT_EQ(row(s, "attention").flops, attention);
  EXPECT_EQ(row(s, "attention.out_proj").flops, 2 * 10 * 36);
  EXPECT_EQ(row(s, "layer_norm").flops, 7 * 60);
  EXPECT_EQ(row(s, "rms_norm").flops, 4 * 60);
  const std::int64_t gru = 10 * (2 * 12 * 10 + 32 + 2 * 12 * 8 + 32), lstm = 10 * (2 * 16 * 8 + 36), rnn = 10 * (2 * 3 * 7 + 3);
  EXPECT_EQ(row(s, "gru").flops, gru);
  EXPECT_EQ(row(s, "gru").output, (mu::core::Sizes{2, 5, 4}));
  EXPECT_EQ(row(s, "lstm").flops, lstm);
  EXPECT_EQ(row(s, "rnn").flops, rnn);
  EXPECT_EQ(row(s, "batch_norm").flops, 7 * 30);
  EXPECT_EQ(row(s, "batch_norm").buffers, 31);
  const std::int64_t bilinear = 2 * 2 * 16 * 15 * 2, cell = 2 * (2 * 8 * 4 + 18);
  EXPECT_EQ(row(s, "bilinear").flops, bilinear);
  EXPECT_EQ(row(s, "cell").flops, cell);
  EXPECT_EQ(s.flops, attention + 11 * 60 + gru + lstm + rnn + 2 * 7 * 30 + bilinear + cell + 4 + 5 * 2);
  EXPECT_EQ(s.buffers, 31);
}

TEST(Module, AnEmptyBatchGoesThroughEveryLayer) {
  EveryLayer sequences;
  nn::eval(sequences);
  const auto y = sequences(mu::zeros<std::int64_t, batch, 5>(batch = 0));
  EXPECT_EQ(y.shape(), (mu::core::Sizes{0, 1}));
  using Images =
      nn::Sequential<nn::Conv2d<2, 3, 3>, nn::BatchNorm2d<3>, nn::Relu, nn::MaxPool2d<2>, nn::ConvTranspose2d<3, 3, 2>,
                     nn::InstanceNorm2d<3>, nn::AvgPool2d<2>, nn::AdaptiveAvgPool2d<1>, nn::Flatten, nn::Dropout, nn::Linear<3, 2>>;
  Images images;
  const auto none = mu::zeros<batch, 2, 8, 8>(batch = 0);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)images(none); }), {"[BatchNorm] training needs more than one value"}));
  nn::eval(images);
  const auto x = mu::variable(none);
  const auto z = images(x);
  EXPECT_EQ(z.shape(), (mu::core::Sizes{0, 2}));
  mu::sum(z).backward();
  EXPECT_EQ(x.grad().size(), 0);
  for (const auto& p : nn::parameters(images))
    for (const double v : mu::test::ref(p.leaf.grad()).values) EXPECT_EQ(v, 0) << p.name;
}

TEST(Summary, AFormOfItsOwnAndWhatItDoesNotKnow) {
  const nn::Sequential<nn::Linear<2, 3>, Plain, nn::Tanh> net;
  mu::manual_seed(1);
  const auto want = mu::randu<4>().to_vector();
  mu::manual_seed(1);
  const auto s = nn::summary<mu::Tensor<float, 4, 2>>(net);
  EXPECT_EQ(mu::randu<4>().to_vector(), want);  // what was drawn doesn't count
  std::ostringstream out;
  out << s;
  EXPECT_EQ(out.str(),
            "layer  type        output  parameters  buffers    FLOPs  bytes\n"
            "0      Linear      (4, 3)           9        0       48     48\n"
            "1      Plain       (4, 3)           0        0  unknown     48\n"
            "2      Tanh        (4, 3)           0        0       12     48\n"
            "total  Sequential  (4, 3)           9        0  unknown    144\n"
            "9 parameters, 9 trainable\n");
  EXPECT_EQ(s.text(), out.str());
}
