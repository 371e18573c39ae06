// Loader: epochs, batches, order, the other thread's errors and its end.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <thread>
#include <vector>

#include "mushin/nn/data/loader.hpp"
#include "mushin/nn/data/tensors.hpp"
#include "mushin/tensor/io/safetensors.hpp"
#include "support/files.hpp"

namespace mu = mushin;
namespace data = mu::data;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

using Labels = std::vector<std::int64_t>;

/// Sample i is its own number; throws at sample `bad`.
struct Numbers {
  std::int64_t count;
  std::int64_t bad = -1;
  std::atomic<int>* calls = nullptr;

  std::int64_t size() const { return count; }
  std::tuple<mu::Tensor<std::int64_t, mu::batch>> get(data::Indices which) const {
    if (calls) ++*calls;
    for (auto i : which)
      if (i == bad) throw std::runtime_error("sample " + std::to_string(i) + " is bad");
    return {mu::Tensor<std::int64_t, mu::batch>{mu::core::from_values({which.size()}, mu::dtype::i64, which.begin())}};
  }
};

template <class L>
std::vector<Labels> epoch_of(L& loader) {
  std::vector<Labels> out;
  for (auto [x] : loader) out.push_back(x.to_vector());
  return out;
}
Labels joined(const std::vector<Labels>& batches) {
  Labels out;
  for (const auto& b : batches) out.insert(out.end(), b.begin(), b.end());
  return out;
}
Labels counting(std::int64_t n) {
  Labels out(static_cast<std::size_t>(n));
  std::iota(out.begin(), out.end(), 0);
  return out;
}
Labels sorted(Labels values) {
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

/// Prefetch and workers.
using Threads = std::pair<int, int>;
class EachPrefetch : public ::testing::TestWithParam<Threads> {};
INSTANTIATE_TEST_SUITE_P(Loader, EachPrefetch,
                         ::testing::Values(Threads{0, 1}, Threads{1, 1}, Threads{2, 1}, Threads{50, 1}, Threads{2, 2}, Threads{1, 4},
                                           Threads{9, 3}));

TEST_P(EachPrefetch, GivesEverySampleOnceInOrder) {
  const Numbers set{10};
  data::Loader loader(set, {.batch = 4, .prefetch = GetParam().first, .workers = GetParam().second});
  EXPECT_EQ(loader.size(), 3);
  EXPECT_EQ(epoch_of(loader), (std::vector<Labels>{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}}));
  EXPECT_EQ(loader.epochs(), 1u);
}

TEST_P(EachPrefetch, ShufflesEachEpochAnew) {
  const Numbers set{100};
  data::Loader loader(set, {.batch = 7, .shuffle = true, .seed = 3, .prefetch = GetParam().first, .workers = GetParam().second});
  const auto first = joined(epoch_of(loader)), second = joined(epoch_of(loader));
  EXPECT_EQ(sorted(first), counting(100));
  EXPECT_EQ(sorted(second), counting(100));
  EXPECT_NE(first, counting(100));
  EXPECT_NE(first, second);
  data::Loader same(set, {.batch = 7, .shuffle = true, .seed = 3, .prefetch = 1});
  EXPECT_EQ(joined(epoch_of(same)), first);
  EXPECT_EQ(joined(epoch_of(same)), second);
  data::Loader other(set, {.batch = 7, .shuffle = true, .seed = 4});
  EXPECT_NE(joined(epoch_of(other)), first);
}

TEST_P(EachPrefetch, AnExceptionComesOutOfTheLoopAfterTheBatchesBefore) {
  const Numbers set{20, 9};
  data::Loader loader(set, {.batch = 4, .prefetch = GetParam().first, .workers = GetParam().second});
  int batches = 0;
  const auto text = text_of_error<data::SampleError>([&] {
    for (auto [x] : loader) batches += x.size() == 4;
  });
  EXPECT_EQ(text, "[Loader] sample 9 of batch 2: sample 9 is bad");
  EXPECT_EQ(batches, 2);
  const auto place = loader.state();
  EXPECT_EQ(place.epoch, 0u);
  EXPECT_EQ(place.batches, 2);
  // Who asks on is at the end.
  auto at = loader.begin();
  const auto run = [&] {
    while (at != loader.end()) ++at;
  };
  EXPECT_THROW(run(), data::SampleError);
  ++at;
  EXPECT_TRUE(at == loader.end());
}

TEST_P(EachPrefetch, LeavingEarlyEndsTheEpoch) {
  const Numbers set{1000};
  data::Loader loader(set, {.batch = 1, .prefetch = GetParam().first, .workers = GetParam().second});
  for (int i = 0; i < 20; ++i)
    for (auto [x] : loader) {
      EXPECT_EQ(x(0), 0);
      break;
    }
  EXPECT_EQ(epoch_of(loader).size(), 1000u);
}

TEST_P(EachPrefetch, AnEpochWithoutABatchIsAnError) {
  const data::LoaderOptions options{.batch = 4, .drop_last = true, .prefetch = GetParam().first, .workers = GetParam().second};
  const Numbers none{0}, few{3}, enough{4};
  data::Loader loader(none, options), dropping(few, options), whole(enough, options);
  EXPECT_EQ(loader.size(), 0);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { epoch_of(loader); }), {"[Loader] a dataset must have a sample: it has 0"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { epoch_of(dropping); }),
                  {"[Loader] drop_last must leave a batch", ".batch = 4", "3 samples"}));
  EXPECT_EQ(epoch_of(whole).size(), 1u);
}

TEST_P(EachPrefetch, AResumedEpochGoesOnBitForBit) {
  const Numbers set{50};
  const data::LoaderOptions options{.batch = 7, .shuffle = true, .seed = 11, .prefetch = GetParam().first, .workers = GetParam().second};
  data::Loader whole(set, options);
  const std::vector<std::vector<Labels>> epochs{epoch_of(whole), epoch_of(whole), epoch_of(whole)};
  for (std::int64_t stop = 1; stop <= 8; ++stop) {
    data::Loader interrupted(set, options);
    epoch_of(interrupted);
    std::int64_t seen = 0;
    for (auto [x] : interrupted)
      if (++seen == stop) break;
    const data::LoaderState place{interrupted.state().tensor()};
    EXPECT_EQ(place, interrupted.state());
    EXPECT_EQ(place.epoch, 1u);
    EXPECT_EQ(place.batches, stop);

    auto others = options;
    others.seed = 99;
    data::Loader resumed(set, others);
    resumed.restore(place);
    EXPECT_EQ(resumed.state(), place);
    const auto rest = epoch_of(resumed);
    EXPECT_EQ(rest, std::vector<Labels>(epochs[1].begin() + stop, epochs[1].end()));
    EXPECT_EQ(epoch_of(resumed), epochs[2]);
    EXPECT_EQ(resumed.epochs(), 3u);
  }
}

TEST(Loader, ReadsNoFurtherAheadThanAsked) {
  std::atomic<int> calls{0};
  const Numbers set{1000, -1, &calls};
  data::Loader loader(set, {.batch = 1, .prefetch = 3});
  int taken = 0;
  for (auto [x] : loader) {
    EXPECT_EQ(x.size(), 1);
    ++taken;
    EXPECT_LE(calls.load(), taken + 3 + 1);  // three wait, one more is in the thread's hands
  }
  EXPECT_EQ(calls.load(), 1000);
}

TEST(Loader, DropsTheLastSmallerBatch) {
  const Numbers set{10};
  data::Loader loader(set, {.batch = 4, .drop_last = true});
  EXPECT_EQ(loader.size(), 2);
  EXPECT_EQ(joined(epoch_of(loader)), counting(8));
}

TEST(Loader, WithoutASeedTheDefaultGeneratorDecides) {
  const Numbers set{50};
  const auto order = [&] {
    data::Loader loader(set, {.batch = 50, .shuffle = true});
    return joined(epoch_of(loader));
  };
  mu::manual_seed(1);
  const auto a = order(), b = order();
  mu::manual_seed(1);
  EXPECT_EQ(order(), a);
  EXPECT_EQ(order(), b);
  EXPECT_NE(a, b);
}

TEST(Loader, EveryOrderIsPossible) {
  const Numbers set{3};
  std::vector<Labels> seen;
  data::Loader loader(set, {.batch = 3, .shuffle = true, .seed = 0, .prefetch = 0});
  std::vector<int> times;
  for (int i = 0; i < 6000; ++i) {
    const auto order = joined(epoch_of(loader));
    const auto found = std::find(seen.begin(), seen.end(), order);
    if (found == seen.end())
      seen.push_back(order), times.push_back(1);
    else
      ++times[static_cast<std::size_t>(found - seen.begin())];
  }
  ASSERT_EQ(seen.size(), 6u);
  for (int n : times) EXPECT_NEAR(n, 1000, 80);
}

TEST(Loader, OptionsThatMakeNoSense) {
  const Numbers set{3};
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::Loader(set, {.batch = 0}); }),
                  {"[Loader] a batch has at least one sample: .batch = 0"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::Loader(set, {.prefetch = -1}); }),
                  {"[Loader] prefetch is not negative: .prefetch = -1"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::Loader(set, {.workers = 0}); }),
                  {"[Loader] there is at least one worker: .workers = 0"}));
}

TEST(Loader, AStateBelongsToALoaderLikeItsOwn) {
  const Numbers set{50}, other{51};
  data::Loader loader(set, {.batch = 7, .shuffle = true, .seed = 1});
  const auto place = loader.state();
  const auto refused = [&](const Numbers& samples, data::LoaderOptions options, data::LoaderState state) {
    data::Loader wrong(samples, options);
    return text_of_error<mu::ShapeError>([&] { wrong.restore(state); });
  };
  EXPECT_EQ(refused(set, {.batch = 7, .shuffle = true}, place), "no error");
  EXPECT_TRUE(
      has(refused(other, {.batch = 7, .shuffle = true}, place), {"[Loader] a state must be", "of 50 samples", "this one has 51, 7"}));
  EXPECT_TRUE(has(refused(set, {.batch = 8, .shuffle = true}, place), {".batch = 7", "50, 8"}));
  EXPECT_TRUE(has(refused(set, {.batch = 7}, place), {".shuffle = true", "50, 7, false"}));
  EXPECT_TRUE(has(refused(set, {.batch = 7, .shuffle = true, .drop_last = true}, place), {".drop_last = false", "50, 7, true, true"}));
  const mushin::test::Folder folder;
  mu::save_safetensors(folder / "loader", {{"loader", place.tensor()}});
  EXPECT_EQ(data::LoaderState{(mu::load_safetensors(folder / "loader").get<std::int64_t, 7>("loader"))}, place);
  auto beyond = place;
  beyond.batches = 9;
  EXPECT_TRUE(has(refused(set, {.batch = 7, .shuffle = true}, beyond), {"within an epoch", "batch 9 of 8"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([] {
                    data::LoaderState(mu::tensor<std::int64_t, 7>({0, 0, 0, 5, 1, 2, 0}));
                  }),
                  {"[LoaderState] the numbers must be those of a loader", "shuffle 2"}));
}

/// Throws where several samples are asked for at once, or gives rows of another number than was asked for.
struct Odd {
  bool throws;
  std::int64_t size() const { return 9; }
  std::tuple<mu::Tensor<float, mu::batch, 2>> get(data::Indices which) const {
    if (throws && which.size() == 3 && *which.begin() == 3) throw mu::FileError("[disk] it must be whole: it isn't");
    return {mu::zeros<mu::batch, 2>(mu::batch = which.size() - (throws ? 0 : *which.begin()))};
  }
};

TEST(Loader, ErrorsKeepTheirKind) {
  const Odd set{true};
  const auto text = text_of_error<mu::FileError>([&] {
    for (auto [x] : data::Loader(set, {.batch = 3})) EXPECT_EQ(x.size(), 6);
  });
  EXPECT_EQ(text, "[Loader] batch 1, samples 3, 4, 5: [disk] it must be whole: it isn't");
  const Numbers bad{4, 2};
  try {
    for (auto [x] : data::Loader(bad, {.batch = 4})) FAIL() << x;
  } catch (const data::SampleError& e) {
    EXPECT_EQ(text_of_error<std::runtime_error>([&] { std::rethrow_if_nested(e); }), "sample 2 is bad");
  }
}

TEST(Loader, ABatchHasARowForEachSample) {
  const Odd set{false};
  const auto text = text_of_error<mu::ShapeError>([&] {
    for (auto [x] : data::Loader(set, {.batch = 3})) EXPECT_EQ(x.size(), 6);
  });
  EXPECT_TRUE(has(text, {"[Loader] each tensor of a batch must have a row for each sample: tensor 0 of batch 1 is (0, 2), for 3 samples"}));
}

TEST(Loader, ServesTensorsOfSeveralTypes) {
  const auto x = mu::tensor<3, 2>({1, 2, 3, 4, 5, 6});
  const auto y = mu::tensor<std::int64_t, 3>({10, 20, 30});
  const data::Tensors set{x, y};
  std::vector<float> xs;
  Labels ys;
  for (auto [a, b] : data::Loader(set, {.batch = 2})) {
    static_assert(std::same_as<decltype(a), mu::Tensor<float, mu::batch, 2>>);
    static_assert(std::same_as<decltype(b), mu::Tensor<std::int64_t, mu::batch>>);
    for (float v : a.to_vector()) xs.push_back(v);
    for (auto v : b.to_vector()) ys.push_back(v);
  }
  EXPECT_EQ(xs, x.to_vector());
  EXPECT_EQ(ys, y.to_vector());
  const auto shorter = mu::zeros<2>();
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::Tensors(x, shorter); }), {"[Tensors]", "first has 3, another 2"}));
}

TEST(Loader, ADatasetKnowsItsSamples) {
  const auto x = mu::zeros<3, 2>();
  const data::Tensors set{x};
  for (const std::int64_t wrong : {-1, 3}) {
    const std::int64_t which[] = {0, wrong};
    EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] {
                      (void)set.get({which, 2});
                    }),
                    {"[Tensors]", std::to_string(wrong) + ", there are 3"}));
  }
  EXPECT_TRUE(has(
      text_of_error<mu::ShapeError>([&] { data::Tensors(mu::zeros<mu::batch, 2>(mu::batch = 3), mu::zeros<mu::batch>(mu::batch = 4)); }),
      {"[Tensors] all tensors must have as many rows: the first has 3, another 4"}));
}

TEST(Loader, ManyLoadersAtOnce) {
  const Numbers set{200};
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      data::Loader loader(set, {.batch = 3, .shuffle = true, .seed = 5, .prefetch = 2, .workers = 2});
      for (int i = 0; i < 5; ++i) right += sorted(joined(epoch_of(loader))) == counting(200);
    });
  for (auto& t : threads) t.join();
  EXPECT_EQ(right.load(), 20);
}
