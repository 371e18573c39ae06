// Layers of sequences: recurrent ones and their cells, one against the other, gradients against differences, lengths that the run knows;
// attention. (Values are compared with PyTorch's in tests/parity.)
#include "mushin/nn/recurrent.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "mushin/nn.hpp"
#include "mushin/tensor/ops/rnn.hpp"
#include "support/files.hpp"
#include "support/gradcheck.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

namespace {

inline constexpr mu::Dim<"batch"> batch;
inline constexpr mu::Dim<"time"> steps;

void share(const nn::Parameters& from, const nn::Parameters& to) {
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].name, to[i].name + "_l0");
    to[i].leaf.alias().set(from[i].leaf.traced().value());
  }
}

/// The layer's outputs and parameters' gradients are those of the cell, step by step. `states`: what the first step begins with.
template <class Layer, class Cell, class... States>
void same_as_steps(const States&... states) {
  const Layer layer;
  const Cell cell;
  share(nn::parameters(layer), nn::parameters(cell));
  const auto x = data<3, 5, 2>(1);
  const auto all = layer(x, mu::unsqueeze<0>(states)...);
  const auto& y = std::get<0>(all);
  mu::sum(y * y).backward();
  auto now = std::tuple{mu::Traced<double, 3, 4>{states}...};
  mu::Traced<double> loss{mu::zeros<double>()};
  for (std::int64_t t = 0; t < 5; ++t) {
    now = std::apply([&](const auto&... s) { return std::tuple{cell(mu::at<1>(x, t), s...)}; }, now);
    EXPECT_TRUE(close(mu::at<1>(y, t).value(), ref(std::get<0>(now).value()), 1e-12)) << t;
    loss = loss + mu::sum(std::get<0>(now) * std::get<0>(now));
  }
  loss.backward();
  EXPECT_TRUE(close(mu::at<0>(std::get<1>(all), 0).value(), ref(std::get<0>(now).value()), 1e-12));
  const auto ours = nn::parameters(layer), theirs = nn::parameters(cell);
  for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_TRUE(close(ref(ours[i].leaf.grad()), ref(theirs[i].leaf.grad()), 1e-10)) << i;
}

}  // namespace

TEST(Recurrent, ALayerIsItsCellStepAfterStep) {
  const auto h = data<3, 4>(2), c = data<3, 4>(3);
  same_as_steps<nn::RNN<2, 4, 1, double>, nn::RNNCell<2, 4, double>>(h);
  same_as_steps<nn::GRU<2, 4, 1, double>, nn::GRUCell<2, 4, double>>(h);
  same_as_steps<nn::LSTM<2, 4, 1, double>, nn::LSTMCell<2, 4, double>>(h, c);
}

TEST(Recurrent, WithoutAStateItBeginsFromZeros) {
  const auto x = data<3, 5, 2>(4);
  const auto zeros = mu::zeros<double, 2, 3, 4>();
  const nn::LSTM<2, 4, 2, double> lstm;
  const nn::GRU<2, 4, 2, double> gru;
  const nn::RNN<2, 4, 2, double> rnn;
  EXPECT_TRUE(close(std::get<2>(lstm(x)), ref(std::get<2>(lstm(x, zeros, zeros))), 1e-14));
  EXPECT_TRUE(close(std::get<1>(gru(x)), ref(std::get<1>(gru(x, zeros))), 1e-14));
  EXPECT_TRUE(close(std::get<1>(rnn(x)), ref(std::get<1>(rnn(x, zeros))), 1e-14));
}

TEST(Recurrent, GradientsOfTheSecondOrder) {
  // Of constants gradcheck wants constants.
  const auto call = []<class... X>(const auto& layer, const X&... x) {
    if constexpr ((mu::Constant<X> && ...))
      return nn::freeze(layer)(x...);
    else
      return layer(x...);
  };
  const nn::LSTMCell<2, 3, double> cell;
  const auto both = [&](const auto&... x) {
    const auto [h, c] = call(cell, x...);
    return mu::concat<0>(h, c);
  };
  EXPECT_TRUE(gradcheck(both, data<2, 2>(5), data<2, 3>(6), data<2, 3>(7)));
  const nn::GRU<2, 2, 1, double> gru;
  EXPECT_TRUE(gradcheck([&](const auto&... x) { return std::get<0>(call(gru, x...)); }, data<1, 3, 2>(8), data<1, 1, 2>(9)));
  const nn::LSTM<2, 2, 1, double, nn::bidirectional> lstm;  // of all results
  const auto all = [&](const auto&... x) {
    const auto [y, h, c] = call(lstm, x...);
    const auto z = mu::concat<0>(mu::reshape<12>(y), mu::reshape<4>(h), mu::reshape<4>(c));
    return z * z;  // so that the cotangents depend on x as well
  };
  EXPECT_TRUE(gradcheck(all, data<1, 3, 2>(11), data<2, 1, 2>(12), data<2, 1, 2>(13)));
}

TEST(Recurrent, BothWaysAreALayerForwardAndOneOfTheSequenceTurnedAround) {
  const nn::GRU<2, 4, 1, double, nn::bidirectional> both;
  nn::GRU<2, 4, 1, double> forward, back;
  const auto all = nn::parameters(both), first = nn::parameters(forward), second = nn::parameters(back);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(all[4 + i].name, second[i].name + "_reverse");
    first[i].leaf.alias().set(all[i].leaf.traced().value());
    second[i].leaf.alias().set(all[4 + i].leaf.traced().value());
  }
  EXPECT_TRUE(equal(both.weight_hh<0, true>(), ref(back.weight_hh())));
  const auto x = data<3, 5, 2>(14);
  const auto [y, h] = both(x);
  static_assert(std::same_as<decltype(y), const mu::Traced<double, 3, 5, 8>>);
  static_assert(std::same_as<decltype(h), const mu::Traced<double, 2, 3, 4>>);
  const auto [ahead, last] = forward(x);
  const auto [turned, first_state] = back(mu::flip<1>(x));
  EXPECT_TRUE(close(y, ref(mu::concat<2>(ahead, mu::flip<1>(turned))), 1e-14));
  EXPECT_TRUE(close(h, ref(mu::concat<0>(last, first_state)), 1e-14));
}

TEST(Recurrent, BetweenLayersSomeIsLeftOutWhileTraining) {
  nn::RNN<2, 64, 2> rnn;
  const auto x = mu::randn<3, 5, 2>();
  const auto plain = ref(std::get<0>(rnn(x)));
  rnn.dropout = 0.5f;
  EXPECT_FALSE(equal(std::get<0>(rnn(x)), plain));
  const auto [y, h] = nn::clone(rnn)(x);
  EXPECT_FALSE(equal(y, plain));
  nn::eval(rnn);
  EXPECT_TRUE(equal(std::get<0>(rnn(x)), plain));
  nn::RNN<2, 64> one;  // there is nothing between
  const auto alone = ref(std::get<0>(one(x)));
  one.dropout = 0.5f;
  EXPECT_TRUE(equal(std::get<0>(one(x)), alone));
}

TEST(Recurrent, TheRunMayKnowTheLength) {
  const nn::LSTM<2, 4, 2, double> lstm;
  const auto x = data<3, 7, 2>(10);
  const auto named = mu::from<batch, steps, 2>(ref(x).values, batch = 3, steps = 7);
  const auto [y, h, c] = lstm(named);
  static_assert(std::same_as<decltype(y), const mu::Traced<double, batch, steps, 4>>);
  static_assert(std::same_as<decltype(c), const mu::Traced<double, 2, batch, 4>>);
  EXPECT_TRUE(equal(y, ref(std::get<0>(lstm(x)))));
  const auto begin = lstm(mu::slice<1>(named, 0, 3));  // in two parts, the second from where the first ended
  const auto end = lstm(mu::slice<1>(named, 3, 7), std::get<1>(begin), std::get<2>(begin));
  EXPECT_TRUE(close(std::get<1>(end), ref(h), 1e-14));
  EXPECT_TRUE(close(std::get<2>(end), ref(c), 1e-14));
}

TEST(Recurrent, SizesThatOnlyTheRunKnowsAreChecked) {
  const nn::GRU<2, 4> gru;
  const auto none = mu::zeros<batch, steps, 2>(batch = 3, steps = 0);
  const auto x = mu::zeros<batch, steps, 2>(batch = 3, steps = 2);
  const auto state = mu::zeros<1, batch, 4>(batch = 5);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)gru(none); }), {"[GRU]", "one step at least"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)gru(x, state); }), {"[GRU]", "(1, 5, 4)", "3"}));
  const nn::GRUCell<2, 4> cell;
  const auto before = mu::zeros<batch, 4>(batch = 5);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)cell(mu::at<1>(x, 0), before); }), {"[GRUCell]", "(5, 4)", "3"}));
}

TEST(Recurrent, WhatIsBehindALengthHasNoInfluence) {
  auto values = ref(data<2, 4, 2>(15)).values;
  for (std::size_t i = 4; i < 8; ++i) values[i] = NAN;  // the first sequence has two steps
  const auto x = mu::from<batch, steps, 2>(values, batch = 2, steps = 4);
  const auto lengths = mu::from<batch>(std::vector<std::int64_t>{2, 4}, batch = 2);
  const auto check = [&](const auto& layer) {
    auto leaf = mu::variable(x);
    const auto all = layer(leaf, lengths);
    const auto& y = std::get<0>(all);
    EXPECT_TRUE(equal(mu::slice<1>(mu::slice<0>(y, 0, 1), 2, 4), full({1, 2, 4}, 0)));
    const auto alone = layer(mu::slice<1>(mu::slice<0>(x, 0, 1), 0, 2));
    EXPECT_TRUE(close(mu::slice<1>(mu::slice<0>(y, 0, 1), 0, 2), ref(std::get<0>(alone)), 1e-14));
    (mu::sum(y * y) + mu::sum(std::get<1>(all))).backward();
    EXPECT_TRUE(equal(mu::slice<1>(mu::slice<0>(leaf.grad(), 0, 1), 2, 4), full({1, 2, 2}, 0)));
    for (const auto& p : nn::parameters(layer))
      for (const double g : ref(p.leaf.grad()).values) ASSERT_TRUE(std::isfinite(g)) << p.name;
  };
  check(nn::RNN<2, 2, 1, double, nn::bidirectional>{});
  check(nn::GRU<2, 2, 1, double, nn::bidirectional>{});
  check(nn::LSTM<2, 2, 1, double, nn::bidirectional>{});
  nn::RNN<2, 4, 1, double, nn::direction::forward, nn::nonlinearity::relu> growing;  // its state would be infinite behind the end
  growing.weight_hh().set(mu::fill<double, 4, 4>(1e200));
  growing.bias_hh().set(mu::fill<double, 4>(1e-200));
  const auto brief = mu::from<batch>(std::vector<std::int64_t>{1, 1}, batch = 2);
  mu::sum(std::get<0>(growing(mu::zeros<double, batch, steps, 2>(batch = 2, steps = 4), brief))).backward();
  EXPECT_TRUE(close(growing.weight_hh().grad(), full({4, 4}, 0)));
}

TEST(Recurrent, LengthsOutsideTheStepsAreTold) {
  const nn::LSTM<2, 4> lstm;
  const auto x = mu::zeros<batch, steps, 2>(batch = 2, steps = 3);
  const auto text = [&](std::vector<std::int64_t> lengths) {
    return text_of_error<mu::ShapeError>(
        [&] { (void)lstm(x, mu::from<batch>(lengths, batch = static_cast<std::int64_t>(lengths.size()))); });
  };
  EXPECT_TRUE(has(text({3, 4}), {"[LSTM] a length must be from 1 to the steps of x, which are 3: 4 at (1)"}));
  EXPECT_TRUE(has(text({0, 3}), {"[LSTM]", "0 at (0)"}));
  EXPECT_TRUE(has(text({1, 2, 3}), {"[LSTM]", "(3)"}));
}

TEST(Recurrent, SequencesOfDifferentLengthsHaveGradientsOfTheSecondOrder) {
  const nn::LSTM<2, 2, 1, double, nn::bidirectional> lstm;
  const auto lengths = mu::from<2>(std::vector<std::int64_t>{2, 3});
  const auto all = [&]<class X>(const X& x) {
    const auto [y, h, c] = [&] {
      if constexpr (mu::Constant<X>)
        return nn::freeze(lstm)(x, lengths);
      else
        return lstm(x, lengths);
    }();
    const auto z = mu::concat<0>(mu::reshape<24>(y), mu::reshape<8>(h), mu::reshape<8>(c));
    return z * z;
  };
  EXPECT_TRUE(gradcheck(all, data<2, 3, 2>(16)));
}

TEST(Recurrent, BeginsAsPyTorchDoes) {
  mu::manual_seed(5);
  const nn::LSTM<3, 64, 2> lstm;
  const auto parameters = nn::parameters(lstm);
  ASSERT_EQ(parameters.size(), 8u);
  EXPECT_EQ(parameters[4].name, "weight_ih_l1");
  EXPECT_EQ(ref(lstm.weight_ih<1>()).shape, (std::vector<std::int64_t>{256, 64}));
  EXPECT_TRUE(equal(lstm.bias_hh<1>(), ref(parameters[7].leaf.traced().value())));
  for (const auto& p : parameters) {
    const auto values = ref(p.leaf.traced().value()).values;
    const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
    EXPECT_TRUE(*least >= -0.125 && *least < -0.115) << p.name << *least;
    EXPECT_TRUE(*greatest <= 0.125 && *greatest > 0.115) << p.name << *greatest;
  }
}

TEST(Recurrent, FrozenItRecordsNothingAndACopyIsOfItsOwn) {
  nn::GRU<2, 4, 2> gru;
  const auto x = mu::randn<3, 5, 2>();
  const auto nodes = mu::core::graph_node_count();
  const auto [y, h] = nn::freeze(gru)(x);
  static_assert(std::same_as<decltype(h), const mu::Tensor<float, 2, 3, 4>>);
  EXPECT_EQ(mu::core::graph_node_count(), nodes);
  const auto copy = nn::clone(gru);
  gru.weight_hh<1>().set(mu::zeros<12, 4>());
  EXPECT_TRUE(equal(nn::parameters(gru)[5].leaf.traced().value(), full({12, 4}, 0)));
  EXPECT_TRUE(equal(std::get<0>(copy(x)), ref(y)));
  EXPECT_FALSE(equal(std::get<0>(gru(x)), ref(y)));
}

TEST(Recurrent, ASequenceHasAStep) {
  const auto x = mu::core::full({0, 2, 3}, mu::dtype::f32, 0), square = mu::core::full({3, 3}, mu::dtype::f32, 0);
  EXPECT_TRUE(throws<mu::ShapeError>(
      [&] {
        mu::core::rnn({mu::core::Cell::tanh}, x, square, mu::core::full({2, 3}, mu::dtype::f32, 0), {});
      },
      "[rnn] a sequence must have one step at least: (0, 2, 3)"));
}

TEST(Recurrent, ACapturedPassIsReplayed) {
  const nn::LSTM<2, 4> lstm;
  const auto f = [&](const auto& x) { return std::get<0>(lstm(x)); };
  const auto a = mu::randn<3, 5, 2>(), b = mu::randn<3, 5, 2>();
  auto captured = mu::capture(f, a);
  EXPECT_TRUE(close(captured(b), ref(f(b)), 1e-6));
  const auto g = [&](const auto& x, const auto& lengths) { return std::get<0>(lstm(x, lengths)); };
  const auto some = mu::from<3>(std::vector<std::int64_t>{5, 2, 1}), others = mu::from<3>(std::vector<std::int64_t>{1, 5, 3});
  auto with_lengths = mu::capture(g, a, some);
  EXPECT_TRUE(close(with_lengths(b, others), ref(g(b, others)), 1e-6));
}

TEST(MultiheadAttention, SequencesOfAnyLength) {
  const nn::MultiheadAttention<6, 3> attention;
  const auto x = mu::from<batch, steps, 6>(uniform<float>(33, 48), batch = 2, steps = 4);
  static_assert(std::same_as<decltype(attention(x, x, x)), mu::Traced<float, batch, steps, 6>>);
  const auto all = ref(attention(x, x, x)), causal = ref(attention(x, x, x, nn::causal));
  const auto first = mu::slice<1>(x, 0, 1);  // the first position sees itself alone, the last one all
  const auto alone = ref(attention(first, first, first));
  for (std::int64_t k = 0; k < 6; ++k) {
    EXPECT_NEAR(causal.at({1, 0, k}), alone.at({1, 0, k}), 1e-5);
    EXPECT_NEAR(causal.at({1, 3, k}), all.at({1, 3, k}), 1e-5);
  }
  EXPECT_EQ(nn::parameters(attention)[2].name, "out_proj.weight");
}
