// The core over a device that works later, in memory of its own, and fails on demand.
#include <gtest/gtest.h>

#include <thread>

#include "core/literal.hpp"
#include "core/node.hpp"
#include "fakegpu.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
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

TEST_P(Async, LiteralsAreWrittenOnce) {
  const Array x = array({3}, {1, 2, 3}), seven = full({3}, dtype::f32, 7);
  EXPECT_EQ(values(add(x, seven)), (Values{8, 9, 10}));
  EXPECT_EQ(values(mul(x, literal(1.5, dtype::f32))), (Values{1.5, 3, 4.5}));
  EXPECT_EQ(values(matmul(reshape(seven, {1, 3}), reshape(x, {3, 1}))), Values{42});
}

TEST_P(Async, ALiteralGivesBackItsOldMemory) {
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
  const double last = static_cast<double>(held.size());
  held.erase(held.begin(), held.end() - 2);
  EXPECT_EQ(value(max(held.back(), 3, false)), last) << "it was pending, and there is room again";
  EXPECT_EQ(value(max(held.front(), 3, false)), last - 1);
}

}  // namespace
}  // namespace mushin::core::test
