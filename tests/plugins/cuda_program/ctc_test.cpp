// CTC by teams, on the host, against the builtin backend.
#include "ctc.hpp"

#include <array>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <thread>

#include "builtin.h"
#include "ctc_case.hpp"

namespace mushin::cuda::ctc {
namespace {

using namespace backend_test;

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

/// Lanes that are threads, of which one at a time goes on until it waits for the others: what it doesn't wait for isn't there yet, or is
/// gone. Values that are folded have to be there before.
class Turns {
 public:
  static constexpr int lanes = 3;

  /// f by all lanes, in this order or from the last on.
  template <class F>
  static void run(bool from_last, const F& f) {
    turn_ = 0, left_ = lanes, done_ = {};
    std::vector<std::thread> threads;
    for (int l = 0; l < lanes; ++l)
      threads.emplace_back([l, from_last, &f] {
        lane_ = l, place_ = from_last ? lanes - 1 - l : l;
        {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [] { return turn_ == place_; });
        }
        f();
        const std::lock_guard lock(mutex_);
        done_[static_cast<std::size_t>(place_)] = true, --left_;
        pass_on();
      });
    for (std::thread& t : threads) t.join();
  }
  static void barrier() {
    std::unique_lock lock(mutex_);
    EXPECT_EQ(left_, lanes) << "a lane has gone";
    pass_on();
    changed_.wait(lock, [] { return turn_ == place_; });
  }
  template <class F>
  static void each(Index n, const F& f) {
    for (Index i = lane_; i < n; i += lanes) f(Element{i, 0});
  }
  template <class J, class A, class F>
  static A fold(Index n, A start, const F& f) {
    for (Index i = 0; i < n; ++i) start = J::join(start, f(Element{i, 0}));
    return start;
  }
  template <class F>
  static void once(const F& f) {
    if (lane_ == 0) f();
  }

 private:
  static void pass_on() {
    if (left_ == 0) return;
    do turn_ = (turn_ + 1) % lanes;
    while (done_[static_cast<std::size_t>(turn_)]);
    changed_.notify_all();
  }
  static inline std::mutex mutex_;
  static inline std::condition_variable changed_;
  static inline int turn_ = 0, left_ = 0;
  static inline std::array<bool, lanes> done_{};
  static inline thread_local int lane_ = 0, place_ = 0;
};

template <class T>
struct Made {
  std::vector<T> values;
  std::vector<Finding> findings;
};

/// The workspace, of which nothing is read that wasn't written.
template <class T>
struct Room {
  std::vector<T> ways, on;
  std::vector<Link> links;
  std::vector<Index> sloped;
  Room(const Job& j, bool gradient)
      : ways(static_cast<std::size_t>(j.batch * (gradient ? j.time : 2) * j.most_states()), T(nan)),
        on(static_cast<std::size_t>(gradient ? j.batch * 2 * j.most_states() : 0), T(nan)),
        links(static_cast<std::size_t>(gradient ? j.batch * j.most : 0), Link{INT64_MIN, true}),
        sloped(static_cast<std::size_t>(gradient ? j.batch : 0), INT64_MAX) {}
};

// The last row first: they need no order.
template <class Rows, class Slopes, bool gradient, class T>
void compute_all(const Job& j, const Places& at, std::vector<Finding>& findings) {
  for (Index n = j.batch; n-- > 0;) compute_row<Rows, gradient, T>(j, at, n, [&](const Finding& f) { findings.push_back(f); });
  Slopes::barrier();
  if (gradient)
    for (Index i = j.time * j.batch; i-- > 0;) compute_slopes<Slopes, T>(j, at, i);
}
template <bool gradient, class T>
void compute_by(int size, const Job& j, const Places& at, std::vector<Finding>& findings) {
  static_assert(size_count == 3);
  if (size == 0) compute_all<TeamOf<0>, SlopeTeam, gradient, T>(j, at, findings);
  if (size == 1) compute_all<TeamOf<1>, SlopeTeam, gradient, T>(j, at, findings);
  if (size == 2) compute_all<TeamOf<2>, SlopeTeam, gradient, T>(j, at, findings);
  if (size >= 3) Turns::run(size == 4, [&] { compute_all<Turns, Turns, gradient, T>(j, at, findings); });
}
constexpr int all_sizes = 5;  // of which the last are taken in turns
template <class T>
Made<T> made(const CtcCase& c, bool gradient, int size) {
  const Job j{c.time, c.batch, c.classes, c.most, c.blank};
  const std::vector<T> logs = c.logs_as<T>();
  Made<T> to{std::vector<T>(static_cast<std::size_t>(gradient ? count(c.dims()) : c.batch), T(55)), {}};
  Room<T> room(j, gradient);
  const Places at{logs.data(),      c.labels.data(), c.steps.data(),    c.lengths.data(),  to.values.data(),
                  room.ways.data(), room.on.data(),  room.links.data(), room.sloped.data()};
  if (gradient)
    compute_by<true, T>(size, j, at, to.findings);
  else
    compute_by<false, T>(size, j, at, to.findings);
  return to;
}

struct CudaCtc : testing::Test {
  template <class T>
  void expect_builtin(const CtcCase& c, int size) {
    for (const bool gradient : {false, true}) {
      const Made<T> got = made<T>(c, gradient, size);
      EXPECT_TRUE(got.findings.empty());
      expect_same_ctc(got.values, builtin_ctc<T>(backend, c, gradient));
      ASSERT_FALSE(HasFatalFailure()) << (gradient ? "gradient" : "loss") << " by size " << size << " of (" << c.time << ", " << c.batch
                                      << ", " << c.classes << ") by " << c.most << " labels, " << sizeof(T) << " bytes";
    }
  }
  // A few steps, classes and labels, so that labels come again and often don't fit.
  CtcCase small() {
    const std::int64_t classes = 2 + random.below(4);
    return ragged_ctc(random, random.below(14), 1 + random.below(4), classes, random.below(7), random.below(classes));
  }

  CtcCase whole{};
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{61};
};

TEST_F(CudaCtc, AnyRowsGiveWhatBuiltinGives) {
  for (int round = 0; round < 600; ++round) {
    const CtcCase c = small();
    if (round % 2)
      expect_builtin<float>(c, round % 3);
    else
      expect_builtin<double>(c, round % 3);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaCtc, LanesKnowNothingOfEachOtherBetweenBarriers) {
  for (int round = 0; round < 60; ++round) {
    expect_builtin<double>(small(), 3 + round % 2);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaCtc, LongRowsDo) {
  for (int size = 0; size < size_count; ++size)
    for (const std::int64_t most : {63, 64, 200}) {
      expect_builtin<double>(ragged_ctc(random, 2 * most, 2, 9, most, 4), size);
      expect_builtin<float>(ragged_ctc(random, 2 * most, 2, 40, most, 0), size);
      if (HasFatalFailure()) return;
    }
  expect_builtin<double>(whole_ctc(random, 700, 1, 1000, 600, 999), 2);
}

TEST_F(CudaCtc, ImpossibleStepsAndNaNDo) {
  for (int round = 0; round < 400; ++round) {
    CtcCase c = small();
    for (double& log : c.logs)
      if (random.below(4) == 0) log = round % 4 == 3 && random.below(8) == 0 ? nan : -inf;
    if (round % 2)
      expect_builtin<float>(c, round % all_sizes);
    else
      expect_builtin<double>(c, round % all_sizes);
    if (HasFatalFailure()) return;
  }
}

TEST_F(CudaCtc, WhatCannotBeHasAnInfiniteLossAndNoGradient) {
  CtcCase c = whole_ctc(random, 4, 5, 3, 2, 0);
  c.label(0, 0) = c.label(0, 1) = 1, c.steps[0] = 2;  // a blank wouldn't find room
  c.steps[1] = 0;
  c.steps[2] = c.lengths[2] = 0;
  for (std::int64_t t = 0; t < 4; ++t) c.log(t, 3, c.label(3, 1)) = -inf;
  for (std::int64_t k = 0; k < 3; ++k) c.log(2, 4, k) = -inf;
  for (int size = 0; size < all_sizes; ++size) {
    EXPECT_EQ(made<double>(c, false, size).values, (std::vector<double>{inf, inf, 0, inf, inf}));
    EXPECT_EQ(made<double>(c, true, size).values, std::vector<double>(60, 0.0));
  }
}

TEST_F(CudaCtc, TheFirstThatCannotBeInARowIsToldAndNothingElseOfItIsRead) {
  struct Wrong {
    FindingOf of;
    std::int64_t value, limit;
  };
  const auto expect_told = [&](const CtcCase& c, const Wrong& want) {
    for (int size = 0; size < all_sizes; ++size)
      for (const bool gradient : {false, true}) {
        const Made<float> got = made<float>(c, gradient, size);
        ASSERT_EQ(got.findings.size(), 1u);
        const Finding& f = got.findings[0];
        EXPECT_TRUE(f.of == want.of && f.value == want.value && f.limit == want.limit && f.row == 1 && f.blank == 2)
            << static_cast<int>(f.of) << ": " << f.value << " of " << f.limit << " in row " << f.row << ", blank " << f.blank;
        // The other row's is what it is.
        const std::vector<float> all = made<float>(whole, gradient, size).values;
        for (std::size_t i = 0; i < all.size(); ++i) EXPECT_TRUE((gradient ? i / 5 % 2 : i) == 1 || got.values[i] == all[i]) << i;
      }
  };
  whole = whole_ctc(random, 6, 2, 5, 3, 2);
  for (const std::int64_t value : {std::int64_t{7}, std::int64_t{-1}, INT64_MAX, INT64_MIN}) {
    CtcCase c = whole;
    c.steps[1] = value, c.lengths[1] = 9;
    expect_told(c, {FindingOf::ctc_steps, value, 6});
    c = whole;
    c.lengths[1] = value, c.label(1, 0) = 2;
    expect_told(c, {FindingOf::ctc_length, value, 3});
  }
  for (const std::int64_t value : {std::int64_t{5}, std::int64_t{-1}, std::int64_t{2}, INT64_MAX, INT64_MIN}) {
    CtcCase c = whole;
    c.label(1, 1) = value, c.label(1, 2) = 77;
    expect_told(c, {FindingOf::ctc_label, value, 5});
  }
}

TEST(CudaCtcSizes, GrowWithStates) {
  const Index states[] = {1, 128, 129, 1024, 1025, INT64_MAX};
  const int sizes[] = {0, 0, 1, 1, 2, 2};
  for (std::size_t i = 0; i < std::size(states); ++i) EXPECT_EQ(size_for(states[i]), sizes[i]) << states[i];
}

}  // namespace
}  // namespace mushin::cuda::ctc
