// Captured functions as the device's own graphs, where it has the extension mushin.graph.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "mushin/autograd.hpp"
#include "mushin/tensor/capture.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;

namespace {

using mushin::test::throws;

// A fake device's counters of graphs, of launches, and of updates; the last two tell one for each replay.
struct GraphCounts {
  long graphs = 0, launches = 0, updates = 0;
};
GraphCounts graph_counts() {
  GraphCounts c;
  for (const mu::PluginMessage& m : mu::plugin_messages()) {
    int device = 0;
    std::sscanf(m.text, "fakegpu:%d graph %ld:", &device, &c.graphs);
    std::sscanf(m.text, "fakegpu:%d launch %ld:", &device, &c.launches);
    std::sscanf(m.text, "fakegpu:%d update %ld:", &device, &c.updates);
  }
  return c;
}
bool on_fake() { return std::string(mu::default_device().name()).starts_with("fakegpu"); }
bool is_set(const char* name, const char* value) {
  const char* set = std::getenv(name);
  return set && std::string(set) == value;
}
bool with_graphs() { return on_fake() && !is_set("MUSHIN_FAKEGPU_GRAPHS", "0") && !std::getenv("MUSHIN_FAKEGPU_UNSAFE"); }

TEST(CaptureGraph, AReplayIsOneLaunchOfWhatWasMadeOnce) {
  if (!on_fake()) GTEST_SKIP();
  const auto x = mu::randn<4, 4>(), other = mu::randn<4, 4>();
  auto step = mu::capture([](const auto& a) { return mu::matmul(a, mu::tanh(mu::matmul(a, a))); }, mu::randn<4, 4>());
  const GraphCounts before = graph_counts();
  step(x);
  const GraphCounts first = graph_counts();
  EXPECT_EQ(first.graphs - before.graphs, with_graphs());
  for (int i = 0; i < 5; ++i) step(x);
  const GraphCounts same = graph_counts();
  EXPECT_EQ(same.launches - before.launches, with_graphs() ? 6 : 0);
  EXPECT_EQ(same.graphs, first.graphs);
  EXPECT_EQ(same.updates, first.updates) << "nothing has moved";
  step(other);
  const GraphCounts moved = graph_counts();
  const bool follows = !is_set("MUSHIN_FAKEGPU_UPDATES", "0");
  EXPECT_EQ(moved.updates - same.updates, with_graphs() && follows);
  EXPECT_EQ(moved.graphs - same.graphs, with_graphs() && !follows);
  EXPECT_EQ(moved.launches - same.launches, with_graphs());
}

// The device scribbles into its workspace.
TEST(CaptureGraph, AWorkspaceThatIsPartOfABufferLeavesTheOthersAlone) {
  if (!on_fake()) GTEST_SKIP();
  const auto held = mu::arange<458752>();        // 1.75 MiB: in what a larger test let go of
  mu::core::evaluate(mu::randn<65536>().raw());  // let go of: what finds no memory of its size is cut from it
  const auto base = mu::arange<6144>();
  std::vector<mu::Tensor<float, 6144>> kept;
  for (int i = 0; i < 8; ++i) mu::core::evaluate(kept.emplace_back(base * (static_cast<float>(i) + 0.5f)).raw());
  ASSERT_GT(mu::memory_stats(mu::default_device()).fragmented, 0u);
  const auto f = [](const auto& a) { return mu::matmul(a, mu::tanh(a)); };
  const auto x = mu::randn<4, 4>();
  const auto want = f(x).to_vector();
  auto step = mu::capture(f, x);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(step(x).to_vector(), want);
  for (int k = 0; k < 64; ++k) ASSERT_EQ(held(k), static_cast<float>(k));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const std::vector<float> values = kept[i].to_vector();
    for (std::size_t k = 0; k < values.size(); ++k) ASSERT_EQ(values[k], static_cast<float>(k) * (static_cast<float>(i) + 0.5f)) << i;
  }
}

// The fake counts anew when the text of a fault changes.
class Fault {
 public:
  Fault(const char* key, int nth, bool and_on = false)
      : name_("MUSHIN_FAKEGPU_" + (key + ("_" + std::string(mu::default_device().name()).substr(8)))) {
    static int count = 0;
    setenv(name_.c_str(), (std::to_string(nth) + (and_on ? "+" : "") + " for the fault " + std::to_string(++count)).c_str(), 1);
  }
  ~Fault() { unsetenv(name_.c_str()); }

 private:
  std::string name_;
};

TEST(CaptureGraph, FailuresAreToldAndTheNextReplayGoesOn) {
  if (!with_graphs()) GTEST_SKIP();
  const auto f = [](const auto& x) { return mu::matmul(x, x) + 1; };
  const auto x = mu::reshape<4, 4>(mu::linspace<16>(-1.0f, 1.0f));
  const auto want = f(x).to_vector();
  auto step = mu::capture(f, x);
  {
    const Fault fault("FAIL_GRAPH", 1);
    EXPECT_TRUE(throws<mu::PluginError>([&] { step(x); }, "[replay]"));
  }
  EXPECT_EQ(step(x).to_vector(), want) << "the graph is made again";
  {
    const Fault fault("FAIL_LAUNCH", 3);
    EXPECT_EQ(step(x).to_vector(), want);
    EXPECT_EQ(step(x).to_vector(), want);
    const auto wrong = step(x);
    EXPECT_TRUE(throws<mu::PluginError>([&] { wrong.to_vector(); }, "the launch that was to fail"));
  }
  EXPECT_TRUE(throws<mu::PluginError>([&] { mu::synchronize(mu::default_device()); }, "the launch that was to fail"));
  {
    const Fault fault("OOM_RUN", 1);
    EXPECT_EQ(step(x).to_vector(), want) << "tried again";
  }
  EXPECT_EQ(step(x).to_vector(), want);
}

// As a list; a graph is launched as a whole or not at all.
TEST(CaptureGraph, AStepThatFailedMidwayIsNotGoneOnWith) {
  if (!on_fake() || with_graphs()) GTEST_SKIP();
  mu::Variable<float, 4, 4> w{mu::randn<4, 4>()};
  auto step = mu::capture([&w] { w.set(mu::matmul(mu::matmul(w.value(), w.value()), w.value())); });
  auto pure = mu::capture([](const auto& x) { return mu::matmul(mu::matmul(x, x), x); }, mu::eye<4, 4>());
  {
    const Fault fault("OOM_RUN", 2, true);
    EXPECT_TRUE(throws<mu::OutOfMemory>([&] { step(); }, "no room for this run"));
  }
  EXPECT_TRUE(throws<mu::GraphError>([&] { step(); }, "[capture] a replay failed midway"));
  {
    const Fault fault("OOM_RUN", 2, true);
    EXPECT_TRUE(throws<mu::OutOfMemory>([&] { pure(mu::eye<4, 4>()); }, "no room for this run"));
  }
  EXPECT_EQ(pure(mu::eye<4, 4>()).to_vector(), (mu::eye<4, 4>()).to_vector()) << "which changes nothing";
}

/// Of which the second run of three can fail on the device, when the call has returned.
struct Cube {
  mu::Variable<float, 4, 4> w{mu::reshape<4, 4>(mu::linspace<16>(-1.0f, 1.0f))};
  auto captured() {
    return mu::capture([this] { w.set(mu::matmul(mu::matmul(w.value(), w.value()), w.value())); });
  }
  bool failed() const {
    return throws<mu::PluginError>([this] { w.value().to_vector(); }, "the run that was to fail");
  }
};
bool told_by_synchronize() {
  return throws<mu::PluginError>([] { mu::synchronize(mu::default_device()); }, "the run that was to fail");
}
constexpr char gone_on[] =
    "[capture] a replay failed midway, so that values which the function changes may be half changed: set them, and "
    "capture it anew (the run that was to fail)";

TEST(CaptureGraph, AStepThatFailedLaterIsNotGoneOnWith) {
  if (!on_fake()) GTEST_SKIP();
  Cube cube;
  auto step = cube.captured();
  auto pure = mu::capture([](const auto& x) { return mu::matmul(mu::matmul(x, x), x); }, mu::eye<4, 4>());
  step();
  {
    const Fault fault("FAIL_RUN", 2);
    step();
    EXPECT_TRUE(cube.failed());
  }
  EXPECT_TRUE(throws<mu::GraphError>([&] { step(); }, gone_on));
  EXPECT_TRUE(told_by_synchronize());
  EXPECT_TRUE(throws<mu::GraphError>([&] { step(); }, gone_on)) << "although the device is well again";
  cube.w.set(mu::eye<4, 4>());
  auto again = cube.captured();
  again();
  EXPECT_EQ(cube.w.value().to_vector(), (mu::eye<4, 4>()).to_vector());
  {
    const Fault fault("FAIL_RUN", 2);
    pure(mu::eye<4, 4>());
    EXPECT_TRUE(told_by_synchronize());
  }
  EXPECT_EQ(pure(mu::eye<4, 4>()).to_vector(), (mu::eye<4, 4>()).to_vector()) << "which changes nothing";
}

TEST(CaptureGraph, TheFirstRunMayFailLaterToo) {
  if (!on_fake()) GTEST_SKIP();
  Cube cube;
  const auto failing = [&] {
    const Fault fault("FAIL_RUN", 2);
    return cube.captured();
  };
  auto step = failing();
  EXPECT_TRUE(told_by_synchronize());
  EXPECT_TRUE(throws<mu::GraphError>([&] { step(); }, gone_on));
}

TEST(CaptureGraph, WhatFailsBesideAStepIsNotTheSteps) {
  if (!on_fake()) GTEST_SKIP();
  Cube a, b;
  auto step = a.captured(), other = b.captured();
  step();
  a.w.value().to_vector();  // all of it has succeeded until here
  {
    const Fault fault("FAIL_RUN", 2);
    other();
    EXPECT_TRUE(b.failed());
  }
  EXPECT_TRUE(told_by_synchronize());
  EXPECT_TRUE(throws<mu::GraphError>([&] { other(); }, gone_on));
  const auto before = a.w.value();
  step();
  EXPECT_EQ(a.w.value().to_vector(), mu::matmul(mu::matmul(before, before), before).to_vector());
}

}  // namespace
