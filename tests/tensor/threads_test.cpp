// The pool: every index once, borders that depend on the size alone, nesting, several callers at once.
#include "core/threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace mushin::core {
namespace {

template <class F>
void over(std::uint64_t n, std::uint64_t grain, F f) {
  parallel_for(
      n, grain, [](void* arg, std::uint64_t begin, std::uint64_t end) { (*static_cast<F*>(arg))(begin, end); }, &f);
}

TEST(ParallelFor, VisitsEveryIndexOnce) {
  for (const std::uint64_t n : {1u, 2u, 7u, 64u, 1000u, 70'001u})
    for (const std::uint64_t grain : {1u, 3u, 64u, 100'000u}) {
      std::vector<std::atomic<int>> visits(n);
      over(n, grain, [&](std::uint64_t begin, std::uint64_t end) {
        for (; begin < end; ++begin) visits[begin].fetch_add(1);
      });
      for (std::uint64_t i = 0; i < n; ++i) ASSERT_EQ(visits[i].load(), 1) << i << " of " << n << ", grain " << grain;
    }
}

TEST(ParallelFor, ChunksAreOfTheGrainWhateverTheirNumber) {
  for (const std::uint64_t n : {10u, 200'003u}) {
    std::mutex lock;
    std::set<std::pair<std::uint64_t, std::uint64_t>> chunks;
    over(n, 3, [&](std::uint64_t begin, std::uint64_t end) {
      const std::lock_guard locked(lock);
      chunks.emplace(begin, end);
    });
    ASSERT_EQ(chunks.size(), (n + 2) / 3);
    for (auto [begin, end] : chunks) {
      EXPECT_EQ(begin % 3, 0u);
      EXPECT_EQ(end, std::min(begin + 3, n));
    }
  }
}

TEST(ParallelFor, WorkersTakePart) {
  std::atomic<unsigned> here{0};
  std::atomic<bool> met{false};
  over(4, 1, [&](std::uint64_t, std::uint64_t) {  // each waits for another thread's
    ++here;
    for (int i = 0; i < 2000 && here < 2 && !met; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (here >= 2) met = true;
    --here;
  });
  EXPECT_TRUE(met);
}

TEST(ParallelFor, OneChunkIsTheCallers) {
  const auto me = std::this_thread::get_id();
  for (int i = 0; i < 1000; ++i) over(64, 64, [&](std::uint64_t, std::uint64_t) { EXPECT_EQ(std::this_thread::get_id(), me); });
}

TEST(ThreadCount, IsTheVariables) { EXPECT_EQ(thread_count(), 4u); }

TEST(ParallelFor, NothingToDoCallsNothing) {
  over(0, 4, [](std::uint64_t, std::uint64_t) { FAIL() << "called for an empty range"; });
}

TEST(ParallelFor, NestedCallsRunInTheSameThread) {
  std::atomic<int> elsewhere{0}, inner{0};
  over(8, 1, [&](std::uint64_t, std::uint64_t) {
    const auto me = std::this_thread::get_id();
    over(16, 1, [&](std::uint64_t, std::uint64_t) {
      inner.fetch_add(1);
      if (std::this_thread::get_id() != me) elsewhere.fetch_add(1);
    });
  });
  EXPECT_EQ(inner.load(), 8 * 16);
  EXPECT_EQ(elsewhere.load(), 0);
}

TEST(ParallelFor, CallersInSeveralThreadsAllFinish) {
  std::atomic<std::uint64_t> total{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t)
    callers.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) over(64, 4, [&](std::uint64_t begin, std::uint64_t end) { total.fetch_add(end - begin); });
    });
  for (auto& c : callers) c.join();
  EXPECT_EQ(total.load(), 4u * 2000 * 64);
}

// Callers in several threads, each with calls within its calls: all share the workers that there are.
TEST(ParallelFor, NestedCallersShareOneSetOfWorkers) {
  constexpr unsigned callers = 6;
  std::mutex lock;
  std::set<std::thread::id> seen;
  std::atomic<unsigned> running{0}, most{0};
  const auto chunk = [&](std::uint64_t, std::uint64_t) {
    const unsigned now = ++running;
    for (unsigned known = most; known < now && !most.compare_exchange_weak(known, now);) {
    }
    {
      const std::lock_guard locked(lock);
      seen.insert(std::this_thread::get_id());
    }
    --running;
  };
  std::vector<std::thread> all;
  for (unsigned t = 0; t < callers; ++t)
    all.emplace_back([&] {
      for (int round = 0; round < 100; ++round) over(16, 1, [&](std::uint64_t, std::uint64_t) { over(8, 1, chunk); });
    });
  for (auto& c : all) c.join();
  EXPECT_GE(seen.size(), callers);
  EXPECT_LE(seen.size(), callers + thread_count() - 1);
  EXPECT_LE(most.load(), callers + thread_count() - 1);
}

}  // namespace
}  // namespace mushin::core
