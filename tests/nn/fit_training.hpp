#pragma once
// What the tests of nn::fit train: a small net with all that keeps a state, and ranges of batches.
#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <memory>
#include <span>
#include <vector>

#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;

struct FitNet {
  nn::Linear<4, 16> fc1;
  nn::BatchNorm1d<16> norm;
  nn::Dropout drop{0.25f};
  nn::Linear<16, 3> fc2;
  auto operator()(const auto& x) const { return fc2(drop(nn::relu(norm(fc1(x))))); }
  MUSHIN_MODULE(FitNet, fc1, norm, drop, fc2)
};
struct OtherNet {
  nn::Linear<4, 8> fc1;
  nn::Linear<8, 3> fc2;
  auto operator()(const auto& x) const { return fc2(nn::relu(fc1(x))); }
  MUSHIN_MODULE(OtherNet, fc1, fc2)
};

namespace mushin::test {

inline constexpr auto entropy = [](const auto& p, const auto& y) { return nn::cross_entropy(p, y); };

using Inputs = mu::Tensor<float, 40, 4>;
using Labels = mu::Tensor<std::int64_t, 40>;
inline Inputs inputs() {
  std::vector<float> x(160);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i * i % 97));
  return mu::from<40, 4>(std::span<const float>(x));
}
/// The class is told by the first three features.
inline Labels labels() { return mu::argmax<1>(mu::slice<1, 0, 3>(inputs())); }

/// A loader that cannot tell where it is.
template <class Loader>
struct Mute {
  Loader& loader;
  auto begin() { return loader.begin(); }
  auto end() { return loader.end(); }
};

/// All that a run is made of (SGD with a range that cannot be restored), begun from one seed. Six batches of seven samples, the last of
/// five.
struct Training {
  data::Tensors<Inputs, Labels> set{inputs(), labels()};
  FitNet net;
  std::unique_ptr<nn::Optimizer> opt;
  std::unique_ptr<nn::Schedule> schedule;
  std::unique_ptr<nn::GradScaler> scaler;
  std::unique_ptr<data::Loader<data::Tensors<Inputs, Labels>>> batches;
  bool mute;

  explicit Training(bool adam = true) : Training(adam, (mu::manual_seed(3), 0)) {}

  nn::History fit(const std::string& folder, std::int64_t epochs, int interrupt_at = -1, nn::Each each = nn::Each::epoch,
                  std::int64_t checkpoint_steps = 0) {
    int calls = 0;
    const auto loss = [&](const auto& p, const auto& y) {
      if constexpr (!mu::Constant<std::remove_cvref_t<decltype(p)>>)
        if (calls++ == interrupt_at) ::raise(SIGINT);
      return nn::cross_entropy(p, y);
    };
    return mute ? run(Mute<data::Loader<data::Tensors<Inputs, Labels>>>{*batches}, loss, folder, epochs, each, checkpoint_steps)
                : run(*batches, loss, folder, epochs, each, checkpoint_steps);
  }
  template <class Batches, class Loss>
  nn::History run(Batches&& from, const Loss& loss, const std::string& folder, std::int64_t epochs, nn::Each each,
                  std::int64_t checkpoint_steps) {
    data::Loader validation(set, {.batch = 16});
    return nn::fit(net, from, loss, *opt,
                   {.epochs = epochs,
                    .validate = validation,
                    .metrics = {{"accuracy", nn::accuracy}},
                    .checkpoint = folder,
                    .checkpoint_steps = checkpoint_steps,
                    .resume = !folder.empty(),
                    .schedule = schedule.get(),
                    .schedule_each = each,
                    .scaler = scaler.get(),
                    .clip_norm = 1});
  }

 private:
  Training(bool adam, int) : mute(!adam) {
    if (adam)
      opt = std::make_unique<nn::Adam>(nn::parameters(net), nn::AdamOptions{.lr = 0.01});
    else
      opt = std::make_unique<nn::SGD>(nn::parameters(net), nn::SGDOptions{.lr = 0.05, .momentum = 0.9});
    schedule = std::make_unique<nn::ExponentialLR>(*opt, nn::ExponentialLROptions{.gamma = 0.8});
    batches = std::make_unique<data::Loader<data::Tensors<Inputs, Labels>>>(set, data::LoaderOptions{.batch = 7, .shuffle = true});
  }
};

/// The bytes of each parameter, buffer, of the optimiser, the scaler, and of the next random numbers.
inline std::vector<std::vector<unsigned char>> bits(const Training& t) {
  std::vector<std::vector<unsigned char>> out;
  const auto add = [&out](const mu::core::Array& a) {
    out.emplace_back(static_cast<std::size_t>(a.sizes().count()) * mu::bytes_of(a.type()));
    mu::core::read_all(a, out.back().data());
  };
  for (const auto& p : nn::state(t.net)) add(p.leaf.traced().value());
  for (const auto& e : t.opt->state_dict()) add(e.value);
  if (t.scaler)
    for (const auto& e : t.scaler->state_dict()) add(e.value);
  add(mu::randu<8>().raw());
  return out;
}
inline void expect_same(const nn::History& a, const nn::History& b) {
  ASSERT_EQ(a.epochs.size(), b.epochs.size());
  for (std::size_t i = 0; i < a.epochs.size(); ++i) {
    EXPECT_EQ(a.epochs[i].epoch, b.epochs[i].epoch);
    EXPECT_EQ(a.epochs[i].steps, b.epochs[i].steps);
    EXPECT_EQ(a.epochs[i].loss, b.epochs[i].loss);
    EXPECT_EQ(a.epochs[i].validation_loss, b.epochs[i].validation_loss);
    EXPECT_EQ(a.epochs[i].metrics, b.epochs[i].metrics);
    EXPECT_EQ(a.epochs[i].lr, b.epochs[i].lr);
    EXPECT_EQ(a.epochs[i].skipped, b.epochs[i].skipped);
  }
  EXPECT_EQ(a.best, b.best);
}

/// A vector of batches of one linear problem: y = 2 x.
inline auto line_batches() {
  const auto x = mu::tensor<3, 1>({1, 2, 3}).refine<mu::batch, 1>();
  return std::vector{std::tuple{x, 2.0f * x}, std::tuple{-x, -2.0f * x}};
}

/// A place as a loader tells it.
struct Told {
  std::int64_t number = 0;
  Told() = default;
  explicit Told(const mu::Tensor<std::int64_t, 1>& t) : number(t(0)) {
    if (number > 1000) throw mu::ShapeError("[Told] not so far");
  }
  mu::Tensor<std::int64_t, 1> tensor() const { return mu::fill<std::int64_t, 1>(number); }
};

/// Batches of x = 1, 2, … for ever, four an epoch: where it is can be told and set.
template <class State>
struct Counting {
  State at{};
  std::int64_t begun = 0;

  struct End {};
  struct Iterator {
    Counting* range;
    std::int64_t left;
    auto operator*() const {
      const auto x = mu::fill<mu::batch, 1>(static_cast<float>(range->number()) / 10, mu::batch = 2);
      return std::tuple{x, 2.0f * x};
    }
    Iterator& operator++() {
      range->number(range->number() + 1), --left;
      return *this;
    }
    bool operator==(End) const { return left == 0; }
  };
  Iterator begin() { return (++begun, Iterator{this, 4 - number() % 4}); }
  End end() const { return {}; }
  State state() const {
    Counting next = *this;
    next.number(number() + 1);  // asked within an epoch, the batch that is out counts as given
    return number() % 4 == 0 ? at : next.at;
  }
  void restore(const State& to) { at = to; }

  std::int64_t number() const {
    if constexpr (std::same_as<State, std::int64_t>)
      return at;
    else if constexpr (std::same_as<State, Told>)
      return at.number;
    else
      return at.empty() ? 0 : mu::Tensor<std::int64_t>{at[0].value}.item();
  }
  void number(std::int64_t n) {
    if constexpr (std::same_as<State, std::int64_t>)
      at = n;
    else if constexpr (std::same_as<State, Told>)
      at.number = n;
    else
      at = {{"number", mu::fill<std::int64_t>(n).raw()}};
  }
};

}  // namespace mushin::test
