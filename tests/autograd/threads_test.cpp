// Graphs of several threads; run under ThreadSanitizer too.
#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

template <class F>
void in_threads(int count, F f) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(f, i);
  for (auto& t : threads) t.join();
}

TEST(Threads, BuildGraphsOfTheirOwn) {
  std::vector<double> results(4);
  in_threads(4, [&](int i) {
    auto w = variable(fill<double>(i + 1.0));
    for (int step = 0; step < 200; ++step) {
      auto z = w * w * w;
      z.backward();
    }
    results[static_cast<std::size_t>(i)] = w.grad().item();
  });
  for (int i = 0; i < 4; ++i) EXPECT_EQ(results[static_cast<std::size_t>(i)], 200 * 3.0 * (i + 1) * (i + 1));
}

TEST(Threads, AddToOneVariable) {
  auto w = variable(tensor<2>({1, 2}));
  in_threads(4, [&](int) {
    for (int step = 0; step < 100; ++step) (w * w).backward();
  });
  EXPECT_TRUE(equal(w.grad(), Ref{{2}, {800, 1600}}));
}

TEST(Threads, DifferentiateOneGraph) {
  auto w = variable(tensor<2>({1, 2}));
  Traced<float, 2> z = w;
  for (int i = 0; i < 100; ++i) z = z * 1.0f + w;
  in_threads(4, [&](int) {
    for (int step = 0; step < 20; ++step) EXPECT_TRUE(equal(grad(z, w), Ref{{2}, {101, 101}}));
  });
}

TEST(Threads, HandGraphsOver) {
  auto w = variable(fill<double>(2.0));
  std::optional<Traced<double>> z;
  std::thread([&] {
    for (int i = 0; i < 1000; ++i) z = w * w;
    z = *z * w;
  }).join();
  // A thread that recorded nothing so far continues the graph: its nodes are newer all the same.
  auto longer = *z * w;
  z.reset();
  longer.backward();
  EXPECT_EQ(w.grad().item(), 32);
  std::thread([moved = std::move(longer)] {}).join();
}

TEST(Threads, OneMayStopRecordingAlone) {
  auto w = variable(ones<2>());
  no_grad([&] { std::thread([&] { (w * w).backward(); }).join(); });
  EXPECT_TRUE(equal(w.grad(), Ref{{2}, {2, 2}}));
}

}  // namespace
}  // namespace mushin::test
