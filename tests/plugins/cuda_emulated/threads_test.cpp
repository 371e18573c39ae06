// The threads that stand for a block's: who waits for whom, and what they bring each other.
#include "threads.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "../../support/sanitized.hpp"

namespace emulated {
namespace {

unsigned now = 0;  // the thread that goes on

struct EmulatedThreads : testing::Test {
  void SetUp() override {
    if (mushin::test::address_sanitized) GTEST_SKIP() << "skipped: the sanitizer doesn't follow a thread from stack to stack";
  }
  bool run(unsigned threads, const std::function<void()>& f) {
    return run_block(threads, f, [](unsigned i) { now = i; });
  }
};

TEST_F(EmulatedThreads, ShufflesBringWhatTheLaneOfTheSameWarpHas) {
  std::vector<double> got(70);
  ASSERT_TRUE(run(64, [&] {
    const unsigned me = now;
    const double once = shuffle(100.0 + me, lane() + 1), twice = shuffle(once, lane() ^ 16u);
    got[me] = twice;
  }));
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(got[i], 100.0 + i / 32 * 32 + ((i % 32 ^ 16u) + 1) % 32) << i;
}

TEST_F(EmulatedThreads, WarpsGoAheadOfEachOtherBetweenBarriersAndNoFarther) {
  std::vector<unsigned> order;
  ASSERT_TRUE(run(64, [&] {
    const unsigned warp = now / 32;
    for (int i = 0; i < 3; ++i) {
      shuffle(i, 0);
      if (lane() == 0) order.push_back(warp);
    }
    meet_block();
    if (lane() == 0) order.push_back(warp);
  }));
  EXPECT_EQ(order, (std::vector<unsigned>{0, 0, 0, 1, 1, 1, 1, 0}));
}

TEST_F(EmulatedThreads, WhatNeverComesIsToldAndTheNextBlockRuns) {
  for (const auto& stuck : {+[] {
                              if (now) meet_block();
                            },
                            +[] {
                              if (lane() == 5)
                                meet_block();
                              else
                                meet_warp();
                            }}) {
    testing::internal::CaptureStderr();
    EXPECT_FALSE(run(32, stuck));
    EXPECT_NE(testing::internal::GetCapturedStderr().find("threads of a block wait for what never comes"), std::string::npos);
    unsigned count = 0;
    EXPECT_TRUE(run(32, [&] { meet_block(), ++count; }));
    EXPECT_EQ(count, 32u);
  }
}

}  // namespace
}  // namespace emulated
