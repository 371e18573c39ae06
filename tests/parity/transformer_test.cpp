// Transformer layers against PyTorch's, with the masks that it takes.
#include <gtest/gtest.h>

#include "reference.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

namespace {

using Encoder = nn::TransformerEncoderLayer<8, 2, 12>;
using GeluEncoder = nn::TransformerEncoderLayer<8, 2, 12, nn::Gelu>;
using Decoder = nn::TransformerDecoderLayer<8, 2, 12>;
using GeluDecoder = nn::TransformerDecoderLayer<8, 2, 12, nn::Gelu>;

/// A layer with the state of the case, without dropout.
template <class Layer>
Layer layer_of(const std::string& name, bool norm_first) {
  Layer layer;
  for (auto& entry : nn::state(layer)) entry.leaf.set(torch_file().read((name + "/" + entry.name).c_str()));
  nn::set_dropout(layer, 0);
  layer.norm_first = norm_first;
  return layer;
}
template <std::int64_t Time = 5>
auto input(const std::string& name) {
  return mu::variable(given<2, Time, 8>(name));
}

/// Value, gradients and ten steps of what `call` gives of the layer and the inputs.
template <class Layer, class Call, class... X>
void expect_torch(const std::string& name, const Layer& layer, const Call& call, const X&... x) {
  SCOPED_TRACE(name);
  const mu::Traced<float, 2, 5, 8> y = call(layer, x...);
  EXPECT_TRUE(as_torch(y, name + "/y", 2e-5, 1e-5));
  y.backward(given<2, 5, 8>(name + "/g"));
  int i = 0;
  const auto check = [&](const auto& v) { EXPECT_TRUE(as_torch(v.grad(), name + "/dx" + std::to_string(i++), 1e-4, 1e-5)); };
  (check(x), ...);
  for (const auto& p : nn::parameters(layer)) EXPECT_TRUE(as_torch(p.leaf.grad(), name + "/d_" + p.name, 1e-4, 2e-5));
  ten_steps_as_torch(name, layer, [&] { nn::mse(call(layer, x.value()...), given<2, 5, 8>(name + "/g")).backward(); });
}

TEST(Parity, TransformerEncoderLayer) {
  const auto x = input("encoder/x0");
  const auto plain = layer_of<Encoder>("encoder", false);
  const auto as_it_is = [](const auto& layer, const auto&... v) { return layer(v...); };
  expect_torch("encoder", plain, as_it_is, x);
  const auto z = input("encoder_masked/x0");
  const auto masked = layer_of<GeluEncoder>("encoder_masked", true);
  const auto padded = nn::key_padding(torch_file().get<bool, 2, 5>("padded"));
  expect_torch(
      "encoder_masked", masked, [&](const auto& layer, const auto& v) { return layer(v, nn::causal, padded); }, z);
  const auto w = input("encoder_added/x0");
  const auto added = layer_of<Encoder>("encoder_added", false);
  const auto mask = nn::attention_mask(given<5, 5>("added"));
  expect_torch(
      "encoder_added", added, [&](const auto& layer, const auto& v) { return layer(v, mask); }, w);
}

TEST(Parity, TransformerDecoderLayer) {
  const auto x = input("decoder/x0");
  const auto memory = input<4>("decoder/x1");
  const auto plain = layer_of<Decoder>("decoder", false);
  const auto padding = nn::of_memory(nn::key_padding(torch_file().get<bool, 2, 4>("memory_padded")));
  expect_torch(
      "decoder", plain, [&](const auto& layer, const auto& v, const auto& m) { return layer(v, m, padding, nn::causal); }, x, memory);
  const auto z = input("decoder_first/x0");
  const auto other = input<4>("decoder_first/x1");
  const auto first = layer_of<GeluDecoder>("decoder_first", true);
  expect_torch(
      "decoder_first", first, [](const auto& layer, const auto& v, const auto& m) { return layer(v, m); }, z, other);
}

TEST(Parity, AStateOfATransformerLayerLoads) {
  Encoder layer;
  nn::load(layer, committed("encoder.safetensors"));
  nn::eval(layer);
  EXPECT_TRUE(as_torch(layer(input("encoder/x0")), "encoder/y", 2e-5, 1e-5));
}

// Without a weight that is dropped, the two ways to compute attention agree; with all of them dropped but a few, weights are larger.
TEST(Parity, DropoutOfWeightsKeepsTheMean) {
  nn::MultiheadAttention<8, 2> attention;
  const auto x = given<2, 5, 8>("encoder/x0");
  const auto padding = nn::key_padding(torch_file().get<bool, 2, 5>("padded"));
  const Ref want = ref(attention(x, x, x, nn::causal, padding));
  attention.dropout.p = 1e-7f;
  EXPECT_TRUE(close(ref(attention(x, x, x, padding, nn::causal)), want, 1e-5, 1e-5));
  attention.dropout.p = 0.5f;
  Ref mean = full(want.shape, 0);
  constexpr int runs = 500;
  mu::manual_seed(3);
  for (int i = 0; i < runs; ++i) {
    const Ref y = ref(attention(x, x, x, nn::causal, padding));
    for (std::size_t k = 0; k < y.values.size(); ++k) mean.values[k] += y.values[k] / runs;
  }
  EXPECT_TRUE(close(mean, want, 0.2, 0.1));
  EXPECT_FALSE(close(ref(attention(x, x, x, nn::causal, padding)), want, 1e-3, 1e-3));
  nn::eval(attention);
  EXPECT_TRUE(close(ref(attention(x, x, x, nn::causal, padding)), want, 0, 0));
}

// A sample that is padding alone: 0 by each way to compute it, and gradients that are numbers.
TEST(Parity, AQueryThatSeesNoKeyMixesToZero) {
  nn::MultiheadAttention<8, 2> attention;
  const auto x = mu::variable(given<2, 5, 8>("encoder/x0"));
  const auto padded = mu::from<2, 5>(std::vector<bool>{false, false, true, true, true, true, true, true, true, true});
  const auto expect_zero = [&](const char* way) {
    const auto y = attention(x, x, x, nn::key_padding(padded), nn::causal);
    const Ref got = ref(y.value()), bias = ref(attention.out_proj.bias.value());
    for_each_index({5, 8}, [&](const Index& p) { EXPECT_NEAR(got.at({1, p[0], p[1]}), bias.at({p[1]}), 1e-2) << way; });
    const Ref gradient = ref(mu::grad(y, x));
    for (double g : gradient.values) EXPECT_TRUE(std::isfinite(g)) << way;
  };
  expect_zero("by the op");
  attention.dropout.p = 0.5f;
  expect_zero("with dropout");
  attention.dropout.p = 0;
  const nn::autocast<mu::bf16> narrow;
  expect_zero("narrow");
}

TEST(Transformer, AStackWithinABudgetGivesTheSameBits) {
  std::vector<Encoder> layers(4);  // with dropout
  const auto x = mu::randn<64, 40, 8>();
  const auto gradients = [&](const mu::Traced<float, 64, 40, 8>& y) {
    y.backward();
    std::vector<Ref> out{ref(y)};
    for (const auto& layer : layers)
      for (auto& p : nn::parameters(layer)) out.push_back(ref(p.leaf.grad())), p.leaf.zero_grad();
    return out;
  };
  mu::manual_seed(5);
  mu::Traced<float, 64, 40, 8> y{x};
  for (const auto& layer : layers) y = layer(y);
  const auto want = gradients(y);
  nn::Budgeted stack{{.budget = 2'000'000}};
  (void)stack(layers, x);  // measures
  mu::manual_seed(5);
  const auto got = gradients(stack(layers, x));
  EXPECT_GT(stack.plan().plain, 0) << stack.plan().peak;
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_TRUE(close(got[i], want[i], 0, 0)) << i;
}

// One position after the other, and several at once, give the rows of the whole sequence.
TEST(Transformer, ACacheGivesTheSameRows) {
  GeluEncoder layer = layer_of<GeluEncoder>("encoder_masked", true);
  const auto x = given<2, 5, 8>("encoder/x0");
  const Ref want = ref(layer(x, nn::causal));
  const auto expect_rows = [&](const auto& y, std::int64_t first) {
    const Ref got = ref(y);
    for_each_index(got.shape, [&](const Index& p) { EXPECT_NEAR(got.at(p), want.at({p[0], first + p[1], p[2]}), 1e-5) << p[1]; });
  };
  nn::AttentionCache cache;
  mu::no_grad([&] {
    expect_rows(layer(mu::slice<1, 0, 2>(x), cache), 0);
    nn::AttentionCache other = cache;  // goes on by itself
    expect_rows(layer(mu::slice<1, 2, 3>(x), cache), 2);
    expect_rows(layer(mu::slice<1, 3, 4>(x), cache), 3);
    EXPECT_EQ(cache.size(), 4);
    expect_rows(layer(mu::slice<1, 2, 5>(x), other), 2);
    EXPECT_THROW(layer(mu::slice<0, 0, 1>(mu::slice<1, 4, 5>(x)), cache), mu::ShapeError);
    EXPECT_EQ(cache.size(), 4);
  });
}

}  // namespace
