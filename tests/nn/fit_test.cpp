// nn::fit: what it learns, what it keeps, and that a resumed run has the bits of one that was never cut off.
#include "mushin/nn/fit.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <sstream>

#include "mushin/nn.hpp"
#include "support/files.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
namespace data = mu::data;
using namespace mushin::test;

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

namespace {

constexpr auto entropy = [](const auto& p, const auto& y) { return nn::cross_entropy(p, y); };

using Inputs = mu::Tensor<float, 40, 4>;
using Labels = mu::Tensor<std::int64_t, 40>;
Inputs inputs() {
  std::vector<float> x(160);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = std::sin(static_cast<float>(i * i % 97));
  return mu::from<40, 4>(std::span<const float>(x));
}
/// The class is told by the first three features.
Labels labels() { return mu::argmax<1>(mu::slice<1, 0, 3>(inputs())); }

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

/// The bytes of each parameter, buffer, of the optimiser, and of the next random numbers.
std::vector<std::vector<unsigned char>> bits(const Training& t) {
  std::vector<std::vector<unsigned char>> out;
  const auto add = [&out](const mu::core::Array& a) {
    out.emplace_back(static_cast<std::size_t>(a.sizes().count()) * mu::bytes_of(a.type()));
    mu::core::read_all(a, out.back().data());
  };
  for (const auto& p : nn::state(t.net)) add(p.leaf.traced().value());
  for (const auto& e : t.opt->state_dict()) add(e.value);
  add(mu::randu<8>().raw());
  return out;
}
void expect_same(const nn::History& a, const nn::History& b) {
  ASSERT_EQ(a.epochs.size(), b.epochs.size());
  for (std::size_t i = 0; i < a.epochs.size(); ++i) {
    EXPECT_EQ(a.epochs[i].epoch, b.epochs[i].epoch);
    EXPECT_EQ(a.epochs[i].steps, b.epochs[i].steps);
    EXPECT_EQ(a.epochs[i].loss, b.epochs[i].loss);
    EXPECT_EQ(a.epochs[i].validation_loss, b.epochs[i].validation_loss);
    EXPECT_EQ(a.epochs[i].metrics, b.epochs[i].metrics);
    EXPECT_EQ(a.epochs[i].lr, b.epochs[i].lr);
  }
  EXPECT_EQ(a.best, b.best);
}

std::string text_of(std::FILE* file) {
  std::rewind(file);
  std::string out;
  for (int c; (c = std::fgetc(file)) != EOF;) out += static_cast<char>(c);
  return out;
}

/// Files may not be longer while one lives, as on a disk that is full.
struct FullDisk {
  rlimit before{};
  void (*handler)(int) = nullptr;
  explicit FullDisk(rlim_t bytes) {
    handler = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    const rlimit little{bytes, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before);
    ::signal(SIGXFSZ, handler);
  }
};

/// A vector of batches of one linear problem: y = 2 x.
auto line_batches() {
  const auto x = mu::tensor<3, 1>({1, 2, 3}).refine<mu::batch, 1>();
  return std::vector{std::tuple{x, 2.0f * x}, std::tuple{-x, -2.0f * x}};
}

}  // namespace

TEST(Fit, LearnsAndTellsWhatEachEpochCameTo) {
  const Folder folder;
  Training t;
  const auto history = t.fit("", 12);
  ASSERT_EQ(history.epochs.size(), 12u);
  EXPECT_EQ(history.end, nn::FitEnd::finished);
  EXPECT_EQ(history.metrics, std::vector<std::string>{"accuracy"});
  EXPECT_EQ(history.epochs[11].epoch, 12);
  EXPECT_EQ(history.epochs[11].steps, 72);
  EXPECT_LT(history.epochs[11].loss, history.epochs[0].loss);
  EXPECT_NEAR(history.epochs[1].lr, 0.008, 1e-9);
  nn::eval(t.net);
  const auto p = nn::freeze(t.net)(inputs());
  EXPECT_NEAR(*history.epochs[11].validation_loss, static_cast<double>(nn::cross_entropy(p, labels()).item()), 1e-5);
  EXPECT_DOUBLE_EQ(history.epochs[11].metrics[0], nn::accuracy(p, labels()));
  EXPECT_GT(history.epochs[11].metrics[0], 0.8);
}

class EachOptimizer : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Fit, EachOptimizer, ::testing::Bool());

TEST_P(EachOptimizer, ResumedBetweenEpochsGivesEqualBits) {
  const Folder folder;
  Training whole(GetParam());
  const auto want = whole.fit("", 3);
  const auto want_bits = bits(whole);
  {
    Training first(GetParam());
    first.fit(folder / "run", 1);
  }
  Training second(GetParam());
  (void)mu::randu<5>();  // the checkpoint's random numbers go on, whatever was drawn here
  const auto got = second.fit(folder / "run", 3);
  expect_same(got, want);
  EXPECT_EQ(bits(second), want_bits);
}

TEST_P(EachOptimizer, InterruptedWithinAnEpochGivesEqualBits) {
  for (const int at : {0, 8, 11}) {  // the first step of all, one within the second epoch, the last of that
    const Folder folder;
    Training whole(GetParam());
    const auto want = whole.fit("", 3, -1, nn::Each::step);
    const auto want_bits = bits(whole);
    {
      Training first(GetParam());
      const auto cut = first.fit(folder / "run", 3, at, nn::Each::step);
      EXPECT_EQ(cut.end, nn::FitEnd::interrupted);
      EXPECT_EQ(cut.epochs.size(), static_cast<std::size_t>((at + 1) / 6));
    }
    Training second(GetParam());
    const auto got = second.fit(folder / "run", 3, -1, nn::Each::step);
    EXPECT_EQ(got.end, nn::FitEnd::finished);
    expect_same(got, want);
    EXPECT_EQ(bits(second), want_bits) << at;
  }
}

TEST(Fit, GoesOnFromTheLastCheckpointAfterAnError) {
  const Folder folder;
  Training whole;
  const auto want = whole.fit("", 2);
  const auto want_bits = bits(whole);
  {
    Training first;
    int calls = 0;
    const auto loss = [&](const auto& p, const auto& y) {
      if (calls++ == 9) throw std::runtime_error("the machine stops");
      return nn::cross_entropy(p, y);
    };
    const auto text = text_of_error<std::runtime_error>([&] {
      nn::fit(first.net, *first.batches, loss, *first.opt,
              {.epochs = 2, .checkpoint = folder / "run", .checkpoint_steps = 4, .schedule = first.schedule.get(), .clip_norm = 1});
    });
    EXPECT_EQ(text, "the machine stops");
  }
  // The checkpoint of step 8 is of a training without metrics: what it has of them differs, and is told.
  Training second;
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { second.fit(folder / "run", 2); }),
                  {"[fit] the checkpoint must be of this training", "last.safetensors", "metrics: 6 columns of numbers, wanted 7"}));
  int calls = 0;
  const auto counted = [&](const auto& p, const auto& y) { return (++calls, nn::cross_entropy(p, y)); };
  const auto got = nn::fit(second.net, *second.batches, counted, *second.opt,
                           {.epochs = 2, .checkpoint = folder / "run", .resume = true, .schedule = second.schedule.get(), .clip_norm = 1});
  EXPECT_EQ(calls, 12 - 8);
  EXPECT_EQ(got.epochs[1].loss, want.epochs[1].loss);
  EXPECT_EQ(bits(second), want_bits);
}

TEST(Fit, ALoaderOfAnotherKindIsTold) {
  const Folder folder;
  Training t;
  t.fit(folder / "run", 1);
  const auto before = bits(t);
  t.batches = std::make_unique<data::Loader<data::Tensors<Inputs, Labels>>>(t.set, data::LoaderOptions{.batch = 8, .shuffle = true});
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { t.fit(folder / "run", 2); }),
          {"[fit] the checkpoint must be of this training", "batches: [Loader] a state must be of a loader like this one", ".batch = 7"}));
  EXPECT_EQ(bits(t).front(), before.front());
}

TEST(Fit, EveryDifferenceOfACheckpointIsInOneError) {
  const Folder folder;
  Training t;
  t.fit(folder / "run", 1);
  OtherNet other;
  nn::SGD opt{nn::parameters(other), {.lr = 0.1}};
  const auto before = ref(other.fc1.weight);
  const auto text = text_of_error<mu::FileError>(
      [&] { nn::fit(other, *t.batches, entropy, opt, {.epochs = 2, .checkpoint = folder / "run", .resume = true}); });
  EXPECT_TRUE(has(text, {"[fit] the checkpoint must be of this training", "last.safetensors",
                         "module: ", "extra norm.running_mean F32 (16)", "fc1.weight is F32 (16, 4), wanted F32 (8, 4)",
                         "optimiser: ", "extra param_groups.0.beta1_power F64 ()", "metrics: 7 columns"}));
  EXPECT_TRUE(equal(other.fc1.weight, before));
  nn::save(other, folder / "run/last.safetensors");
  EXPECT_TRUE(has(text_of_error<mu::FileError>(
                      [&] { nn::fit(other, *t.batches, entropy, opt, {.epochs = 2, .checkpoint = folder / "run", .resume = true}); }),
                  {"[fit] not a checkpoint of nn::fit"}));
}

TEST(Fit, AModuleIsLoadedFromACheckpointAlone) {
  const Folder folder;
  Training t;
  const auto history = t.fit(folder / "run", 3);
  FitNet best;
  nn::load(best, folder / "run/best.safetensors");
  nn::eval(best);
  EXPECT_NEAR(static_cast<double>(nn::cross_entropy(nn::freeze(best)(inputs()), labels()).item()),
              *history.epochs[static_cast<std::size_t>(history.best - 1)].validation_loss, 1e-5);
  OtherNet other;
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { nn::load(other, folder / "run/best.safetensors"); }),
                  {"[load] the file must hold exactly", "extra norm.weight F32 (16)"}));
}

TEST(Fit, AFullDiskLeavesTheCheckpointBefore) {
  const Folder folder;
  Training t;
  t.fit(folder / "run", 1);
  const auto last = bytes_of_file(folder / "run/last.safetensors"), best = bytes_of_file(folder / "run/best.safetensors");
  const FullDisk full(512);
  const auto text = text_of_error<mu::FileError>([&] { t.fit(folder / "run", 2); });
  EXPECT_TRUE(has(text, {"[save_safetensors] cannot write", "safetensors", "File too large"}));
  EXPECT_EQ(bytes_of_file(folder / "run/last.safetensors"), last);
  EXPECT_EQ(bytes_of_file(folder / "run/best.safetensors"), best);
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { t.fit("/proc/no/such", 1); }), {"[fit] cannot make the folder: /proc/no/such"}));
}

TEST(Fit, InterruptsAreItsOwnOnlyWhileItRuns) {
  static int caught;
  caught = 0;
  const auto before = ::signal(SIGINT, [](int) { ++caught; });
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  int steps = 0;
  const auto loss = [&](const auto& p, const auto& y) {
    if (++steps == 2) ::raise(SIGINT);
    if (steps == 5) ::raise(SIGINT), ::raise(SIGINT);  // the second one is another's
    return nn::mse(p, y);
  };
  auto batches = line_batches();
  steps = -2;
  auto history = nn::fit(net, batches, loss, opt, {.epochs = 1});
  ::raise(SIGINT);
  EXPECT_EQ(std::exchange(caught, 0), 1);
  history = nn::fit(net, batches, loss, opt, {.epochs = 3});
  EXPECT_EQ(history.end, nn::FitEnd::interrupted);
  EXPECT_EQ(history.epochs.size(), 1u);
  EXPECT_EQ(steps, 2);
  EXPECT_EQ(caught, 0);
  ::raise(SIGINT);
  EXPECT_EQ(caught, 1);
  history = nn::fit(net, batches, loss, opt, {.epochs = 3});
  EXPECT_EQ(history.end, nn::FitEnd::interrupted);
  EXPECT_EQ(steps, 5);
  EXPECT_EQ(caught, 2);
  steps = 0;
  history = nn::fit(net, batches, loss, opt, {.epochs = 1, .interruptible = false});
  EXPECT_EQ(history.end, nn::FitEnd::finished);
  EXPECT_EQ(caught, 3);
  // From a function of the user's, between epochs.
  history = nn::fit(net, batches, [](const auto& p, const auto& y) { return nn::mse(p, y); }, opt,
                    {.epochs = 3, .on_epoch = [](const nn::EpochRecord&) { ::raise(SIGINT); }});
  EXPECT_EQ(history.epochs.size(), 1u);
  EXPECT_EQ(caught, 3);
  ::signal(SIGINT, before);
}

TEST(Fit, StopsEarlyAndKeepsTheBest) {
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0}};
  auto batches = line_batches();
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  const std::vector<double> script{5, 4, 3.9, 3.8, 3.85, 1};
  std::size_t at = 0;
  const auto told = [&](const auto&, const auto&) { return script[at++ / 2]; };  // two batches an epoch
  const auto run = [&](nn::EarlyStop stop, bool maximize) {
    at = 0;
    return nn::fit(
        net, batches, mse, opt,
        {.epochs = 6, .validate = batches, .metrics = {{"told", told}}, .early_stop = stop, .monitor = "told", .maximize = maximize});
  };
  auto history = run({.patience = 2, .min_delta = 0.5}, false);
  EXPECT_EQ(history.end, nn::FitEnd::stopped_early);
  EXPECT_EQ(history.epochs.size(), 4u);
  EXPECT_EQ(history.best, 4);
  history = run({.patience = 1}, false);
  EXPECT_EQ(history.epochs.size(), 5u);
  history = run({.patience = 2}, false);
  EXPECT_EQ(history.end, nn::FitEnd::finished);
  EXPECT_EQ(history.best, 6);
  history = run({.patience = 3}, true);
  EXPECT_EQ(history.epochs.size(), 4u);
  EXPECT_EQ(history.best, 1);
}

TEST(Fit, ALossThatIsNotFiniteIsToldAndChangesNothing) {
  Training t;
  int calls = 0;
  std::vector<std::vector<unsigned char>> before;
  const auto loss = [&](const auto& p, const auto& y) {
    const auto l = nn::cross_entropy(p, y);
    return ++calls == 9 ? l * NAN : l * 1.0f;
  };
  nn::History seen;
  const auto text = text_of_error<mu::Error>([&] { nn::fit(t.net, *t.batches, loss, *t.opt, {.epochs = 3}); });
  EXPECT_EQ(text, "[fit] the loss must be finite: nan in epoch 2, step 3 of it");
  // The same, but for the step that failed.
  const auto got = bits(t);
  Training same;
  calls = -1000;
  int steps = 0;
  const auto stopping = [&](const auto& p, const auto& y) {
    if (++steps == 8) ::raise(SIGINT);
    return loss(p, y);
  };
  nn::fit(same.net, *same.batches, stopping, *same.opt, {.epochs = 3});
  EXPECT_EQ(got, bits(same));
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

template <class State>
void expect_restored() {
  const Folder folder;
  const auto run = [&](std::int64_t epochs, int interrupt_at, const std::string& to) {
    mu::manual_seed(1);
    nn::Linear<1, 1> net;
    nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
    Counting<State> range;
    int calls = 0;
    const auto loss = [&](const auto& p, const auto& y) {
      if (calls++ == interrupt_at) ::raise(SIGINT);
      return nn::mse(p, y);
    };
    nn::fit(net, range, loss, opt, {.epochs = epochs, .checkpoint = to, .resume = !to.empty()});
    return std::tuple{net.weight.value().to_vector(), range.number(), range.begun};
  };
  const auto want = run(2, -1, "");
  EXPECT_EQ(std::get<1>(want), 8);
  run(2, 5, folder / "run");
  const auto got = run(2, -1, folder / "run");
  EXPECT_EQ(std::get<0>(got), std::get<0>(want));
  EXPECT_EQ(std::get<1>(got), 8);
  EXPECT_EQ(std::get<2>(got), 1);  // not gone through again
}

TEST(Fit, ARangeThatTellsItsPlaceIsRestored) {
  expect_restored<std::int64_t>();
  expect_restored<nn::StateDict>();
  expect_restored<Told>();
}

TEST(Fit, ARangeThatRefusesItsPlaceIsTold) {
  const Folder folder;
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  Counting<Told> range;
  range.at.number = 2000;
  nn::fit(net, range, mse, opt, {.epochs = 1, .checkpoint = folder / "run"});
  const auto weight = ref(net.weight);
  range.at.number = 4;
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { nn::fit(net, range, mse, opt, {.epochs = 2, .checkpoint = folder / "run", .resume = true}); }),
          {"[fit] the checkpoint must be of this training", "batches: [Told] not so far"}));
  EXPECT_EQ(range.number(), 4);
  Counting<std::int64_t> other;
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { nn::fit(net, other, mse, opt, {.epochs = 2, .checkpoint = folder / "run", .resume = true}); }),
          {"batches: [fit] the place in the range must be told by one U8 (8): it has I64 (1)"}));
  EXPECT_TRUE(equal(net.weight, weight));
  auto batches = line_batches();
  EXPECT_TRUE(has(
      text_of_error<mu::FileError>([&] { nn::fit(net, batches, mse, opt, {.epochs = 2, .checkpoint = folder / "run", .resume = true}); }),
      {"batches: extra place in a range that cannot be restored"}));
}

TEST(Fit, APlateauGoesOn) {
  const Folder folder;
  const auto run = [&](std::int64_t epochs, const std::string& to) {
    nn::Linear<1, 1> net;
    nn::SGD opt{nn::parameters(net), {.lr = 1}};
    nn::ReduceOnPlateau plateau{opt, {.factor = 0.5, .patience = 1, .cooldown = 1}};
    auto batches = line_batches();
    const auto flat = [](const auto& p, const auto& y) { return nn::mse(p, y) * 0.0f + 1.0f; };
    const auto history = nn::fit(net, batches, flat, opt, {.epochs = epochs, .checkpoint = to, .resume = true, .plateau = &plateau});
    std::vector<double> rates;
    for (const auto& e : history.epochs) rates.push_back(e.lr);
    return rates;
  };
  const auto want = run(9, folder / "whole");
  EXPECT_EQ(want, (std::vector<double>{1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25}));
  for (std::int64_t cut = 1; cut < 9; ++cut) {
    run(cut, folder / std::to_string(cut));
    EXPECT_EQ(run(9, folder / std::to_string(cut)), want) << cut;
  }
}

TEST(Fit, WhatOfABatchIsNotFiniteIsTold) {
  nn::Linear<2, 2> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  const auto good = mu::ones<3, 2>().refine<mu::batch, 2>();
  const auto bad = mu::tensor<3, 2>({1, 2, 3, 4, NAN, INFINITY}).refine<mu::batch, 2>();
  const auto run = [&](const auto& x, const auto& y) {
    std::vector batches{std::tuple{x, y}};
    return text_of_error<mu::Error>([&] { nn::fit(net, batches, mse, opt); });
  };
  EXPECT_EQ(run(good, bad), "[fit] the loss must be finite: nan in epoch 1, step 1 of it: the target has nan at (2, 0)");
  EXPECT_EQ(run(bad, good), "[fit] the loss must be finite: nan in epoch 1, step 1 of it: input 1 has nan at (2, 0)");
  EXPECT_EQ(run(good, good), "no error");
  // One that is no loss at all comes out as the loss says it.
  const auto none = mu::zeros<mu::batch, 2>(mu::batch = 0);
  EXPECT_TRUE(has(run(none, none), {"[mse] the mean needs at least one element", "(0, 2)"}));
}

TEST(Fit, WhatMakesNoSenseIsOneSentence) {
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  nn::StepLR schedule{opt, {}};
  nn::ReduceOnPlateau plateau{opt, {}};
  auto batches = line_batches(), none = batches;
  none.clear();
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  using Options = nn::FitOptionsOf<nn::Linear<1, 1>, decltype(batches)>;
  const auto refused = [&](auto& range, Options options) {
    return text_of_error<mu::Error>([&] { nn::fit(net, range, mse, opt, options); });
  };
  EXPECT_EQ(refused(none, {}), "[fit] the training data must have a sample: in epoch 1 there was none");
  EXPECT_EQ(refused(batches, {.validate = none}), "[fit] the validation data must have a sample: after epoch 1 there was none");
  EXPECT_EQ(refused(batches, {.epochs = -1}), "[fit] .epochs must not be negative: -1");
  EXPECT_EQ(refused(batches, {.metrics = {{"mae", mse}}}), "[fit] .metrics are of the validation: give .validate for mae");
  EXPECT_EQ(refused(batches, {.validate = batches, .metrics = {{"mae", mse}}, .monitor = "acc"}),
            "[fit] .monitor must be one of the metrics: 'acc' of 'mae'");
  EXPECT_EQ(refused(batches, {.early_stop = nn::EarlyStop{.patience = 0}}), "[fit] .early_stop needs a patience of one epoch at least: 0");
  EXPECT_EQ(refused(batches, {.resume = true}), "[fit] .resume and .checkpoint_steps need a folder: .checkpoint is empty");
  EXPECT_EQ(refused(batches, {.schedule = &schedule, .plateau = &plateau}),
            "[fit] both .schedule and .plateau set the learning rate: give one of them");
  EXPECT_EQ(refused(batches, {.clip_norm = -1}), "[fit] .clip_norm and .clip_value must not be negative: -1 and 0");
  EXPECT_TRUE(nn::fit(net, none, mse, opt, {.epochs = 0}).epochs.empty());
}

TEST(Fit, ShowsItsProgressWhereItIsTold) {
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  std::FILE* file = std::tmpfile();
  auto batches = line_batches();
  nn::fit(net, batches, mse, opt, {.epochs = 2, .progress = file});
  EXPECT_TRUE(has(text_of(file), {"epoch 1/2  1/2  ", "epoch 2/2  2/2  ", "loss ", "0:00 left\n"}));
  std::fclose(file);
  // Of a range that doesn't tell how long it is.
  Counting<std::int64_t> range;
  file = std::tmpfile();
  nn::fit(net, range, mse, opt, {.epochs = 2, .progress = file});
  const auto text = text_of(file);
  std::fclose(file);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_TRUE(has(text, {"epoch 1/2  4  ", "epoch 2/2  4  "}));
}

namespace {

std::uint64_t little(const std::string& bytes, std::size_t at, unsigned size) {
  std::uint64_t out = 0;
  for (unsigned i = size; i-- > 0;) out = out << 8 | static_cast<unsigned char>(bytes.at(at + i));
  return out;
}
/// Bit by bit, from its definition.
std::uint32_t masked_crc(const std::string& bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes)
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ ((crc ^ static_cast<unsigned char>(c) >> bit) & 1 ? 0x82F63B78u : 0u);
  crc = ~crc;
  return (crc >> 15 | crc << 17) + 0xA282EAD8u;
}
/// The bytes of the records of a TFRecord file, whose checksums are right.
std::vector<std::string> records(const std::string& file) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < file.size();) {
    const auto size = static_cast<std::size_t>(little(file, at, 8));
    EXPECT_EQ(little(file, at + 8, 4), masked_crc(file.substr(at, 8)));
    out.push_back(file.substr(at + 12, size));
    EXPECT_EQ(little(file, at + 12 + size, 4), masked_crc(out.back()));
    at += size + 16;
  }
  return out;
}
/// The fields of a message of protocol buffers: number and raw value.
std::vector<std::pair<unsigned, std::string>> fields(const std::string& message) {
  std::vector<std::pair<unsigned, std::string>> out;
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const std::uint64_t key = varint();
    const auto wire = key & 7;
    if (wire == 0) {
      out.push_back({static_cast<unsigned>(key >> 3), std::to_string(varint())});
      continue;
    }
    const std::size_t size = wire == 1 ? 8 : wire == 5 ? 4 : static_cast<std::size_t>(varint());
    out.push_back({static_cast<unsigned>(key >> 3), message.substr(at, size)});
    at += size;
  }
  return out;
}
/// "step tag value" of each scalar.
std::vector<std::string> scalars(const std::string& event) {
  std::vector<std::string> out;
  std::string step;
  for (const auto& [number, value] : fields(event)) {
    if (number == 2) step = value;
    if (number != 5) continue;
    for (const auto& each : fields(value)) {
      const auto scalar = fields(each.second);
      float v;
      std::memcpy(&v, scalar.at(1).second.data(), 4);
      std::ostringstream text;
      text << step << ' ' << scalar.at(0).second << ' ' << v;
      out.push_back(text.str());
    }
  }
  return out;
}

}  // namespace

TEST(Fit, LogsATableAndEvents) {
  EXPECT_EQ(masked_crc("123456789"), (0xE3069283u >> 15 | 0xE3069283u << 17) + 0xA282EAD8u);  // the check value of CRC-32C
  const Folder folder;
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.5}};
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y) * 0.0f + 0.25f; };
  auto batches = line_batches();
  const auto half = [](const auto&, const auto&) { return 0.5; };
  nn::fit(net, batches, mse, opt,
          {.epochs = 2, .validate = batches, .metrics = {{"a,\"b\"", half}}, .log_dir = folder / "log/run", .log_steps = 3});
  std::istringstream table(bytes_of_file(folder / "log/run/log.csv"));
  std::string line;
  std::getline(table, line);
  EXPECT_EQ(line, "epoch,steps,loss,validation_loss,\"a,\"\"b\"\"\",lr,seconds");
  for (const char* row : {"1,2,0.25,0.25,0.5,0.5,", "2,4,0.25,0.25,0.5,0.5,"}) {
    std::getline(table, line);
    EXPECT_EQ(line.rfind(row, 0), 0u) << line;
  }
  std::vector<std::string> events;
  for (const auto& file : std::filesystem::directory_iterator(folder / "log/run"))
    if (file.path().filename().string().rfind("events.out.tfevents.", 0) == 0) events = records(bytes_of_file(file.path().string()));
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(fields(events[0]).at(2), (std::pair<unsigned, std::string>{3, "brain.Event:2"}));
  EXPECT_EQ(scalars(events[1]),
            (std::vector<std::string>{"1 epoch/loss 0.25", "1 epoch/lr 0.5", "1 epoch/validation_loss 0.25", "1 epoch/a,\"b\" 0.5"}));
  EXPECT_EQ(scalars(events[2]), (std::vector<std::string>{"3 step/loss 0.25", "3 step/lr 0.5"}));
  EXPECT_EQ(scalars(events[3]).at(0), "2 epoch/loss 0.25");
}
