// The core over a device that works later, in memory of its own, and fails on demand.
#include <errno.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "core/literal.hpp"
#include "core/node.hpp"
#include "fakegpu.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/ops/softmax.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core::test {
namespace {

class Async : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { set_default_device(device_of(gpu)); }
  void TearDown() override {
    synchronize(device_of(gpu));
    set_default_device("builtin");
  }
  core::Device* const gpu = fake(GetParam());
  core::Device* const other = fake(1 - GetParam());
};
INSTANTIATE_TEST_SUITE_P(Fake, Async, testing::Values(0, 1));

TEST_P(Async, ItIsAsFarFromTheHostAsADeviceMayBe) {
  const Array x = array({4}, {1, 2, 3, 4});
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], node_of(x)->block->buffer, 1), -1) << "the host reads its memory";
  EXPECT_EQ(errno, EFAULT);
  close(ends[0]), close(ends[1]);
  EXPECT_EQ(gpu->info.pw_max_in, 12u);  // the least that the boundary allows
  EXPECT_EQ(gpu->info.pw_max_out, 4u);
  EXPECT_EQ(gpu->info.pw_max_inst, 64u);
}

TEST_P(Async, EveryReadWaits) {
  Array x = array({8}, Values(8, 1));
  for (int i = 0; i < 100; ++i) {
    x = add(x, x);
    evaluate(x);
    x = mul(x, literal(0.5, dtype::f32));
    evaluate(x);
  }
  float one = 0;
  const std::int64_t at[] = {3};
  read_one("at", x, at, &one);
  EXPECT_EQ(one, 1);
  EXPECT_EQ(values(x), Values(8, 1));
}

TEST_P(Async, WhatAnUploadReadMayGoAtOnce) {
  std::vector<Array> made;
  for (int i = 0; i < 50; ++i) {
    std::vector<float> from(1000, static_cast<float>(i));
    made.push_back(from_values({1000}, dtype::f32, from.data()));
    from.assign(1000, -1);
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(value(slice(made[static_cast<std::size_t>(i)], 0, 999, 1000)), i);
}

TEST_P(Async, MemoryIsReusedAfterItsLastUse) {
  const Array one = array({4096}, Values(4096, 1));
  std::vector<Array> sums;
  for (int i = 0; i < 40; ++i) {
    const Array a = array({4096}, Values(4096, i)), b = add(a, one);  // freed while all of this is queued
    sums.push_back(sum(b, 1, false));
  }
  for (int i = 0; i < 40; ++i) EXPECT_EQ(value(sums[static_cast<std::size_t>(i)]), 4096 * (i + 1));
}

TEST_P(Async, PartsOfOneBufferAreApart) {
  { const Array whole = array({1 << 19}, Values(1 << 19, -1)); }  // its memory is cut from here on
  std::vector<Array> parts;
  std::set<std::uint64_t> places;
  for (int i = 0; i < 24; ++i) {
    const std::int64_t n = 16384 * (1 + i % 5);
    const Array made = array({n}, Values(static_cast<std::size_t>(n), i)), sum = add(made, made);
    evaluate(sum);
    parts.push_back(i % 2 ? sum : made);
    const Block* b = node_of(parts.back())->block;
    places.insert(b->begin);
    if (i % 3 == 2) parts[static_cast<std::size_t>(i) - 2] = array({1}, {static_cast<double>(i - 2)});
  }
  EXPECT_GT(*places.rbegin(), 0u) << "nothing was cut";
  for (int i = 0; i < 24; ++i) {
    const Array& part = parts[static_cast<std::size_t>(i)];
    const double expected = i % 3 == 0 ? i : i % 2 ? 2 * i : i;
    EXPECT_EQ(values(part), Values(static_cast<std::size_t>(part.sizes().count()), expected)) << i;
    EXPECT_EQ(values(to_device(part, other)), values(part)) << i;
  }
  const Array matrix = reshape(parts[4], {128, 640});
  EXPECT_EQ(value(slice(reshape(matmul(matrix, transpose(matrix)), {128 * 128}), 0, 128 * 128 - 1, 128 * 128)), 640 * 16);
}

TEST_P(Async, LiteralsAreWrittenOnce) {
  const Array x = array({3}, {1, 2, 3}), seven = full({3}, dtype::f32, 7);
  EXPECT_EQ(values(add(x, seven)), (Values{8, 9, 10}));
  EXPECT_EQ(values(mul(x, literal(1.5, dtype::f32))), (Values{1.5, 3, 4.5}));
  EXPECT_EQ(values(matmul(reshape(seven, {1, 3}), reshape(x, {3, 1}))), Values{42});
}

TEST_P(Async, ALiteralGivesBackItsOldMemory) {
  value(add(array({1}, {1}), literal(7.25, dtype::f32)));  // the device keeps the number
  const auto before = memory_stats(device_of(gpu)).in_use;
  {
    const Array x = array({300}, Values(300, 2)), seven = full({300}, dtype::f32, 7.25);
    EXPECT_EQ(value(sum(add(x, seven), 1, false)), 300 * 9.25);
    EXPECT_EQ(value(sum(permute(add(seven, x), std::vector<unsigned>{0}.data()), 1, false)), 300 * 9.25);
    evaluate(seven);
    EXPECT_EQ(value(seven), 7.25);
  }
  EXPECT_EQ(memory_stats(device_of(gpu)).in_use, before);
}

TEST_P(Async, ValuesMoveBetweenDevices) {
  const Array x = array({2, 3}, {1, 2, 3, 4, 5, 6}), there = to_device(add(transpose(x), literal(1, dtype::f32)), other);
  EXPECT_EQ(there.device(), other);
  EXPECT_EQ(values(there), (Values{2, 5, 3, 6, 4, 7}));
  const Array home = to_device(slice(there, 0, 1, 3), mushin::device("builtin").raw());
  EXPECT_EQ(values(home), (Values{3, 6, 4, 7}));
  EXPECT_EQ(values(mul(to_device(transpose(home), gpu), literal(2, dtype::f32))), (Values{6, 8, 12, 14}));
  EXPECT_NE(error_of<DeviceError>([&] { add(there, transpose(x)); }).find("operands are on different devices"), std::string::npos);
  EXPECT_EQ(to_device(array({0, 3}, {}), other).sizes().count(), 0);
}

TEST_P(Async, SeveralThreadsShareADevice) {
  std::vector<std::thread> team;
  const Array shared = array({64}, Values(64, 3));
  for (int t = 0; t < 4; ++t)
    team.emplace_back([&, t] {
      for (int i = 0; i < 30; ++i) {
        const Array mine = array({64}, Values(64, t)), there = to_device(add(mine, shared), other);
        EXPECT_EQ(values(there), Values(64, t + 3));
        EXPECT_EQ(value(sum(mul(mine, shared), 1, false)), 64 * 3 * t);
      }
    });
  for (auto& t : team) t.join();
}

TEST_P(Async, AnErrorComesWithTheNextReadAndStaysUntilSynchronize) {
  const Array x = array({3}, {1, 2, 3}), fine = add(x, x);
  evaluate(fine);
  const Array wrong = gather(x, 0, array({1}, {5}, dtype::i64));
  const std::string text = "[gather] index out of range: 5 in an axis of extent 3";
  EXPECT_EQ(error_of<ShapeError>([&] { values(wrong); }), text);
  EXPECT_EQ(error_of<ShapeError>([&] { values(wrong); }), text) << "whoever else reads must not take it for a value";
  EXPECT_EQ(error_of<ShapeError>([&] { synchronize(device_of(gpu)); }), text);
  EXPECT_EQ(values(fine), (Values{2, 4, 6}));
  synchronize(device_of(gpu));
}

TEST_P(Async, AFailedRunIsThePluginsError) {
  const Array x = array({3}, {1, 2, 3});
  const Fault fault("FAIL_RUN", GetParam(), 2);
  evaluate(add(x, x));
  const Array failed = mul(x, x);
  evaluate(failed);
  const std::string reason = device_of(gpu).name() + std::string(" reported error 7: the run that was to fail");
  EXPECT_EQ(error_of<PluginError>([&] { values(failed); }), "[read] " + reason);
  EXPECT_EQ(error_of<PluginError>([&] { synchronize(device_of(gpu)); }), "[synchronize] " + reason);
  EXPECT_EQ(values(mul(x, x)), (Values{1, 4, 9}));
}

// A device that refuses optional opcodes gets several core ones for each: what fits as it is written may not fit written out.
TEST_P(Async, OptionalOpcodesCountAsWhatTheyAreWrittenOutTo) {
  const auto chain = [](Array x) {
    for (int i = 0; i < 44; ++i) x = sigmoid(x);
    return x;
  };
  const Values at{-2, 0, 0.5, 3};
  const Values got = values(chain(array({4}, at)));
  set_default_device("builtin");
  expect_near(got, values(chain(array({4}, at))), 1e-5);
}

TEST_P(Async, AFullDeviceIsDrainedAndAskedOnceMore) {
  Array x = array({1000}, Values(1000, 1));
  std::vector<Array> sums;
  for (int i = 0; i < 10; ++i) {
    const Array y = add(x, x);
    sums.push_back(sum(y, 1, false));
  }
  EXPECT_GT(memory_stats(device_of(gpu)).cached, 0u);
  const Fault fault("OOM", GetParam(), 1);
  const Array large = add(full({5000}, dtype::f32, 1), literal(2, dtype::f32)), stored = sub(array({5000}, Values(5000, 9)), large);
  EXPECT_EQ(value(sum(stored, 1, false)), 5000 * 6);
  for (const Array& s : sums) EXPECT_EQ(value(s), 2000);
}

TEST_P(Async, ARunWithoutMemoryIsTriedOnceMore) {
  const Array x = array({3}, {1, 2, 3});
  const Fault fault("OOM_RUN", GetParam(), 1);
  EXPECT_EQ(values(add(x, x)), (Values{2, 4, 6}));
}

TEST_P(Async, OutOfMemoryNamesTheOpAndLeavesAllAsItWas) {
  const Array x = array({512, 512}, Values(1 << 18, 1));
  std::vector<Array> held;
  const std::string text = error_of<OutOfMemory>([&] {
    for (;;) {
      held.push_back(add(x, literal(static_cast<double>(held.size()), dtype::f32)));
      evaluate(held.back());
    }
  });
  EXPECT_EQ(text.find(std::string("[add] no memory left on ") + device_of(gpu).name() + ": asked for 1048576 bytes, "), 0u) << text;
  EXPECT_NE(text.find("; largest owners: add "), std::string::npos) << text;
  const bool limited = std::getenv("MUSHIN_MEMORY_LIMIT") != nullptr;
  EXPECT_EQ(text.find(" cached, MUSHIN_MEMORY_LIMIT is 17301504;") != std::string::npos, limited) << text;
  const MemoryStats full = memory_stats(device_of(gpu));
  EXPECT_EQ(full.in_use + full.cached <= 17301504u, limited);
  const double last = static_cast<double>(held.size());
  held.erase(held.begin(), held.end() - 2);
  EXPECT_EQ(value(max(held.back(), 3, false)), last) << "it was pending, and there is room again";
  EXPECT_EQ(value(max(held.front(), 3, false)), last - 1);
}

// With streams: uploads, downloads and computing beside each other. A run that is to fail tells whether it was done.
class Streamed : public Async {
 protected:
  void SetUp() override {
    if (!gpu->streams) GTEST_SKIP() << "one stream";
    Async::SetUp();
  }
  // Queues x * x, which fails when it is done.
  Array queue_failure(const Array& x) const {
    const Fault fault("FAIL_RUN", GetParam(), 1);
    Array failed = mul(x, x);
    evaluate(failed);
    return failed;
  }
  void expect_failure_of(const Array& x) const {
    EXPECT_NE(error_of<PluginError>([&] { values(x); }).find("the run that was to fail"), std::string::npos);
    EXPECT_THROW(synchronize(device_of(gpu)), PluginError);
  }
  static mu_buffer* memory_of(const Array& a) { return node_of(a)->block->buffer; }
};
INSTANTIATE_TEST_SUITE_P(Fake, Streamed, testing::Values(0, 1));

TEST_P(Streamed, AnUploadPassesWhatIsQueued) {
  const Array x = array({1000}, Values(1000, 1));
  evaluate(add(x, x));
  const Array failed = queue_failure(x), y = array({1000}, Values(1000, 7));
  EXPECT_EQ(values(y), Values(1000, 7)) << "it would throw if the queued run had been done";
  EXPECT_EQ(value(slice(to_device(y, other), 0, 999, 1000)), 7);
  expect_failure_of(failed);
}

TEST_P(Streamed, WhatWasComputedWithAnUploadIsReadBehindIt) {
  const Array x = array({1000}, Values(1000, 1)), failed = queue_failure(x), y = array({1000}, Values(1000, 7));
  evaluate(add(y, y));
  expect_failure_of(y);
  expect_failure_of(queue_failure(failed));
}

TEST_P(Streamed, ComputingWaitsForUploads) {
  std::vector<Array> sums;
  const Array weight = array({64}, Values(64, 2));
  for (int i = 0; i < 30; ++i) {
    const Array a = array({64}, Values(64, i)), b = array({64}, Values(64, 1)), unused = array({64}, Values(64, -1));
    sums.push_back(sum(add(mul(a, weight), b), 1, false));
  }
  for (int i = 0; i < 30; ++i) EXPECT_EQ(value(sums[static_cast<std::size_t>(i)]), 64 * (2 * i + 1));
}

TEST_P(Streamed, AnUploadIntoFreedMemoryWaitsForItsLastUse) {
  const Array one = array({3000}, Values(3000, 1));
  std::vector<Array> results;
  unsigned reused = 0;
  for (int i = 0; i < 20; ++i) {
    Array x = array({3000}, Values(3000, i));
    results.push_back(add(x, one));
    evaluate(results.back());
    mu_buffer* const memory = memory_of(x);
    x = one;  // the run is queued, and nobody holds its operand any more
    const Array next = array({3000}, Values(3000, -7));
    reused += memory_of(next) == memory;
    EXPECT_EQ(values(next), Values(3000, -7));
  }
  EXPECT_GT(reused, 10u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(values(results[static_cast<std::size_t>(i)]), Values(3000, i + 1));
}

TEST_P(Streamed, AnUploadDoesNotWaitForALastUseThatIsDone) {
  Array x = array({3000}, Values(3000, 1));
  const Array one = array({10}, Values(10, 1)), y = add(x, x);
  EXPECT_EQ(value(y), 2);
  mu_buffer* const memory = memory_of(x);
  x = one;
  const Array failed = queue_failure(one), next = array({3000}, Values(3000, 5));
  EXPECT_EQ(memory_of(next), memory);
  EXPECT_EQ(values(next), Values(3000, 5));
  expect_failure_of(failed);
}

TEST_P(Streamed, ComputingInMemoryThatWasLetGoOfWaitsForItsUpload) {
  const Array x = array({3000}, Values(3000, 2));
  Array unused = array({3000}, Values(3000, -1));
  mu_buffer* const memory = memory_of(unused);
  unused = x;
  const Array y = add(x, x);
  evaluate(y);
  EXPECT_EQ(memory_of(y), memory);
  synchronize(device_of(gpu));
  EXPECT_EQ(values(y), Values(3000, 4));
}

TEST_P(Streamed, WhatTheCoreWritesAndUploadsTakeTurnsInOneBlock) {
  std::vector<Array> results;
  const Array x = array({1}, {1});
  for (int i = 0; i < 50; ++i) {
    results.push_back(mul(x, literal(i + 0.5, dtype::f32)));
    evaluate(results.back());
    EXPECT_EQ(value(array({1}, {-3})), -3);
    const Array unread[] = {array({1}, {-4}), array({1}, {-5}), array({1}, {-6})};  // for the next result, literal, and workspace
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(value(results[static_cast<std::size_t>(i)]), i + 0.5);
}

TEST_P(Streamed, WorkspaceWaitsForAnUploadThatNobodyUsed) {
  const Array x = array({1}, {2}), y = array({1}, {3});
  for (int i = 0; i < 10; ++i) {
    static_cast<void>(array({64}, Values(64, -1)));  // 256 bytes, as the workspace of each run
    EXPECT_EQ(value(add(x, y)), 5);
  }
}

TEST_P(Streamed, ManyUploadsMayWaitToBeUsed) {
  std::vector<Array> all;
  for (int i = 0; i < 200; ++i) all.push_back(array({16}, Values(16, i)));
  for (std::size_t i = 1; i < 200; ++i) {
    all[i] = add(all[i - 1], all[i]);
    evaluate(all[i]);
  }
  EXPECT_EQ(values(all[199]), Values(16, 199 * 100));
}

TEST_P(Streamed, ManyUploadsMayBeReadAtOnce) {
  synchronize(device_of(gpu));
  std::vector<Array> all;
  for (int i = 0; i < 200; ++i) all.push_back(array({16}, Values(16, i)));
  for (int i = 0; i < 200; ++i) EXPECT_EQ(values(all[static_cast<std::size_t>(i)]), Values(16, i));
}

TEST_P(Streamed, AFailedUploadReachesWhoeverReads) {
  const Array x = array({3}, {1, 2, 3});
  const std::string reason = device_of(gpu).name() + std::string(" reported error 7: the upload that was to fail");
  for (const bool computed : {false, true}) {
    const Fault fault("FAIL_UPLOAD", GetParam(), 1);
    const Array y = array({3}, {4, 5, 6}), z = computed ? add(x, y) : y;
    EXPECT_EQ(error_of<PluginError>([&] { values(z); }), "[read] " + reason);
    EXPECT_EQ(error_of<PluginError>([&] { value(z); }), "[read] " + reason) << "until synchronize has told it";
    EXPECT_EQ(error_of<PluginError>([&] { synchronize(device_of(gpu)); }), "[synchronize] " + reason);
    EXPECT_EQ(values(x), (Values{1, 2, 3}));
  }
}

// What an optimiser would write for each of its parameters.
TEST_P(Streamed, ANumberIsWrittenOnce) {
  const Array x = array({3}, {1, 2, 3}), first = array({1}, {0}, dtype::i64);
  const auto times = [&](double number) {
    const Array y = mul(x, literal(number, dtype::f32));
    evaluate(y);
    return y;
  };
  EXPECT_EQ(values(times(2.5)), (Values{2.5, 5, 7.5}));
  EXPECT_EQ(values(times(-12.25)), (Values{-12.25, -24.5, -36.75}));
  {
    const Fault fault("FAIL_UPLOAD", GetParam(), 1);
    EXPECT_EQ(values(times(2.5)), (Values{2.5, 5, 7.5}));
    EXPECT_EQ(values(times(-12.25)), (Values{-12.25, -24.5, -36.75}));
    EXPECT_EQ(values(scatter_add(x, 0, first, broadcast_to(literal(2.5, dtype::f32), {1}), true)), (Values{3.5, 2, 3})) << "as memory, too";
    EXPECT_THROW(values(times(4.75)), PluginError) << "a new one is written";
    EXPECT_THROW(synchronize(device_of(gpu)), PluginError);
  }
  EXPECT_EQ(values(times(4.75)), (Values{4.75, 9.5, 14.25})) << "what failed is not kept";
  EXPECT_EQ(values(times(2.5)), (Values{2.5, 5, 7.5}));
  for (int round = 0; round < 2; ++round)
    for (int i = 0; i < 300; ++i) ASSERT_EQ(values(times(i + 0.375)), (Values{i + 0.375, 2 * i + 0.75, 3 * i + 1.125}));
}

TEST_P(Streamed, LiteralsAreJoinedToWhatIsOnTheDevice) {
  const auto number = [](double v, std::int64_t n) { return broadcast_to(literal(v, dtype::f32), {n}); };
  const Array x = array({3}, {1, 2, 3});
  set_default_device("builtin");  // where literals belong that nothing else places
  const Array parts[] = {number(0, 1), x, number(2.5, 2)};
  const Array whole = concat(parts, 3, 0, "concat");
  EXPECT_EQ(whole.device(), x.device());
  EXPECT_EQ(values(whole), (Values{0, 1, 2, 3, 2.5, 2.5}));
}

TEST_P(Streamed, LoadersComputersAndReadersShareADevice) {
  std::vector<std::thread> team;
  std::vector<Array> loaded(4 * 50, array({500}, Values(500, 0)));
  std::atomic<std::size_t> ready[4]{};
  for (std::size_t t = 0; t < 4; ++t) {
    team.emplace_back([&, t] {
      for (std::size_t i = 0; i < 50; ++i) {
        loaded[t * 50 + i] = array({500}, Values(500, static_cast<double>(i)));
        ready[t].store(i + 1, std::memory_order_release);
      }
    });
    team.emplace_back([&, t] {
      const Array weight = array({500}, Values(500, 3));
      for (std::size_t i = 0; i < 50; ++i) {
        while (ready[t].load(std::memory_order_acquire) <= i) std::this_thread::yield();
        const Array y = mul(std::exchange(loaded[t * 50 + i], weight), weight);
        EXPECT_EQ(value(sum(add(y, weight), 1, false)), 1500 * (static_cast<double>(i) + 1));
      }
    });
  }
  for (int i = 0; i < 20; ++i) synchronize(device_of(gpu));
  for (auto& t : team) t.join();
}

}  // namespace
}  // namespace mushin::core::test
