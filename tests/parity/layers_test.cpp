// Layers, their gradients and their states, against PyTorch.
#include <gtest/gtest.h>

#include "reference.hpp"
#include "support/files.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

struct CausalAttention {
  nn::MultiheadAttention<8, 2> attention;
  auto operator()(const auto& q, const auto& k, const auto& v) const { return attention(q, k, v, nn::causal); }
};

struct Network {
  nn::Sequential<nn::Linear<6, 8>, nn::BatchNorm1d<8>, nn::Relu, nn::LayerNorm<8>, nn::Gelu, nn::Linear<8, 3>> net;
  MUSHIN_MODULE(Network, net)
};

/// All layers that have a state, as generate.py names them.
struct EveryLayer {
  nn::Linear<3, 2> linear;
  nn::Bilinear<2, 3, 4> bilinear;
  nn::Conv1d<2, 4, 3, 1, 0, 1, 2> conv1d;
  nn::Conv2d<2, 3, mu::PerAxis{3, 2}> conv2d;
  nn::Conv3d<1, 2, 2, 1, 0, 1, 1, false> conv3d;
  nn::ConvTranspose2d<4, 6, mu::PerAxis{2, 3}, 1, 0, 0, 2> conv_transpose2d;
  nn::BatchNorm1d<3> batch_norm1d;
  nn::BatchNorm2d<2> batch_norm2d;
  nn::LayerNorm<2, 3> layer_norm;
  nn::GroupNorm<2, 4> group_norm;
  nn::RMSNorm<3> rms_norm;
  nn::Embedding<5, 2, 1> embedding;
  nn::RNN<2, 3, 1, float, nn::bidirectional> rnn;
  nn::LSTM<2, 3, 2> lstm;
  nn::GRU<2, 3> gru;
  nn::RNNCell<2, 3> rnn_cell;
  nn::LSTMCell<2, 3> lstm_cell;
  nn::GRUCell<2, 3> gru_cell;
  nn::MultiheadAttention<4, 2> attention;
  nn::TransformerEncoderLayer<4, 2, 6> encoder;
  nn::TransformerDecoderLayer<4, 2, 6> decoder;
  std::vector<nn::Linear<2, 2>> blocks{2};
  nn::Sequential<nn::Linear<2, 3>, nn::Relu, nn::Sequential<nn::Dropout, nn::Linear<3, 2>>> chain;
  MUSHIN_MODULE(EveryLayer, linear, bilinear, conv1d, conv2d, conv3d, conv_transpose2d, batch_norm1d, batch_norm2d, layer_norm, group_norm,
                rms_norm, embedding, rnn, lstm, gru, rnn_cell, lstm_cell, gru_cell, attention, encoder, decoder, blocks, chain)
};

struct ImageNetwork {
  nn::Sequential<nn::Conv2d<1, 3, 3, 1, 1>, nn::BatchNorm2d<3>, nn::Relu, nn::MaxPool2d<2>, nn::Flatten, nn::Linear<27, 4>> net;
  MUSHIN_MODULE(ImageNetwork, net)
};

namespace {

/// Values of the file under the names of the layer's own state.
void load(const std::string& name, const auto& layer) {
  for (auto& entry : nn::state(layer)) entry.leaf.set(torch_value(name + "/" + entry.name));
}

/// `x`: constants; those of float are made variables.
template <class T, mu::extent... E>
auto leaf(const mu::Tensor<T, E...>& x) {
  if constexpr (std::same_as<T, float>)
    return mu::variable(x);
  else
    return x;
}

template <class Layer, class... X>
void layer(const std::string& name, const Layer& l, const X&... inputs) {
  SCOPED_TRACE(name);
  const auto run = [&](const auto&... x) {
    const auto y = l(x...);
    y.backward(mu::value_of<decltype(y)>{torch_value(name + "/g")});
    EXPECT_TRUE(as_torch(y, name + "/y"));
    int i = 0;
    const auto gradient = [&](const auto& v) {
      const std::string at = name + "/dx" + std::to_string(i++);
      if constexpr (mu::Differentiable<std::remove_cvref_t<decltype(v)>>) {
        EXPECT_TRUE(as_torch(v.grad(), at, 1e-4, 1e-5));
      }
    };
    (gradient(x), ...);
  };
  run(leaf(inputs)...);
  if constexpr (nn::Module<Layer>) {
    const auto parameters = nn::parameters(l);
    for (const auto& p : parameters) EXPECT_TRUE(as_torch(p.leaf.grad(), name + "/d_" + p.name, 1e-4, 1e-5));
    const auto state = nn::state(l);
    for (const auto& s : state)
      if (torch_has(name + "/after_" + s.name)) {
        EXPECT_TRUE(as_torch(s.leaf.traced().value(), name + "/after_" + s.name)) << s.name;
      }
    ten_steps_as_torch(name, l, [&] {
      const auto y = l(inputs...);
      nn::mse(y, mu::value_of<decltype(y)>{torch_value(name + "/g")}).backward();
    });
  }
}
template <class Layer, class... X>
void with_state(const std::string& name, Layer l, const X&... inputs) {
  load(name, l);
  layer(name, l, inputs...);
}

/// A result, or several, as a tuple.
template <class... Y>
std::tuple<Y...> all(std::tuple<Y...> parts) {
  return parts;
}
template <mu::TensorLike Y>
std::tuple<Y> all(Y y) {
  return {std::move(y)};
}

/// Whether each of a tuple is PyTorch's; `what` is followed by its number.
template <class... V>
void expect_torch(const std::tuple<V...>& values, const std::string& what, double relative = 2e-5, double absolute = 1e-6) {
  int i = 0;
  const auto check = [&](const auto& v) { EXPECT_TRUE(as_torch(v, what + std::to_string(i++), relative, absolute)); };
  std::apply([&](const auto&... v) { (check(v), ...); }, values);
}
/// The sum of all elements, weighted by the cotangents of the file.
template <class... Y>
auto weighted(const std::tuple<Y...>& parts, const std::string& name) {
  int i = 0;
  const auto sum = [&]<class V>(const V& y) { return mu::sum(y * mu::value_of<V>{torch_value(name + "/g" + std::to_string(i++))}); };
  const auto sums = std::apply([&](const auto&... y) { return std::tuple{sum(y)...}; }, parts);  // braces: in this order
  return std::apply([](const auto&... each) { return (each + ...); }, sums);
}

/// The mean squared distance from the cotangents of the file, of each, summed.
template <class... Y>
auto distance(const std::tuple<Y...>& parts, const std::string& name) {
  int i = 0;
  const auto one = [&]<class V>(const V& y) { return nn::mse(y, mu::value_of<V>{torch_value(name + "/g" + std::to_string(i++))}); };
  const auto each = std::apply([&](const auto&... y) { return std::tuple{one(y)...}; }, parts);  // braces: in this order
  return std::apply([](const auto&... d) { return (d + ...); }, each);
}

/// `call`: the layer on the sequence, or the step, and the states before, which are `inputs`.
template <class Layer, class Call, class... X>
void recurrent_call(const std::string& name, const Layer& l, const Call& call, const X&... inputs) {
  SCOPED_TRACE(name);
  load(name, l);
  const auto run = [&](const auto&... x) {
    const auto y = all(call(l, x...));
    expect_torch(y, name + "/y");
    weighted(y, name).backward();
    expect_torch(std::tuple{x.grad()...}, name + "/dx", 1e-4, 1e-5);
  };
  run(mu::variable(inputs)...);
  const auto parameters = nn::parameters(l);
  for (const auto& p : parameters) EXPECT_TRUE(as_torch(p.leaf.grad(), name + "/d_" + p.name, 1e-4, 1e-5));
  expect_torch(all(call(nn::freeze(l), inputs...)), name + "/y");
  ten_steps_as_torch(name, l, [&] { distance(all(call(l, inputs...)), name).backward(); });
}
template <class Layer, class... X>
void recurrent(const std::string& name, const Layer& l, const X&... inputs) {
  recurrent_call(
      name, l, [](const auto& layer, const auto&... x) { return layer(x...); }, inputs...);
}
/// Of sequences with the lengths of the file.
template <class Layer, class... States>
void recurrent_lengths(const std::string& name, const Layer& l, const States&... states) {
  const auto lengths = given_labels<4>("lengths");
  const auto call = [&](const auto& layer, const auto& x, const auto&... s) { return layer(x, lengths, s...); };
  recurrent_call(name, l, call, given<4, 5, 3>(name + "/x0"), states...);
}

template <class Layer, class Deep, class Cell, class... States>
void recurrent_family(const std::string& name, const States&... states) {
  recurrent(name, Layer{}, given<3, 5, 4>(name + "/x0"));
  recurrent(name + "_deep", Deep{}, given<3, 5, 4>(name + "_deep/x0"), given<2, 3, 6>(name + "_deep/" + states)...);
  recurrent(name + "_cell", Cell{}, given<3, 4>(name + "_cell/x0"), given<3, 6>(name + "_cell/" + states)...);
}

/// Saves the state of `net` and compares it with a file of PyTorch's, name by name.
void expect_saved_alike(const auto& net, const std::string& file) {
  const Folder folder;
  nn::save(net, folder / "saved");
  const auto theirs = mu::load_safetensors(file), ours = mu::load_safetensors(folder / "saved");
  ASSERT_EQ(ours.size(), theirs.size());
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    const char* name = theirs[i].name;
    ASSERT_TRUE(ours.contains(name)) << name;
    EXPECT_EQ(ours.read(name).type(), theirs.read(name).type()) << name;
    EXPECT_TRUE(equal(ours.read(name), ref(theirs.read(name)))) << name;
  }
}

}  // namespace

TEST(Parity, Normalization) {
  with_state("layer_norm", nn::LayerNorm<2, 5>{}, given<3, 4, 2, 5>("layer_norm/x0"));
  with_state("rms_norm", nn::RMSNorm<5>{}, given<3, 4, 2, 5>("rms_norm/x0"));
  with_state("group_norm", nn::GroupNorm<2, 4>{}, given<3, 4, 2, 5>("group_norm/x0"));
  layer("instance_norm", nn::InstanceNorm2d<4>{}, given<3, 4, 2, 5>("instance_norm/x0"));
}

TEST(Parity, BatchNormalization) {
  with_state("batch_norm_1d", nn::BatchNorm1d<4>{}, given<3, 4>("batch_norm_1d/x0"));
  nn::BatchNorm1d<4> quick;
  quick.momentum = 0.3;
  with_state("batch_norm_1d_long", std::move(quick), given<3, 4, 5>("batch_norm_1d_long/x0"));
  with_state("batch_norm_2d", nn::BatchNorm2d<4>{}, given<3, 4, 2, 5>("batch_norm_2d/x0"));
}

TEST(Parity, LinearAndTrainedBatchNormalization) {
  with_state("linear", nn::Linear<5, 3>{}, given<2, 4, 5>("linear/x0"));
  nn::BatchNorm2d<4> trained;
  nn::eval(trained);
  with_state("batch_norm_2d_eval", std::move(trained), given<3, 4, 2, 5>("batch_norm_2d_eval/x0"));
}

TEST(Parity, Tables) {
  with_state("bilinear", nn::Bilinear<3, 4, 2>{}, given<5, 3>("bilinear/x0"), given<5, 4>("bilinear/x1"));
  with_state("embedding", nn::Embedding<7, 3>{}, given_labels<2, 3>("embedding/x0"));
  with_state("embedding_padding", nn::Embedding<7, 3, 1>{}, given_labels<2, 3>("embedding_padding/x0"));
}

TEST(Parity, Convolutions) {
  using mu::PerAxis;
  with_state("conv1d", nn::Conv1d<4, 6, 3, 2, 1, 1, 2>{}, given<2, 4, 9>("conv1d/x0"));
  with_state("conv2d", nn::Conv2d<3, 5, 3, 1, 1>{}, given<2, 3, 6, 5>("conv2d/x0"));
  with_state("conv2d_all", nn::Conv2d<4, 6, PerAxis{3, 2}, PerAxis{2, 1}, PerAxis{2, 1}, PerAxis{2, 1}, 2>{},
             given<2, 4, 9, 6>("conv2d_all/x0"));
  with_state("conv2d_depthwise", nn::Conv2d<4, 4, 3, 1, 1, 1, 4, false>{}, given<2, 4, 5, 5>("conv2d_depthwise/x0"));
  with_state("conv3d", nn::Conv3d<2, 3, PerAxis{2, 3, 2}, PerAxis{1, 2, 1}, PerAxis{0, 1, 1}>{}, given<2, 2, 4, 5, 3>("conv3d/x0"));
  with_state("conv_transpose2d", nn::ConvTranspose2d<4, 3, 3, 2, 1, 1>{}, given<2, 4, 4, 3>("conv_transpose2d/x0"));
  with_state("conv_transpose2d_all",
             nn::ConvTranspose2d<4, 6, PerAxis{3, 2}, PerAxis{3, 2}, PerAxis{1, 0}, PerAxis{2, 1}, 2, false, PerAxis{1, 2}>{},
             given<2, 4, 4, 3>("conv_transpose2d_all/x0"));
}

TEST(Parity, Pooling) {
  using mu::PerAxis;
  layer("max_pool2d", nn::MaxPool2d<2>{}, given<2, 3, 6, 7>("max_pool2d/x0"));
  layer("max_pool2d_all", nn::MaxPool2d<PerAxis{3, 2}, 2, 1, PerAxis{1, 2}, true>{}, given<2, 3, 8, 7>("max_pool2d_all/x0"));
  layer("avg_pool2d", nn::AvgPool2d<3, 2, 1, true>{}, given<2, 3, 8, 7>("avg_pool2d/x0"));
  layer("avg_pool2d_inside", nn::AvgPool2d<PerAxis{2, 3}, PerAxis{2, 1}, 1, false, false>{}, given<2, 3, 7, 6>("avg_pool2d_inside/x0"));
  layer("adaptive_avg_pool2d", nn::AdaptiveAvgPool2d<PerAxis{2, 3}>{}, given<2, 3, 6, 7>("adaptive_avg_pool2d/x0"));
  layer("adaptive_avg_pool2d_one", nn::AdaptiveAvgPool2d<1>{}, given<2, 3, 6, 7>("adaptive_avg_pool2d_one/x0"));
}

TEST(Parity, ANetworkOfImagesHasTheNamesOfPyTorch) {
  ImageNetwork network;
  load("conv_net", network.net);
  nn::eval(network);
  EXPECT_TRUE(as_torch(network.net(given<2, 1, 6, 6>("conv_net/x")), "conv_net/y"));
}

TEST(Parity, Attention) {
  const auto x = [](const char* name) { return std::string("attention") + name; };
  with_state("attention", nn::MultiheadAttention<8, 2>{}, given<2, 3, 8>(x("/x0")), given<2, 5, 8>(x("/x1")), given<2, 5, 8>(x("/x2")));
  CausalAttention causal;
  load("attention_causal", causal.attention);
  layer("attention_causal", causal, given<2, 4, 8>(x("_causal/x0")), given<2, 4, 8>(x("_causal/x1")), given<2, 4, 8>(x("_causal/x2")));
  for (const auto& p : nn::parameters(causal.attention))
    EXPECT_TRUE(as_torch(p.leaf.grad(), "attention_causal/d_" + p.name, 1e-4, 1e-5)) << p.name;
  ten_steps_as_torch("attention_causal", causal.attention, [&] {
    const auto y = causal(given<2, 4, 8>(x("_causal/x0")), given<2, 4, 8>(x("_causal/x1")), given<2, 4, 8>(x("_causal/x2")));
    nn::mse(y, given<2, 4, 8>(x("_causal/g"))).backward();
  });
}

TEST(Parity, Recurrent) {
  const std::string x1 = "x1", x2 = "x2";
  recurrent_family<nn::RNN<4, 6>, nn::RNN<4, 6, 2>, nn::RNNCell<4, 6>>("rnn", x1);
  recurrent_family<nn::GRU<4, 6>, nn::GRU<4, 6, 2>, nn::GRUCell<4, 6>>("gru", x1);
  recurrent_family<nn::LSTM<4, 6>, nn::LSTM<4, 6, 2>, nn::LSTMCell<4, 6>>("lstm", x1, x2);
}

TEST(Parity, RecurrentBothWays) {
  constexpr auto both = nn::bidirectional;
  const auto x = [](const std::string& name) { return given<2, 5, 3>(name + "_both/x0"); };
  const auto state = [](const std::string& name) { return given<4, 2, 4>(name); };
  recurrent("rnn_both", nn::RNN<3, 4, 2, float, both>{}, x("rnn"), state("rnn_both/x1"));
  recurrent("gru_both", nn::GRU<3, 4, 2, float, both>{}, x("gru"), state("gru_both/x1"));
  recurrent("lstm_both", nn::LSTM<3, 4, 2, float, both>{}, x("lstm"), state("lstm_both/x1"), state("lstm_both/x2"));
}

TEST(Parity, RectifiedRecurrent) {
  constexpr auto relu = nn::nonlinearity::relu;
  recurrent("rnn_relu", nn::RNN<3, 4, 1, float, nn::direction::forward, relu>{}, given<4, 5, 3>("rnn_relu/x0"));
  recurrent("rnn_relu_cell", nn::RNNCell<3, 4, float, relu>{}, given<4, 3>("rnn_relu_cell/x0"), given<4, 4>("rnn_relu_cell/x1"));
}

TEST(Parity, SequencesOfDifferentLengths) {
  constexpr auto both = nn::bidirectional;
  recurrent_lengths("rnn_lengths", nn::RNN<3, 4>{});
  recurrent_lengths("gru_lengths", nn::GRU<3, 4>{});
  recurrent_lengths("lstm_lengths", nn::LSTM<3, 4>{});
  const auto state = [](const std::string& name) { return given<4, 4, 4>(name); };
  recurrent_lengths("rnn_lengths_both", nn::RNN<3, 4, 2, float, both>{}, state("rnn_lengths_both/x1"));
  recurrent_lengths("gru_lengths_both", nn::GRU<3, 4, 2, float, both>{}, state("gru_lengths_both/x1"));
  recurrent_lengths("lstm_lengths_both", nn::LSTM<3, 4, 2, float, both>{}, state("lstm_lengths_both/x1"), state("lstm_lengths_both/x2"));
  recurrent_lengths("rnn_relu_lengths", nn::RNN<3, 4, 2, float, both, nn::nonlinearity::relu>{});
}

TEST(Parity, Ctc) {
  auto x = mu::variable(given<6, 6, 5>("ctc/x"));
  const auto labels = given_labels<6, 3>("ctc/labels");
  const auto steps = given_labels<6>("ctc/steps"), lengths = given_labels<6>("ctc/lengths");
  const auto logs = [&] { return nn::log_softmax<2>(x); };
  EXPECT_TRUE(as_torch(nn::ctc<nn::Reduction::none>(logs(), labels, steps, lengths), "ctc/none"));
  const auto mean = nn::ctc(logs(), labels, steps, lengths, {.zero_infinity = true});
  mean.backward();
  EXPECT_TRUE(as_torch(mean, "ctc/mean"));
  EXPECT_TRUE(as_torch(x.grad(), "ctc/d_mean", 1e-4, 1e-6));
  const auto sum = nn::ctc<nn::Reduction::sum>(logs(), labels, steps, lengths, {.zero_infinity = true});
  x.zero_grad();
  sum.backward();
  EXPECT_TRUE(as_torch(sum, "ctc/sum"));
  EXPECT_TRUE(as_torch(x.grad(), "ctc/d_sum", 1e-4, 1e-6));
  auto stepped = mu::variable(x.value());
  nn::Parameters parameters;
  parameters.push_back({"x", stepped.leaf().alias()});
  ten_steps(std::move(parameters), 0.1,
            [&] { nn::ctc<nn::Reduction::sum>(nn::log_softmax<2>(stepped), labels, steps, lengths, {.zero_infinity = true}).backward(); });
  EXPECT_TRUE(as_torch(stepped, "ctc/ten_0", 1e-4, 1e-5));
  const auto two = nn::ctc<nn::Reduction::none>(mu::slice<1, 0, 2>(logs()), mu::slice<0, 0, 2>(labels) - std::int64_t{1},
                                                mu::slice<0, 0, 2>(steps), mu::slice<0, 0, 2>(lengths), {.blank = 4});
  EXPECT_TRUE(as_torch(two, "ctc/last_blank"));
}

TEST(Parity, CtcOfLabelsOneBehindTheOther) {
  const auto x = mu::variable(given<6, 4, 5>("ctc_joined/x"));
  const auto mean = nn::ctc(nn::log_softmax<2>(x), given_labels<6>("ctc_joined/labels"), given_labels<4>("ctc_joined/steps"),
                            given_labels<4>("ctc_joined/lengths"));
  mean.backward();
  EXPECT_TRUE(as_torch(mean, "ctc_joined/mean"));
  EXPECT_TRUE(as_torch(x.grad(), "ctc_joined/d_mean", 1e-4, 1e-6));
}

TEST(Parity, AStateOfPyTorchLoadsAndIsSavedAlike) {
  Network network;
  nn::load(network.net, committed("network.safetensors"));
  nn::eval(network);
  EXPECT_TRUE(as_torch(network.net(given<4, 6>("network/x")), "network/y"));
  expect_saved_alike(network.net, committed("network.safetensors"));
}

TEST(Parity, AStateOfEveryLayerLoadsAndIsSavedAlike) {
  EveryLayer net;
  nn::load(net, committed("every_layer.safetensors"));
  expect_saved_alike(net, committed("every_layer.safetensors"));
}

TEST(Parity, AStateOfAnLstmLoadsAndIsSavedAlike) {
  nn::LSTM<4, 6, 2> lstm;
  nn::load(lstm, committed("lstm.safetensors"));
  const auto [y, h, c] = lstm(given<3, 5, 4>("lstm_deep/x0"), given<2, 3, 6>("lstm_deep/x1"), given<2, 3, 6>("lstm_deep/x2"));
  EXPECT_TRUE(as_torch(y, "lstm_deep/y0"));
  EXPECT_TRUE(as_torch(c, "lstm_deep/y2"));
  expect_saved_alike(lstm, committed("lstm.safetensors"));
}
