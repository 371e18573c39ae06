// Checkpoints of nn::fit: a resumed run has the bits of one that was never cut off.
#include <sys/resource.h>

#include "fit_training.hpp"

using namespace mushin::test;

namespace {

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

}  // namespace

class EachOptimizer : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(FitResumed, EachOptimizer, ::testing::Bool());

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

namespace {
/// So great a first scale that the first steps are left out.
void scale(Training& t) {
  t.scaler = std::make_unique<nn::GradScaler>(nn::GradScalerOptions{.init_scale = 1e42, .backoff_factor = 1.0 / 16, .growth_interval = 3});
}
}  // namespace

TEST(FitResumed, AScalerGoesOnWithEqualBits) {
  Training whole;
  scale(whole);
  const auto want = whole.fit("", 3, -1, nn::Each::step);
  const auto want_bits = bits(whole);
  std::int64_t skipped = 0;
  for (const auto& e : want.epochs) skipped += e.skipped;
  EXPECT_GT(want.epochs[0].skipped, 0);
  EXPECT_LT(skipped, 5);
  for (const int at : {0, 1, 8, 11}) {  // where steps are left out, within the second epoch, and behind that
    const Folder folder;
    {
      Training first;
      scale(first);
      first.fit(folder / "run", 3, at, nn::Each::step);
    }
    Training second;
    scale(second);
    expect_same(second.fit(folder / "run", 3, -1, nn::Each::step), want);
    EXPECT_EQ(bits(second), want_bits) << at;
  }
}

TEST(FitResumed, AScalerThatIsMissingOrTooManyIsTold) {
  const Folder folder;
  Training with, without;
  scale(with);
  with.fit(folder / "with", 1);
  without.fit(folder / "without", 1);
  const auto scale = with.scaler->scale();
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { with.fit(folder / "without", 2); }),
                  {"[fit] the checkpoint must be of this training", "scaler: missing its state"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { without.fit(folder / "with", 2); }),
                  {"[fit] the checkpoint must be of this training", "scaler: extra state of one"}));
  EXPECT_EQ(with.scaler->scale(), scale);
}

TEST(FitResumed, ACheckpointCountsWhatEachEpochLeftOut) {
  const Folder folder;
  Training t;
  scale(t);
  t.fit(folder / "run", 1);
  {
    const mu::Safetensors file(folder / "run/last.safetensors");
    std::vector<mu::NamedTensor> tensors;
    for (std::size_t i = 0; i < file.size(); ++i) tensors.emplace_back(file[i].name, file.read(file[i].name));
    for (auto& tensor : tensors)
      if (std::string(tensor.name) == "fit.skipped") tensor.value = mu::zeros<std::int64_t, 5>().raw();
    mu::save_safetensors(folder / "run/other.safetensors", tensors, {{"mushin.fit", "1"}});
  }
  std::filesystem::rename(folder / "run/other.safetensors", folder / "run/last.safetensors");
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { t.fit(folder / "run", 2); }),
                  {"[fit] a checkpoint must count the steps left out of each epoch: 5 counts for 1 epochs"}));
}

TEST(FitResumed, GoesOnFromTheLastCheckpointAfterAnError) {
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

TEST(FitResumed, ALoaderOfAnotherKindIsTold) {
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

TEST(FitResumed, EveryDifferenceOfACheckpointIsInOneError) {
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

TEST(FitResumed, AModuleIsLoadedFromACheckpointAlone) {
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

TEST(FitResumed, AFullDiskLeavesTheCheckpointBefore) {
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

TEST(FitResumed, AFullDiskLeavesTheTableOfTheRunBefore) {
  const Folder folder;
  nn::Linear<1, 1> net;
  nn::SGD opt{nn::parameters(net), {.lr = 0.01}};
  auto batches = line_batches();
  const auto mse = [](const auto& p, const auto& y) { return nn::mse(p, y); };
  const auto run = [&](std::int64_t epochs) { nn::fit(net, batches, mse, opt, {.epochs = epochs, .log_dir = folder / "log"}); };
  run(2);
  const auto table = bytes_of_file(folder / "log/log.csv");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 3);
  {
    const FullDisk full(8);
    EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { run(3); }), {"[fit] cannot write: ", "log.csv: File too large"}));
  }
  EXPECT_EQ(bytes_of_file(folder / "log/log.csv"), table);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / "log"), {}), 2);  // nothing unfinished lies beside it
  run(3);
  EXPECT_NE(bytes_of_file(folder / "log/log.csv"), table);
}

TEST(FitResumed, AFullDiskLeavesTheFileSavedBefore) {
  const Folder folder;
  const std::string path = folder / "net.safetensors";
  FitNet net;
  nn::save(net, path);
  const auto before = bytes_of_file(path);
  net.fc1.bias.set(mu::ones<16>());
  {
    const FullDisk full(512);
    EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { nn::save(net, path); }), {"[save_safetensors] cannot write", "File too large"}));
  }
  EXPECT_EQ(bytes_of_file(path), before);
  EXPECT_EQ(folder.files(), 1u);  // nothing unfinished lies beside it
  nn::save(net, path);
  EXPECT_NE(bytes_of_file(path), before);
}

TEST(FitResumed, ARangeThatTellsItsPlaceIsRestored) {
  expect_restored<std::int64_t>();
  expect_restored<nn::StateDict>();
  expect_restored<Told>();
}

TEST(FitResumed, ARangeThatRefusesItsPlaceIsTold) {
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

TEST(FitResumed, APlateauGoesOn) {
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
