// Activations and losses, and their gradients, against PyTorch.
#include <gtest/gtest.h>

#include "reference.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
using namespace mushin::test;

namespace {

void activation(const std::string& name, auto f) {
  SCOPED_TRACE(name);
  const auto x = mu::variable(given<4, 6>("activations/x"));
  const auto y = f(x);
  constexpr auto shape = decltype(y)::extents;
  const auto g = given<4, 6>("activations/g");
  y.backward(mu::slice<0, 0, shape[0].size>(mu::slice<1, 0, shape[1].size>(g)));
  EXPECT_TRUE(as_torch(y, name + "/y"));
  EXPECT_TRUE(as_torch(x.grad(), name + "/dx"));
  EXPECT_TRUE(equal(f(x.value()), ref(y))) << "of a constant";
}

/// Of those variables of which the file has what comes out.
void ten_steps_of_values(const std::string& name, auto backward, const auto&... x) {
  nn::Parameters all;
  int i = 0;
  const auto stepped = [&](int k) { return torch_has(name + "/ten_" + std::to_string(k)); };
  (
      [&] {
        if (stepped(i++)) all.push_back({"", x.leaf().alias()});
      }(),
      ...);
  ten_steps(std::move(all), 0.5, backward);
  i = 0;
  const auto check = [&](const auto& v, int k) {
    if (stepped(k)) {
      EXPECT_TRUE(as_torch(v, name + "/ten_" + std::to_string(k), 1e-4, 1e-5));
    }
  };
  (check(x, i++), ...);
}

/// `f` is a loss as the function `f<R>(variables…)`.
template <class F, class... X>
void loss(const std::string& name, F f, const X&... inputs) {
  SCOPED_TRACE(name);
  const std::tuple variables{mu::variable(inputs)...};
  std::apply(
      [&](const auto&... x) {
        const auto mean = f.template operator()<nn::Reduction::mean>(x...);
        mean.backward();
        EXPECT_TRUE(as_torch(mean, name + "/mean"));
        EXPECT_TRUE(as_torch(f.template operator()<nn::Reduction::sum>(inputs...), name + "/sum"));
        EXPECT_TRUE(as_torch(f.template operator()<nn::Reduction::none>(inputs...), name + "/none"));
        int i = 0;
        ([&] { EXPECT_TRUE(as_torch(x.grad(), name + "/d" + std::to_string(i++), 1e-4)); }(), ...);
        if (!torch_has(name + "/ten_x"))
          ten_steps_of_values(
              name, [&] { f.template operator()<nn::Reduction::mean>(x...).backward(); }, x...);
      },
      variables);
}

#define LOSS(...) []<nn::Reduction R>(const auto& a) { return __VA_ARGS__; }
#define LOSS2(...) []<nn::Reduction R>(const auto& a, const auto& b) { return __VA_ARGS__; }
#define LOSS3(...) []<nn::Reduction R>(const auto& a, const auto& b, const auto& c) { return __VA_ARGS__; }

}  // namespace

TEST(Parity, Activations) {
  activation("relu", nn::Relu{});
  activation("leaky_relu", nn::LeakyRelu{});
  activation("leaky_relu_2", nn::LeakyRelu{0.2});
  activation("elu", nn::Elu{});
  activation("elu_2", nn::Elu{1.5});
  activation("selu", nn::Selu{});
  activation("gelu", nn::Gelu{});
  activation("gelu_tanh", nn::Gelu{nn::GeluForm::tanh});
  activation("silu", nn::Silu{});
  activation("softplus", nn::Softplus{});
  activation("softplus_2", nn::Softplus{2, 5});
  activation("hardswish", nn::Hardswish{});
  activation("mish", nn::Mish{});
  activation("tanh", nn::Tanh{});
  activation("sigmoid", nn::Sigmoid{});
  activation("softmax_0", nn::Softmax<0>{});
  activation("softmax_1", nn::Softmax<>{});
  activation("log_softmax_0", nn::LogSoftmax<0>{});
  activation("log_softmax_1", nn::LogSoftmax<>{});
  activation("glu_0", nn::Glu<0>{});
  activation("glu_1", nn::Glu<>{});
}

TEST(Parity, LossesOfElements) {
  const auto p = given<5, 4>("losses/p"), y = given<5, 4>("losses/y");
  loss("mse", LOSS2(nn::mse<R>(a, b)), p, y);
  loss("l1", LOSS2(nn::l1<R>(a, b)), p, y);
  loss("smooth_l1", LOSS2(nn::smooth_l1<R>(a, b)), p, y);
  loss("smooth_l1_2", LOSS2(nn::smooth_l1<R>(a, b, 0.5)), p, y);
  loss("smooth_l1_0", LOSS2(nn::smooth_l1<R>(a, b, 0)), p, y);
  loss("huber", LOSS2(nn::huber<R>(a, b)), p, y);
  loss("huber_2", LOSS2(nn::huber<R>(a, b, 0.7)), p, y);
  loss("hinge_embedding", LOSS(nn::hinge_embedding<R>(a, given<5, 4>("losses/signs"), 1.2)), p);
}

TEST(Parity, LossesOfProbabilities) {
  const auto p = given<5, 4>("losses/p"), y = given<5, 4>("losses/y"), t = given<5, 4>("losses/t"), logits = given<5, 4>("losses/logits");
  loss("bce", LOSS(nn::bce<R>(a, given<5, 4>("losses/t"))), given<5, 4>("losses/q"));
  const auto x = mu::variable(given<5, 4>("bce/ten_x"));  // probabilities that steps do not leave
  ten_steps_of_values(
      "bce", [&] { nn::bce(mu::sigmoid(x), t).backward(); }, x);
  loss("bce_with_logits", LOSS2(nn::bce_with_logits<R>(a, b)), logits, t);
  loss("bce_with_logits_2", LOSS2(nn::bce_with_logits<R>(a, b, given<4>("losses/pos_weight"))), logits, t);
  loss("kl_div", LOSS(nn::kl_div<R>(a, given<5, 4>("losses/t"))), nn::log_softmax<1>(p));
  loss("kl_div_2", LOSS2(nn::kl_div<R>(a, b, nn::log_target)), nn::log_softmax<1>(p), nn::log_softmax<1>(y));
}

TEST(Parity, LossesOfRows) {
  const auto p = given<5, 4>("losses/p"), y = given<5, 4>("losses/y"), n = given<5, 4>("losses/n");
  loss("cosine_embedding", LOSS2(nn::cosine_embedding<R>(a, b, given_labels<5>("losses/rows"), 0.1)), p, y);
  loss("triplet", LOSS3(nn::triplet<R>(a, b, c, {.margin = 0.8})), p, y, n);
  loss("triplet_2", LOSS3(nn::triplet<R>(a, b, c, {.margin = 1.5, .swap = true})), p, y, n);
}

TEST(Parity, LossesOfClasses) {
  const auto p = given<5, 4>("losses/p");
  static const auto labels = given_labels<5>("losses/labels"), some = given_labels<5>("losses/some");
  static const auto weight = given<4>("losses/weight");
  loss("cross_entropy", LOSS(nn::cross_entropy<R>(a, labels)), p);
  loss("cross_entropy_weights", LOSS(nn::cross_entropy<R>(a, labels, weight)), p);
  loss("cross_entropy_smooth", LOSS(nn::cross_entropy<R>(a, labels, {.label_smoothing = 0.2})), p);
  loss("cross_entropy_smooth_weights", LOSS(nn::cross_entropy<R>(a, labels, weight, {.label_smoothing = 0.2})), p);
  loss("cross_entropy_ignore", LOSS(nn::cross_entropy<R>(a, some, {.ignore_index = 7})), p);
  loss("cross_entropy_all", LOSS(nn::cross_entropy<R>(a, some, weight, {.label_smoothing = 0.1, .ignore_index = 7})), p);
  loss("nll_plain", LOSS(nn::nll<R>(a, labels)), nn::log_softmax<1>(p));
  loss("nll", LOSS(nn::nll<R>(a, some, weight, {.ignore_index = 7})), nn::log_softmax<1>(p));
}
