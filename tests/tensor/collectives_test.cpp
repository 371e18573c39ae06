// Ranks that are threads of this process: on one device in host memory, else each on a device of its own.
#include "mushin/tensor/collectives.hpp"

#include <functional>
#include <thread>

#include "mushin/tensor.hpp"
#include "mushin/tensor/capture.hpp"
#include "mushin/tensor/ops/transfer.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

const reduction all_reductions[] = {reduction::sum, reduction::prod, reduction::max, reduction::min};

/// The default device; from then on values are made in host memory, since a rank must not wait for another one's device.
mushin::Device tested() {
  static const mushin::Device it = [] {
    const mushin::Device d = default_device();
    if (!d.host_memory()) set_default_device("builtin");
    return d;
  }();
  return it;
}
mushin::Device device_of(std::int64_t rank) {
  const mushin::Device d = tested();
  return d.host_memory() ? d : device((d.plugin() + (":" + std::to_string(rank))).c_str());
}
/// As many ranks as a test wants and there are devices for.
int ranks(int wanted) {
  if (tested().host_memory()) return wanted;
  const char* there = std::getenv("MUSHIN_TEST_RANKS");
  return std::min(wanted, there ? std::atoi(there) : 2);
}
Array on(const Communicator& by, const Sizes& sizes, const Values& v, dtype t = dtype::f32) {
  return to_device(array(sizes, v, t), by.device().raw());
}

/// What each of `n` threads throws; "" where nothing.
std::vector<std::string> in_threads(int n, const std::function<void(int)>& f) {
  std::vector<std::string> thrown(static_cast<std::size_t>(n));
  std::vector<std::thread> all;
  for (int r = 0; r < n; ++r)
    all.emplace_back([&, r] {
      try {
        f(r);
      } catch (const Error& e) {
        thrown[static_cast<std::size_t>(r)] = e.what();
      }
    });
  for (std::thread& t : all) t.join();
  return thrown;
}

/// f(communicator) as each of `n` ranks.
std::vector<std::string> as_ranks(int n, const std::function<void(const Communicator&)>& f) {
  const Communicator::Id id = Communicator::unique_id(device_of(0));
  return in_threads(n, [&](int r) { f(Communicator(device_of(r), id, r, n)); });
}
void must(int n, const std::function<void(const Communicator&)>& f) {
  EXPECT_EQ(as_ranks(n, f), std::vector<std::string>(static_cast<std::size_t>(n)));
}
void all_tell(const std::vector<std::string>& thrown, const std::string& text) {
  for (const std::string& t : thrown) EXPECT_NE(t.find(text), t.npos) << t;
}

double reduced(double a, double b, reduction r, dtype t) {
  const bool b8 = t == dtype::b8;
  if (r == reduction::sum) return b8 ? std::max(a, b) : a + b;
  return r == reduction::prod ? a * b : r == reduction::max ? std::max(a, b) : std::min(a, b);
}

// Exact in every type.
double element(std::int64_t rank, std::int64_t i, dtype t) {
  const std::int64_t v = (3 * rank + i) % 3;
  return static_cast<double>(t == dtype::b8 ? v % 2 : is_integer(t) || rank % 2 ? v : v - 1);
}
Values elements(std::int64_t rank, std::int64_t count, dtype t) {
  Values v(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) v[static_cast<std::size_t>(i)] = element(rank, i, t);
  return v;
}
Values reduced(std::int64_t ranks, std::int64_t count, reduction r, dtype t) {
  Values v = elements(0, count, t);
  for (std::int64_t k = 1; k < ranks; ++k)
    for (std::int64_t i = 0; i < count; ++i)
      v[static_cast<std::size_t>(i)] = reduced(v[static_cast<std::size_t>(i)], element(k, i, t), r, t);
  return v;
}

void every_kind(const Communicator& by, std::int64_t count, dtype t) {
  const std::int64_t n = by.size();
  const Array x = on(by, {count}, elements(by.rank(), count, t), t);
  Values gathered;
  for (std::int64_t k = 0; k < n; ++k) {
    const Values part = elements(k, count, t);
    gathered.insert(gathered.end(), part.begin(), part.end());
    EXPECT_EQ(values(broadcast(by, x, k)), part);
  }
  const Array all = all_gather(by, x, n);
  EXPECT_EQ(all.sizes(), (Sizes{n, count}));
  EXPECT_EQ(values(all), gathered);
  const Array rows = on(by, {n, count}, elements(by.rank(), n * count, t), t);
  for (const reduction r : all_reductions) {
    EXPECT_EQ(values(all_reduce(by, x, r)), reduced(n, count, r, t));
    const Values whole = reduced(n, n * count, r, t);
    const Array mine = reduce_scatter(by, rows, r);
    EXPECT_EQ(mine.sizes(), (Sizes{count}));
    EXPECT_EQ(values(mine), Values(whole.begin() + by.rank() * count, whole.begin() + (by.rank() + 1) * count));
  }
}

TEST(Collectives, EveryKindOfEveryTypeAndSize) {
  for (int n = 1; n <= ranks(4); ++n)
    for (const dtype t : all_dtypes)
      for (const std::int64_t count : {0, 1, 7, 5003}) {
        SCOPED_TRACE(testing::Message() << n << " ranks, " << name_of(t) << ", " << count);
        must(n, [&](const Communicator& by) { every_kind(by, count, t); });
      }
}

TEST(Collectives, LargeSumsHaveEqualBitsInTheOrderOfRanks) {
  constexpr std::size_t count = 300001;
  const int n = ranks(3);
  std::vector<std::vector<std::byte>> got(static_cast<std::size_t>(n));
  must(n, [&](const Communicator& by) {
    const Array x = on(by, {count}, random_values(count, -1, 1, dtype::f32, static_cast<unsigned>(by.rank())));
    got[static_cast<std::size_t>(by.rank())] = bytes_from(all_reduce(by, x, reduction::sum));
  });
  for (const auto& bytes : got) EXPECT_EQ(bytes, got[0]);
  std::vector<float> want(count);
  for (int r = 0; r < n; ++r) {
    const Values x = random_values(count, -1, 1, dtype::f32, static_cast<unsigned>(r));
    for (std::size_t i = 0; i < count; ++i) want[i] += static_cast<float>(x[i]);
  }
  EXPECT_EQ(std::memcmp(got[0].data(), want.data(), got[0].size()), 0);
}

TEST(Collectives, HalvesRoundOnceIntegersWrapNanWins) {
  must(2, [](const Communicator& by) {
    EXPECT_EQ(value(all_reduce(by, on(by, {}, {100}, dtype::i8), reduction::sum)), -56);
    const Array some_nan = on(by, {}, {by.rank() == 1 ? std::nan("") : 1.});
    EXPECT_TRUE(std::isnan(value(all_reduce(by, some_nan, reduction::max))));
    EXPECT_TRUE(std::isnan(value(all_reduce(by, some_nan, reduction::min))));
  });
  if (ranks(3) < 3) return;
  must(3, [](const Communicator& by) {  // 2048 + 1 is 2048 in float16
    EXPECT_EQ(value(all_reduce(by, on(by, {}, {by.rank() == 0 ? 2048. : 1.}, dtype::f16), reduction::sum)), 2050);
  });
}

TEST(Collectives, TakesViewsAndExpressions) {
  must(2, [](const Communicator& by) {
    const Array x = on(by, {2, 3}, {0, 1, 2, 3, 4, 5}), r = on(by, {}, {static_cast<double>(by.rank())});
    EXPECT_EQ(values(all_reduce(by, transpose(x), reduction::sum)), (Values{0, 6, 2, 8, 4, 10}));
    EXPECT_EQ(values(all_reduce(by, add(x, r), reduction::sum)), (Values{1, 3, 5, 7, 9, 11}));
    EXPECT_EQ(value(all_reduce(by, literal(2, dtype::f32), reduction::prod)), 4);
  });
}

TEST(Collectives, ShapesAreInTheTypes) {
  static constexpr Dim<"each"> each;
  must(2, [](const Communicator& by) {
    const auto one = to(ones<2, 3>(), by.device());
    const auto x = by.all_reduce(one);
    static_assert(std::is_same_v<decltype(x), const Tensor<float, 2, 3>>);
    EXPECT_EQ(x(1, 2), 2);
    EXPECT_EQ(by.all_reduce<reduction::max>(x)(0, 0), 2);
    const auto all = by.all_gather<2>(x);
    static_assert(std::is_same_v<decltype(all), const Tensor<float, 2, 2, 3>>);
    const Tensor<float, each, 2, 3> named = by.all_gather<each>(x);
    EXPECT_EQ(named(1, 1, 1), 2);
    const Tensor<float, 2, 3> mine = by.reduce_scatter(all);
    EXPECT_EQ(mine(1, 1), 4);
    const Tensor<float, 2, 3> from = by.broadcast(x, 1);
    EXPECT_EQ(from(0, 2), 2);
    EXPECT_THROW(by.all_gather<3>(x), ShapeError);
    EXPECT_THROW(by.reduce_scatter(to(ones<3, 2>(), by.device())), ShapeError);
    EXPECT_THROW(by.broadcast(x, 2), ShapeError);
    if (!by.device().host_memory()) {
      EXPECT_THROW(by.all_reduce(to(one, device("builtin"))), DeviceError);
    }
  });
}

TEST(Collectives, LeadingAxesCountTheRanks) {
  must(1, [](const Communicator& by) {
    const Array x = on(by, {2}, {1, 2});
    EXPECT_EQ(error_of<ShapeError>([&] { all_gather(by, x, 3); }),
              "[all_gather] the leading axis counts the ranks: it has 3, there are 1");
    EXPECT_EQ(error_of<ShapeError>([&] { reduce_scatter(by, x, reduction::sum); }),
              "[reduce_scatter] the leading axis counts the ranks: (2), there are 1");
  });
}

TEST(Collectives, OperandsOfAnotherDeviceAreRefused) {
  if (tested().host_memory()) GTEST_SKIP() << "all devices in host memory share it";
  must(1, [](const Communicator& by) {
    const Array elsewhere = to_device(array({2}, {1, 2}), device_of(1).raw());
    const std::string there = device_of(1).name(), here = by.device().name();
    EXPECT_EQ(error_of<DeviceError>([&] { all_reduce(by, elsewhere, reduction::sum); }),
              "[all_reduce] the operand is on " + there + ", the communicator on " + here);
  });
}

TEST(Collectives, WhatADeviceDoesNotComputeIsTold) {
  if (std::string_view(tested().plugin()) != "cuda") GTEST_SKIP() << "it computes all";
  const DeterministicGuard ordered;  // NCCL promises no order of sums
  must(1, [](const Communicator& by) {
    const Array x = on(by, {2}, {1, 2});
    EXPECT_EQ(error_of<DeviceError>([&] { all_reduce(by, x, reduction::sum); }),
              "[all_reduce] device cuda:0 computes none of float in one order, as deterministic_algorithms(true) demands");
  });
}

TEST(CollectivesMissing, AreToldByTheDevice) {
  if (!std::getenv("MUSHIN_FAKEGPU_COLLECTIVES")) GTEST_SKIP() << "for a device without";
  EXPECT_EQ(error_of<DeviceError>([] { Communicator::unique_id(default_device()); }), "[communicator] device fakegpu:0 has no collectives");
}

TEST(Collectives, ManyRoundsOnSeveralCommunicators) {
  const Communicator::Id first = Communicator::unique_id(tested()), second = Communicator::unique_id(tested());
  const auto thrown = in_threads(2, [&](int r) {
    Communicator by(device_of(r), first, r, 2), turned(device_of(r), second, 1 - r, 2);
    for (int round = 0; round < 300; ++round) {
      const Array x = on(by, {5}, Values(5, r + round));
      ASSERT_EQ(values(all_reduce(by, x, reduction::sum)), Values(5, 1 + 2 * round));
      ASSERT_EQ(values(broadcast(turned, x, round % 2)), Values(5, 1 - round % 2 + round));
    }
    Communicator moved = std::move(by);
    EXPECT_EQ(moved.rank(), r);
    EXPECT_EQ(values(all_gather(moved, on(moved, {}, {1.0 * r}), -1)), (Values{0, 1}));
  });
  EXPECT_EQ(thrown, std::vector<std::string>(2));
}

TEST(Collectives, CapturedStepsOfDevicesTakePart) {
  if (tested().host_memory()) GTEST_SKIP() << "a run would wait, and the other rank for its turn to record";
  must(2, [](const Communicator& by) {
    const auto input = [&](float v) { return to(mushin::fill<3>(v + static_cast<float>(by.rank())), by.device()); };
    auto step = capture(
        [&](const Tensor<float, 3>& x) {
          const auto sum = by.all_reduce(x * 2.0f);
          return std::tuple(sum + 1.0f, by.all_reduce<reduction::max>(x), by.all_gather<2>(x));
        },
        input(1));
    for (int i = 1; i < 5; ++i) {
      const auto [sum, most, all] = step(input(static_cast<float>(i)));
      EXPECT_EQ(sum(2), 4.0f * static_cast<float>(i) + 3);
      EXPECT_EQ(most(0), static_cast<float>(i) + 1);
      EXPECT_EQ(all(1, 2), static_cast<float>(i) + 1);
    }
  });
}

TEST(Collectives, DevicesTellWhatFailedLater) {
  if (tested().host_memory()) GTEST_SKIP() << "runs fail at once";
  const auto thrown = as_ranks(2, [](const Communicator& by) {
    const Array x = on(by, {3}, {1, 2, 3});
    if (by.rank() == 1) return by.abort();
    try {
      values(all_reduce(by, x, reduction::sum));
    } catch (const DeviceError&) {
      try {
        synchronize(by.device());  // from then on what is computed is fine
      } catch (const DeviceError&) {
      }
      EXPECT_EQ(values(x), (Values{1, 2, 3}));
      throw;
    }
  });
  EXPECT_NE(thrown[0], "");
  for (int r : {0, 1}) try {
      synchronize(device_of(r));
    } catch (const DeviceError&) {
    }
}

TEST(CollectivesErrors, WhoComesWronglyIsToldToAllThatWait) {
  const auto join = [](const Communicator::Id& id, std::int64_t rank, std::int64_t size, double seconds = 60) {
    Communicator(default_device(), id, rank, size, seconds);
  };
  Communicator::Id id = Communicator::unique_id();
  all_tell(in_threads(2, [&](int) { join(id, 1, 3); }), "[communicator] builtin: rank 1 came twice");
  id = Communicator::unique_id();
  all_tell(in_threads(2, [&](int r) { join(id, r, 2 + r); }), " ranks, others for ");
  id = Communicator::unique_id();
  all_tell(in_threads(2, [&](int r) { join(id, 2 * r, 2); }), "rank 2 came where there are 2, counted from 0");
  id = Communicator::unique_id();
  all_tell(in_threads(2, [&](int r) { join(id, r, 3, r ? 60 : 0.02); }), " of 3 ranks came in time");
  all_tell(in_threads(1, [&](int) { join(id, 2, 3); }), " of 3 ranks came in time");
}

TEST(CollectivesErrors, IdsServeOnce) {
  Communicator::Id id = Communicator::unique_id();
  const auto join = [&](int) { Communicator(default_device(), id, 0, 1); };
  {
    const Communicator alone(default_device(), id, 0, 1);
    all_tell(in_threads(1, join), "the id has been used");
    EXPECT_EQ(value(all_reduce(alone, array({}, {3}), reduction::sum)), 3);
  }
  all_tell(in_threads(1, join), "the id has been used");
  id[8] ^= 1;
  all_tell(in_threads(1, join), "another process's");
  id[0] ^= 1;
  all_tell(in_threads(1, join), "isn't one of this device's");
  id = Communicator::unique_id();
  all_tell(in_threads(1, [&](int) { Communicator(default_device(), id, -1, 2); }), "counted from 0");
  all_tell(in_threads(1, [&](int) { Communicator(default_device(), id, 0, 0); }), "rank 0 of 0");
  all_tell(in_threads(1, [&](int) { Communicator(default_device(), id, 0, 33); }), "1 to 32 ranks in a process, not 33");
  all_tell(in_threads(1, [&](int) { Communicator(default_device(), id, 0, 1, -1); }), "must not be negative");
}

TEST(CollectivesErrors, DifferentCallsAreToldToAllRanks) {
  const Array two = array({2}, {1, 2}), row = array({1, 2}, {1, 2}), whole = array({2}, {1, 2}, dtype::i32), three = array({3}, {1, 2, 3});
  const auto pair = [&](auto first, auto second) {
    return as_ranks(2, [&](const Communicator& by) {
      if (by.rank() == 0)
        first(by);
      else
        second(by);
    });
  };
  const auto sum = [](const Array& a) { return [a](const Communicator& by) { all_reduce(by, a, reduction::sum); }; };
  const auto from = [&](int root) { return [=](const Communicator& by) { broadcast(by, two, root); }; };
  all_tell(pair(sum(two), sum(row)),
           "[all_reduce] ranks differ: rank 0 comes for all_reduce sum of float32 (2), rank 1 for all_reduce sum of float32 (1, 2)");
  all_tell(pair(sum(two), sum(three)), "rank 1 for all_reduce sum of float32 (3)");
  all_tell(pair(sum(two), sum(whole)), "rank 1 for all_reduce sum of int32 (2)");
  all_tell(pair(sum(two), from(0)), "rank 1 for broadcast of float32 (2) from rank 0");
  all_tell(pair(from(0), from(1)), "rank 1 for broadcast of float32 (2) from rank 1");
  all_tell(pair(sum(two), [&](const Communicator& by) { all_reduce(by, two, reduction::max); }), "rank 1 for all_reduce max of");
}

TEST(CollectivesErrors, WhoLeavesOrAbortsWakesTheOthers) {
  const Array x = array({2}, {1, 2});
  const auto left = as_ranks(3, [&](const Communicator& by) {
    if (by.rank() == 1) return;
    EXPECT_THROW(all_reduce(by, x, reduction::sum), DeviceError);
    all_reduce(by, x, reduction::sum);
  });
  EXPECT_EQ(left[1], "");
  all_tell({left[0], left[2]}, "[all_reduce] rank 1 has left");
  all_tell(as_ranks(3,
                    [&](const Communicator& by) {
                      if (by.rank() == 1) by.abort();
                      broadcast(by, x, 0);
                    }),
           "[broadcast] rank 1 has aborted");
  // By another thread, while the rank waits.
  const Communicator::Id id = Communicator::unique_id();
  std::optional<Communicator> quiet;
  std::thread other([&] { quiet.emplace(default_device(), id, 1, 2); });
  const Communicator by(default_device(), id, 0, 2);
  other.join();
  std::thread waits([&] { EXPECT_THROW(all_reduce(by, x, reduction::sum), DeviceError); });
  by.abort();
  waits.join();
}

TEST(CollectivesErrors, CapturesInHostMemoryRefuseThem) {
  must(1, [](const Communicator& by) {
    const auto x = ones<2>();
    EXPECT_THROW(capture([&] { return by.all_reduce(x); }), GraphError);
    EXPECT_EQ(by.all_reduce(x)(0), 1);
  });
}

}  // namespace
}  // namespace mushin::core::test
