// Losses against double-precision loops: values, reductions, gradients, and what they refuse.
#include "mushin/nn/losses.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/gradcheck.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

namespace {

inline constexpr mu::Dim<"batch"> batch;

constexpr std::int64_t rows = 6, classes = 5;
mu::Tensor<float, batch, 5> logits() { return mu::from<batch, 5>(uniform(1, rows * classes, -3, 3), batch = rows); }
mu::Tensor<std::int64_t, batch> labels() { return mu::from<batch>(integers(2, rows, classes), batch = rows); }

/// -log softmax(logits)[label], one a row.
Ref row_losses(const Ref& x, const Ref& y) {
  const Ref p = softmax(x, 1);
  return generate({x.shape[0]}, [&](const Index& i) { return -std::log(p.at({i[0], static_cast<std::int64_t>(y.at(i))})); });
}
/// softmax - one_hot: the gradient of the summed losses.
Ref row_gradients(const Ref& x, const Ref& y) {
  const Ref p = softmax(x, 1);
  return generate(x.shape, [&](const Index& i) { return p.at(i) - (i[1] == static_cast<std::int64_t>(y.at({i[0]}))); });
}

}  // namespace

TEST(Mse, EachReduction) {
  const auto p = mu::from<batch, 3>(uniform(3, 12), batch = 4), y = mu::from<batch, 3>(uniform(4, 12), batch = 4);
  const auto each = map(ref(p), ref(y), [](double a, double b) { return (a - b) * (a - b); });
  static_assert(std::same_as<decltype(nn::mse(p, y)), mu::Tensor<float>>);
  static_assert(std::same_as<decltype(nn::mse<nn::Reduction::none>(p, y)), mu::Tensor<float, batch, 3>>);
  EXPECT_TRUE(close(nn::mse(p, y), mean(each)));
  EXPECT_TRUE(close(nn::mse<nn::Reduction::sum>(p, y), sum(each)));
  EXPECT_TRUE(close(nn::mse<nn::Reduction::none>(p, y), each));
}

TEST(Mse, GradientsOfBothSides) {
  const auto p = mu::variable(mu::from<4, 3>(uniform(3, 12))), y = mu::variable(mu::from<4, 3>(uniform(4, 12)));
  const auto loss = nn::mse(p, y);
  static_assert(std::same_as<decltype(nn::mse(p, y)), mu::Traced<float>>);
  loss.backward();
  EXPECT_TRUE(close(p.grad(), map(ref(p), ref(y), [](double a, double b) { return 2 * (a - b) / 12; })));
  EXPECT_TRUE(close(y.grad(), map(ref(p), ref(y), [](double a, double b) { return 2 * (b - a) / 12; })));
}

TEST(Mse, OfScalars) {
  EXPECT_FLOAT_EQ(nn::mse(mu::fill(3.0f), mu::fill(1.0f)).item(), 4.0f);
  EXPECT_FLOAT_EQ(nn::mse<nn::Reduction::none>(mu::fill(3.0f), mu::fill(1.0f)).item(), 4.0f);
}

TEST(Mse, SizesThatOnlyTheRunKnows) {
  const auto a = mu::zeros<batch, 2>(batch = 3), b = mu::zeros<batch, 2>(batch = 1);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)nn::mse(a, b); }), {"[mse]", "axis 0 has 3 and 1"}));
}

TEST(CrossEntropy, EachReduction) {
  const auto x = logits();
  const auto y = labels();
  static_assert(std::same_as<decltype(nn::cross_entropy(x, y)), mu::Tensor<float>>);
  static_assert(std::same_as<decltype(nn::cross_entropy<nn::Reduction::none>(x, y)), mu::Tensor<float, batch>>);
  const auto each = row_losses(ref(x), ref(y));
  EXPECT_TRUE(close(nn::cross_entropy(x, y), mean(each)));
  EXPECT_TRUE(close(nn::cross_entropy<nn::Reduction::sum>(x, y), sum(each)));
  EXPECT_TRUE(close(nn::cross_entropy<nn::Reduction::none>(x, y), each));
}

TEST(CrossEntropy, GradientIsSoftmaxMinusOneHot) {
  const auto x = mu::variable(logits());
  const auto y = labels();
  nn::cross_entropy(x, y).backward();
  EXPECT_TRUE(close(x.grad(), map(row_gradients(ref(x), ref(y)), [](double g) { return g / rows; })));

  const auto each = mu::variable(logits());
  const auto weights = mu::from<batch>(uniform(5, rows), batch = rows);
  nn::cross_entropy<nn::Reduction::none>(each, y).backward(weights);
  const auto column = Ref{{rows, 1}, ref(weights).values};
  EXPECT_TRUE(close(each.grad(), map(row_gradients(ref(x), ref(y)), column, [](double g, double w) { return g * w; })));
}

TEST(CrossEntropy, SurvivesLogitsOfAnySize) {
  const auto x = mu::tensor<2, 3>({1000, 0, -1000, -1e30f, 0, 1e30f});
  const auto y = mu::tensor<std::int64_t, 2>({0, 2});
  EXPECT_EQ(nn::cross_entropy(x, y).item(), 0.0f);
}

TEST(CrossEntropy, TakesAnyLeadingAxes) {
  const auto x = mu::from<2, 3, 5>(uniform(1, 30, -3, 3));
  const auto y = mu::from<2, 3>(integers(2, 6, 5));
  const auto each = row_losses(Ref{{6, 5}, ref(x).values}, Ref{{6}, ref(y).values});
  EXPECT_TRUE(close(nn::cross_entropy<nn::Reduction::none>(x, y), Ref{{2, 3}, each.values}));
  EXPECT_TRUE(
      close(nn::cross_entropy(mu::tensor<3>({1, 2, 3}), mu::fill<std::int64_t>(2)), Ref{{}, {std::log(1 + std::exp(-1) + std::exp(-2))}}));
}

/// What a loss is told of a label: by the call, or on a device with memory of its own by what waits, which knows the index alone.
template <class Loss>
testing::AssertionResult names_label(Loss loss, const char* op, int label, int position, int extent) {
  const mu::Device device = mu::default_device();
  const std::string text = text_of_error<mu::ShapeError>([&] {
    const auto kept = loss();
    if (device.host_memory()) return;
    mu::core::evaluate(mu::detail::constant(kept.raw()));
    mu::synchronize(device);
  });
  const std::string of_label = std::to_string(label), of_classes = std::to_string(extent);
  if (!device.host_memory()) return has(text, {of_label + " in an axis of extent " + of_classes});
  return has(text,
             {std::string("[") + op + "]", "label " + of_label + " at position " + std::to_string(position), of_classes + " classes"});
}

TEST(CrossEntropy, ALabelOutOfRangeIsNamed) {
  const auto x = mu::zeros<3, 4>();
  const auto high = mu::tensor<std::int64_t, 3>({0, 4, 1}), low = mu::tensor<std::int64_t, 3>({0, 1, -1});
  EXPECT_TRUE(names_label([&] { return nn::cross_entropy(x, high); }, "cross_entropy", 4, 1, 4));
  EXPECT_TRUE(names_label([&] { return nn::cross_entropy(x, low); }, "cross_entropy", -1, 2, 4));
  EXPECT_TRUE(names_label([&] { return nn::nll(mu::variable(x), high); }, "nll", 4, 1, 4));
  EXPECT_TRUE(names_label([&] { return nn::nll(x, low, mu::ones<4>()); }, "nll", -1, 2, 4));
  EXPECT_TRUE(names_label([&] { return nn::cross_entropy<nn::Reduction::none>(x, high, mu::ones<4>()); }, "cross_entropy", 4, 1, 4));
}

TEST(CrossEntropy, SizesThatOnlyTheRunKnows) {
  const auto x = mu::zeros<batch, 4>(batch = 3);
  const auto y = mu::zeros<std::int64_t, batch>(batch = 2);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)nn::cross_entropy(x, y); }), {"[cross_entropy]", "axis 0 has 3 and 2"}));
}

TEST(CrossEntropy, IgnoredRowsMayHoldAnything) {
  const auto x = mu::variable(mu::tensor<3, 2>({1, 2, INFINITY, 0, 0, 5}));
  const auto loss = nn::cross_entropy(x, mu::tensor<std::int64_t, 3>({0, 9, 1}), {.ignore_index = 9});
  EXPECT_NEAR(loss.value().item(), (std::log1p(std::exp(1.0)) + std::log1p(std::exp(-5.0))) / 2, 1e-6);
}

TEST(CrossEntropy, OptionsThatMakeNoSense) {
  const auto x = mu::zeros<2, 3>();
  const auto y = mu::tensor<std::int64_t, 2>({0, -100});
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)nn::cross_entropy(x, y, {.label_smoothing = 1.5}); }),
                  {"[cross_entropy] label_smoothing must be in [0, 1]: 1.5"}));
  EXPECT_TRUE(names_label([&] { return nn::nll(x, y, {.ignore_index = 0}); }, "nll", -100, 1, 3));
  const auto of_none = [&] { return nn::nll(x, mu::zeros<std::int64_t, 2>(), {.ignore_index = 0}); };
  if (mu::default_device().host_memory())
    EXPECT_TRUE(
        has(text_of_error<mu::ShapeError>([&] { (void)of_none(); }), {"[nll] the mean needs a label that isn't ignored: all 2 are 0"}));
  else
    EXPECT_TRUE(std::isnan(of_none().item()));
}

TEST(Losses, NoElementsHaveNoMean) {
  const auto none = mu::zeros<batch, 3>(batch = 0);
  const auto labels_of_none = mu::zeros<std::int64_t, batch>(batch = 0);
  const auto text = [](auto f) { return text_of_error<mu::ShapeError>(f); };
  EXPECT_TRUE(has(text([&] { (void)nn::mse(none, none); }), {"[mse] the mean needs at least one element", "(0, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce_with_logits(none, none); }), {"[bce_with_logits] the mean needs", "(0, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::cross_entropy(none, labels_of_none); }), {"[cross_entropy] the mean needs", "(0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::nll(none, labels_of_none, mu::ones<3>()); }), {"[nll] the mean needs", "(0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::triplet(none, none, none); }), {"[triplet] the mean needs", "(0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::l1(mu::variable(none), none); }), {"[l1] the mean needs", "(0, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::huber(none, none); }), {"[huber] the mean needs", "(0, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce(none, none); }), {"[bce] the mean needs", "(0, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::kl_div(none, none); }), {"[kl_div] the mean needs", "(0, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::hinge(none, none); }), {"[hinge] the mean needs", "(0, 3)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::cosine_embedding(none, none, labels_of_none); }), {"[cosine_embedding] the mean needs", "(0)"}));
  EXPECT_EQ(nn::mse<nn::Reduction::sum>(none, none).item(), 0.0f);
  EXPECT_EQ(nn::cross_entropy<nn::Reduction::none>(none, labels_of_none).size(), 0);
}

TEST(Losses, ValuesThatMakeNoSenseAreNamed) {
  const auto p = mu::tensor<2, 2>({0, 1, 0.5f, 0.25f}), high = mu::tensor<2, 2>({0, 1, 1.5f, 0}), nan = mu::tensor<2, 2>({0, NAN, 1, 1});
  const auto text = [](auto f) { return text_of_error<mu::ShapeError>(f); };
  EXPECT_TRUE(has(text([&] { (void)nn::bce(high, p); }), {"[bce] a prediction must be in [0, 1]: 1.5 at (1, 0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce(mu::variable(nan), p); }), {"[bce] a prediction must be in [0, 1]: nan at (0, 1)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce(p, nan); }), {"[bce] a target must be in [0, 1]: nan at (0, 1)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce_with_logits(high, -high); }), {"[bce_with_logits] a target must be in [0, 1]: -1 at (0, 1)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce_with_logits(p, nan); }), {"[bce_with_logits] a target must be in [0, 1]: nan at (0, 1)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce_with_logits(p, high, p); }), {"[bce_with_logits] a target must be in [0, 1]: 1.5 at (1, 0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce(-high, p); }), {"[bce] a prediction must be in [0, 1]: -1 at (0, 1)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::bce(p, high); }), {"[bce] a target must be in [0, 1]: 1.5 at (1, 0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::kl_div(p, -p); }), {"[kl_div] a target must not be negative: -1 at (0, 1)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::hinge(p, nan); }), {"[hinge] a target must be 1 or -1: 0 at (0, 0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::kl_div(p, nan); }), {"[kl_div] a target must not be negative: nan at (0, 1)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::hinge(p, p); }), {"[hinge] a target must be 1 or -1: 0 at (0, 0)"}));
  EXPECT_TRUE(has(text([&] { (void)nn::hinge_embedding(p, nan); }), {"[hinge_embedding] a target must be 1 or -1: 0 at (0, 0)"}));
  const auto sides = mu::tensor<std::int64_t, 2>({-1, 2});
  EXPECT_TRUE(has(text([&] { (void)nn::cosine_embedding(p, p, sides); }), {"[cosine_embedding] a target must be 1 or -1: 2 at (1)"}));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)nn::huber(p, p, 0); }), {"[huber] delta must be positive: 0"}));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] { (void)nn::smooth_l1(p, p, -1); }), {"[smooth_l1] beta must not be negative: -1"}));
}

// Those that look at no values: a number that isn't one stays, and in the gradient of its own element alone.
TEST(Losses, ATargetThatIsNoNumberIsSeenInTheLoss) {
  const auto p = mu::variable(mu::tensor<3>({1, 2, 3}));
  const auto y = mu::tensor<3>({1.5f, NAN, 3});
  const auto each = [&](auto loss) {
    const auto z = loss(p, y);
    const auto g = mu::grad(mu::sum(z), p).to_vector();
    return std::isnan(z.value()(1)) && std::isfinite(z.value()(0)) && std::isfinite(g[0]) && std::isfinite(g[2]);
  };
  EXPECT_TRUE(each([](auto& a, auto& b) { return nn::mse<nn::Reduction::none>(a, b); }));
  EXPECT_TRUE(each([](auto& a, auto& b) { return nn::l1<nn::Reduction::none>(a, b); }));
  EXPECT_TRUE(each([](auto& a, auto& b) { return nn::smooth_l1<nn::Reduction::none>(a, b); }));
  EXPECT_TRUE(each([](auto& a, auto& b) { return nn::huber<nn::Reduction::none>(a, b); }));
  EXPECT_TRUE(std::isnan(nn::mse(p, y).value().item()));
}

TEST(Hinge, IsZeroBeyondTheMargin) {
  const auto p = mu::tensor<4>({0.25f, 2, -0.5f, -3}), y = mu::tensor<4>({1, 1, -1, -1});
  EXPECT_TRUE(close(nn::hinge<nn::Reduction::none>(p, y), Ref{{4}, {0.75, 0, 0.5, 0}}));
  EXPECT_TRUE(close(nn::hinge(p, y, 3), Ref{{}, {(2.75 + 1 + 2.5 + 0) / 4}}));
}

TEST(BceWithLogits, KeepsTheDigitsOfItsType) {
  const auto loss = [](double x) { return nn::bce_with_logits(mu::fill<double, 1>(x), mu::ones<double, 1>()).item(); };
  EXPECT_NEAR(loss(-30), 30 + std::log1p(std::exp(-30.0)), 1e-14);
  EXPECT_NEAR(loss(30) / std::exp(-30.0), 1, 1e-12);
  EXPECT_EQ(nn::bce_with_logits(mu::fill<mu::f16, 1>(mu::f16{-200.0f}), mu::ones<mu::f16, 1>()).to<float>().item(), 200.0f);
}

TEST(Losses, GradientsOfTheSecondOrder) {
  const auto smooth = [](const auto& x, const auto& y) {
    return nn::bce<nn::Reduction::none>(mu::sigmoid(x), mu::sigmoid(y)) + nn::bce_with_logits<nn::Reduction::none>(x, mu::sigmoid(y)) +
           nn::kl_div<nn::Reduction::none>(mu::log_softmax<1>(x), mu::softmax<1>(y));
  };
  EXPECT_TRUE(gradcheck(smooth, data<2, 3>(7), data<2, 3>(8)));
  const auto of_rows = [](const auto& x, const auto& y) {
    const auto side = mu::tensor<std::int64_t, 2>({1, -1});
    return nn::cosine_embedding<nn::Reduction::none>(x, y, side, -1) + nn::triplet<nn::Reduction::none>(x, y, y * y, {.margin = 9}) +
           nn::cross_entropy<nn::Reduction::none>(x, mu::tensor<std::int64_t, 2>({2, 0}), {.label_smoothing = 0.3});
  };
  EXPECT_TRUE(gradcheck(of_rows, data<2, 3>(7), data<2, 3>(8)));
}

// The gradient of each row's loss, the weights being one for all: softmax - one_hot, times the row.
TEST(Ctc, GradientsOfTheSecondOrder) {
  const auto labels = mu::from<3, 2>(std::vector<std::int64_t>{1, 1, 2, 0, 1, 2});
  const auto steps = mu::from<3>(std::vector<std::int64_t>{4, 3, 4}), lengths = mu::from<3>(std::vector<std::int64_t>{2, 1, 2});
  const auto x = mu::from<4, 3, 3>(uniform<double>(40, 36, -2, 2));
  const auto loss = [&](const auto& logits) { return nn::ctc<nn::Reduction::none>(nn::log_softmax<2>(logits), labels, steps, lengths); };
  EXPECT_TRUE(gradcheck(loss, x));
  // Of the logarithms as they stand, whether they are normalised or not.
  EXPECT_TRUE(gradcheck([&](const auto& logs) { return nn::ctc(logs, labels, steps, lengths); }, x));
}

TEST(Ctc, WhereNoSpellingFitsTheLossIsInfiniteAndTheGradientZero) {
  const auto x = mu::variable(mu::randn<2, 1, 3>());
  const auto labels = mu::from<1, 2>(std::vector<std::int64_t>{1, 1});  // needs a blank between
  const auto steps = mu::fill<std::int64_t, 1>(2), lengths = mu::fill<std::int64_t, 1>(2);
  const auto loss = nn::ctc(nn::log_softmax<2>(x), labels, steps, lengths);
  EXPECT_EQ(loss.value().item(), HUGE_VALF);
  loss.backward();
  EXPECT_TRUE(equal(x.grad(), full({2, 1, 3}, 0)));
  EXPECT_EQ(nn::ctc(nn::log_softmax<2>(x), labels, steps, lengths, {.zero_infinity = true}).value().item(), 0);
}

TEST(Ctc, LabelsMayStandOneBehindTheOther) {
  const auto logs = nn::log_softmax<2>(mu::from<5, 3, 4>(uniform<double>(41, 60, -2, 2)));
  const auto steps = mu::from<3>(std::vector<std::int64_t>{5, 4, 5}), lengths = mu::from<3>(std::vector<std::int64_t>{2, 0, 3});
  const auto padded = mu::from<3, 3>(std::vector<std::int64_t>{1, 2, 9, 9, 9, 9, 3, 3, 1});
  const auto joined = mu::from<5>(std::vector<std::int64_t>{1, 2, 3, 3, 1});
  const auto loss = [&](const auto& labels, const auto& of) { return nn::ctc<nn::Reduction::none>(logs, labels, steps, of); };
  EXPECT_TRUE(close(loss(joined, lengths), ref(loss(padded, lengths)), 1e-14));
  auto captured = mu::capture([&](const auto& labels, const auto& of) { return loss(labels, of); }, joined, lengths);
  const auto others = mu::from<5>(std::vector<std::int64_t>{3, 2, 1, 1, 2});
  const auto other_lengths = mu::from<3>(std::vector<std::int64_t>{1, 3, 1});
  EXPECT_TRUE(close(captured(others, other_lengths), ref(loss(others, other_lengths)), 1e-14));
  const auto none = mu::zeros<std::int64_t, 0>();
  EXPECT_TRUE(close(loss(none, mu::zeros<std::int64_t, 3>()), ref(loss(padded, mu::zeros<std::int64_t, 3>())), 1e-14));
  const auto text = [&](std::int64_t a, std::int64_t b, std::int64_t label) {
    const auto labels = mu::from<5>(std::vector<std::int64_t>{1, 2, label, 3, 1});
    return text_of_error<mu::ShapeError>([&] { (void)loss(labels, mu::from<3>(std::vector<std::int64_t>{a, 0, b})); });
  };
  EXPECT_TRUE(has(text(2, 2, 3), {"[ctc] the lengths must be those of the labels together: 4 of 5"}));
  EXPECT_TRUE(has(text(6, -1, 3), {"[ctc] a row's length must be from 0 to 5: 6 in row 0"}));
  EXPECT_TRUE(has(text(2, 3, 4), {"[ctc] a label must be a class and not the blank: label 4 at (2, 0), 4 classes, blank 0"}));
}

TEST(Ctc, WhatIsOutOfRangeIsNamed) {
  const auto logs = mu::zeros<4, 2, 3>();
  const auto pair = [](std::int64_t a, std::int64_t b) { return mu::from<2>(std::vector<std::int64_t>{a, b}); };
  const auto text = [&](std::int64_t label, std::int64_t steps, std::int64_t length, std::int64_t blank) {
    const auto labels = mu::from<2, 2>(std::vector<std::int64_t>{1, 2, 2, label});
    return text_of_error<mu::ShapeError>([&] { (void)nn::ctc(logs, labels, pair(4, steps), pair(2, length), {.blank = blank}); });
  };
  EXPECT_TRUE(has(text(3, 4, 2, 0), {"[ctc] a label must be a class and not the blank: label 3 at (1, 1), 3 classes, blank 0"}));
  EXPECT_TRUE(has(text(0, 4, 2, 0), {"[ctc]", "label 0 at (1, 1)"}));
  EXPECT_TRUE(has(text(1, 5, 2, 0), {"[ctc] a row's steps must be from 0 to 4: 5 in row 1"}));
  EXPECT_TRUE(has(text(1, 4, -1, 0), {"[ctc] a row's length must be from 0 to 2: -1 in row 1"}));
  EXPECT_TRUE(has(text(1, 4, 2, 3), {"[ctc] the blank must be a class: blank 3, 3 classes"}));
  EXPECT_NO_THROW((void)nn::ctc(logs, mu::from<2, 2>(std::vector<std::int64_t>{1, 2, 2, 99}), pair(4, 4), pair(2, 1)));
}

TEST(Losses, UnderVmap) {
  const auto x = mu::from<batch, 5>(uniform(1, rows * 5), batch = rows);
  const auto w = mu::eye<double, 5, 5>().to<float>();
  const auto each = mu::vmap([&](const auto& row, const auto& label) {
    return mu::value_and_grad([&](const auto& p) { return nn::cross_entropy(mu::matmul(row, p), label); })(w);
  })(x, labels());
  static_assert(std::same_as<decltype(each.grad), mu::Tensor<float, batch, 5, 5>>);
  const Ref g = row_gradients(ref(x), ref(labels()));
  EXPECT_TRUE(close(each.value, row_losses(ref(x), ref(labels()))));
  EXPECT_TRUE(close(each.grad, generate({rows, 5, 5}, [&](const Index& i) { return ref(x).at({i[0], i[1]}) * g.at({i[0], i[2]}); })));
  const auto squares = mu::vmap([&](const auto& row) {
    return std::tuple{nn::mse(row, mu::zeros<5>()), nn::mse<nn::Reduction::sum>(row, row)};
  })(x);
  EXPECT_TRUE(close(std::get<0>(squares), mean(map(ref(x), [](double v) { return v * v; }), {1})));
  EXPECT_TRUE(close(std::get<1>(squares), full({rows}, 0)));
  EXPECT_TRUE(has(text_of_error<mu::Error>([&] {
                    (void)mu::vmap([](const auto& l, const auto& y) { return nn::cross_entropy(l, y, {.ignore_index = 1}); })(x, labels());
                  }),
                  {"[cross_entropy] inside vmap a mean has neither weights nor an ignore_index"}));
  const auto grid = mu::from<2, 3, 5>(uniform(1, 30, -3, 3));
  const auto of_grid =
      mu::vmap([](const auto& l, const auto& y) { return nn::cross_entropy(l, y); })(grid, mu::from<2, 3>(integers(2, 6, 5)));
  EXPECT_TRUE(close(of_grid, mean(ref(nn::cross_entropy<nn::Reduction::none>(grid, mu::from<2, 3>(integers(2, 6, 5)))), {1})));
}
