// What a device without an optional op computes in its place, against the op.
#include "ops/decomposed.hpp"

#include <limits>

#include "check.hpp"
#include "mushin/autograd/ops/ctc.hpp"
#include "mushin/autograd/ops/rnn.hpp"
#include "mushin/tensor/core/normalized.hpp"
#include "mushin/tensor/core/recurrent.hpp"
#include "mushin/tensor/core/spelling.hpp"
#include "mushin/tensor/ops/normalize.hpp"
#include "mushin/tensor/ops/scan.hpp"
#include "mushin/tensor/ops/softmax.hpp"
#include "support/files.hpp"

namespace mushin::test {
namespace {

using core::Array;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();

struct Case {
  Index shape;
  unsigned axis;
};
const Case cases[] = {{{1}, 0},
                      {{10}, 0},
                      {{3, 5}, 0},
                      {{3, 5}, 1},
                      {{2, 3, 4}, 1},
                      {{20, 130}, 1},
                      {{130, 4}, 0},
                      {{0, 3}, 1},
                      {{3, 0}, 1},
                      {{5, 1}, 1},
                      {{2, 300, 2}, 1},
                      {{513}, 0},
                      {{2, 1, 2, 1, 3, 1, 2, 5}, 7}};

TEST(Decomposed, SortEqualsTheOp) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64, dtype::i64, dtype::b8})
      for (const Case& c : cases)
        for (bool descending : {false, true}) {
          SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.shape) + " axis " + std::to_string(c.axis));
          const Array x = array(random_integers(c.shape, 160, type == dtype::b8 ? 2 : 20), type);
          const std::int64_t n = c.shape[c.axis];
          for (std::int64_t k : {n, n / 2}) {
            const core::Sorted got = core::decomposed_sort(x, c.axis, k, descending), want = core::sorted(x, c.axis, k, descending);
            EXPECT_EQ(got.indices.type(), dtype::i64);
            EXPECT_EQ(got.values.type(), type);
            EXPECT_TRUE(equal(got.values, ref(want.values)));
            EXPECT_TRUE(equal(got.indices, ref(want.indices)));
          }
        }
  });
}

TEST(Decomposed, SortOfSpecialValues) {
  on_every_device([&] {
    const Array x = array(Ref{{9}, {0.0, nan, -inf, 1, -0.0, inf, -nan, -1, 0.0}}, dtype::f32);
    for (bool descending : {false, true}) {
      const core::Sorted got = core::decomposed_sort(x, 0, 9, descending), want = core::sorted(x, 0, 9, descending);
      EXPECT_TRUE(equal(got.values, ref(want.values)));
      EXPECT_TRUE(equal(got.indices, ref(want.indices)));
    }
  });
}

TEST(Decomposed, ScanEqualsTheOp) {
  on_every_device([&] {
    for (const Case& c : cases)
      for (bool reverse : {false, true}) {
        SCOPED_TRACE(text_of(c.shape) + " axis " + std::to_string(c.axis) + " reverse " + std::to_string(reverse));
        const Array whole = array(random_integers(c.shape, 161, 100), dtype::i64), x = array(random(c.shape, 162, 0.5, 1.5), dtype::f64);
        const Ref want = ref(core::cumsum(whole, c.axis, reverse));
        EXPECT_TRUE(equal(core::decomposed_scan(whole, c.axis, core::Scan::sum, reverse), want));
        EXPECT_TRUE(close(core::decomposed_scan(x, c.axis, core::Scan::sum, reverse), ref(core::cumsum(x, c.axis, reverse)), 1e-13, 0));
        if (reverse) continue;
        EXPECT_TRUE(close(core::decomposed_scan(x, c.axis, core::Scan::product, false), ref(core::cumprod(x, c.axis)), 1e-12, 0));
      }
  });
}

TEST(Decomposed, ScanOfSpecialValues) {
  on_every_device([&] {
    const Array x = array(Ref{{6}, {-0.0, inf, 2, -inf, 3, 0}}, dtype::f32);
    const Ref got = ref(core::decomposed_scan(x, 0, core::Scan::sum, false));
    EXPECT_TRUE(close(got, ref(core::cumsum(x, 0, false)), 0, 0));
    EXPECT_TRUE(std::signbit(got.values[0]));
    EXPECT_TRUE(equal(core::decomposed_scan(x, 0, core::Scan::product, false), ref(core::cumprod(x, 0))));
  });
}

// Of a batch of two and four channels, with a kernel (stride, dilation, padding) along each axis.
struct Spatial {
  Index x, w;
  core::ConvWindow window;
  std::int64_t groups;
};
const Spatial spatials[] = {{{2, 4, 9}, {6, 4, 3}, {{2}, {2}, {1}}, 1},
                            {{2, 4, 8, 7}, {6, 4, 3, 3}, {{1, 1}, {1, 1}, {1, 1}}, 1},
                            {{2, 4, 8, 7}, {6, 2, 1, 1}, {{2, 1}, {1, 1}, {0, 0}}, 2},
                            {{3, 4, 6, 9}, {4, 1, 2, 3}, {{1, 2}, {2, 1}, {1, 0}}, 4},
                            {{2, 4, 5, 4, 6}, {2, 2, 3, 2, 2}, {{1, 1, 2}, {1, 2, 1}, {1, 1, 0}}, 2},
                            {{3, 16, 14, 14}, {32, 16, 3, 3}, {{1, 1}, {1, 1}, {1, 1}}, 1}};
core::Sizes sizes(const Index& of) {
  core::Sizes s;
  for (auto n : of) s.push(n);
  return s;
}

TEST(Decomposed, ConvolutionsEqualTheOp) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      for (const Spatial& c : spatials) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.x) + " " + text_of(c.w));
        const core::Sizes of_x = sizes(c.x), of_w = sizes(c.w), of_y = core::conv_sizes(of_x, of_w, c.window, c.groups);
        const Array x = array(random(c.x, 170), type), w = array(random(c.w, 171), type), dy = array(random(sizes_of(of_y), 172), type);
        const auto check = [&](core::ConvKind kind, const Array& a, const Array& b, const core::Sizes& to) {
          const double tol = tolerance(type, 16);
          EXPECT_TRUE(close(core::decomposed_conv(kind, a, b, to, c.window, c.groups),
                            ref(core::conv(kind, a, b, {}, to, &c.window, c.groups)), tol, 8 * tol));
        };
        check(core::ConvKind::forward, x, w, of_y);
        check(core::ConvKind::data, dy, w, of_x);
        check(core::ConvKind::weights, x, dy, of_w);
      }
  });
}

const struct {
  Index x;
  core::PoolWindow window;
} pools[] = {{{2, 3, 9}, {{3}, {2}, {1}, {1}, true, true}},
             {{2, 3, 8, 8}, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, false, false}},
             {{2, 3, 9, 7}, {{3, 2}, {2, 1}, {1, 1}, {1, 1}, false, false}},
             {{2, 2, 5, 4, 6}, {{2, 2, 3}, {2, 2, 2}, {1, 1, 1}, {1, 0, 1}, true, false}}};

TEST(Decomposed, PoolsEqualTheOp) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      for (const auto& c : pools) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(c.x));
        const Array x = array(random_integers(c.x, 173, 9), type);
        const core::Sizes of_y = core::pool_sizes("pool", x.sizes(), c.window);
        const Array dy = array(random_integers(sizes_of(of_y), 174, 99), type);
        EXPECT_TRUE(equal(core::decomposed_max_pool(x, of_y, c.window), ref(core::max_pool(x, &c.window))));
        EXPECT_TRUE(equal(core::decomposed_max_pool_backward(x, dy, c.window), ref(core::max_pool_backward(x, dy, &c.window))));
        const double tol = tolerance(type);
        EXPECT_TRUE(close(core::decomposed_avg_pool(x, of_y, c.window), ref(core::avg_pool(x, &c.window)), tol, tol));
        EXPECT_TRUE(close(core::decomposed_avg_pool_backward(dy, x.sizes(), c.window),
                          ref(core::avg_pool_backward(dy, x.sizes(), &c.window)), tol, tol));
      }
  });
}

void expect_gradients(const core::compositions::Gradients<Array>& got, const core::NormGradients& want) {
  EXPECT_TRUE(close(got.x, ref(want.x), 1e-12, 1e-12));
  EXPECT_TRUE(close(got.gain, ref(want.gain), 1e-12, 1e-12));
  EXPECT_TRUE(!want.bias || close(got.bias, ref(want.bias), 1e-12, 1e-12));
}

TEST(Decomposed, NormalizeEqualsTheOp) {
  on_every_device([&] {
    for (const Index& shape : {Index{3, 5}, Index{1, 7}, Index{40, 70}}) {
      SCOPED_TRACE(text_of(shape));
      const auto numbers = [](const Index& of, std::uint64_t seed) { return array(random(of, seed, -2, 3), dtype::f64); };
      const Array x = numbers(shape, 170), dy = numbers(shape, 171), gain = numbers({shape[1]}, 172), bias = numbers({shape[1]}, 173);
      const double eps = 1e-3;
      EXPECT_TRUE(close(core::compositions::layer_norm(x, gain, bias, eps), ref(core::layer_norm(x, gain, bias, eps)), 1e-12, 1e-12));
      expect_gradients(core::compositions::layer_norm_backward(x, gain, dy, eps), core::layer_norm_backward(x, gain, dy, eps));
      EXPECT_TRUE(close(core::compositions::rms_norm(x, gain, eps), ref(core::rms_norm(x, gain, eps)), 1e-12, 1e-12));
      expect_gradients(core::compositions::rms_norm_backward(x, gain, dy, eps), core::rms_norm_backward(x, gain, dy, eps));

      const Array deep = numbers({3, shape[1], shape[0]}, 174), back = numbers({3, shape[1], shape[0]}, 175);
      core::ChannelStatistics want;
      const Ref y = ref(core::batch_norm(deep, gain, bias, eps, &want));
      const auto got = core::compositions::standardized_channels(deep, eps);
      EXPECT_TRUE(close(core::compositions::batch_norm(got, gain, bias), y, 1e-12, 1e-12));
      EXPECT_TRUE(close(core::reshape(got.mean, {shape[1]}), ref(want.mean), 1e-12, 1e-12));
      EXPECT_TRUE(close(core::reshape(got.variance, {shape[1]}), ref(want.variance), 1e-12, 1e-12));
      expect_gradients(core::compositions::batch_norm_backward(deep, gain, back, eps),
                       core::batch_norm_backward(deep, gain, back, want, eps));
    }
  });
}

struct RnnSizes {
  std::int64_t time, batch, hidden;
};
// One vector of a row and several, one row of a thread and several.
const RnnSizes rnn_sizes[] = {{1, 1, 1}, {3, 2, 5}, {4, 33, 20}, {2, 9, 37}, {3, 0, 4}};

TEST(Decomposed, RnnEqualsTheOp) {
  on_every_device([&] {
    for (const RnnSizes& z : rnn_sizes)
      for (core::Cell cell : {core::Cell::tanh, core::Cell::relu, core::Cell::lstm, core::Cell::gru})
        for (bool reverse : {false, true}) {
          SCOPED_TRACE(text_of(Index{z.time, z.batch, z.hidden}) + " cell " + std::to_string(static_cast<int>(cell)) +
                       (reverse ? " reverse" : ""));
          const std::int64_t gates = core::gates_of(cell) * z.hidden;
          const bool lstm = cell == core::Cell::lstm, gru = cell == core::Cell::gru;
          const auto make = [](const Index& shape, std::uint64_t stream) { return array(random(shape, stream), dtype::f32); };
          const Array x = make({z.time, z.batch, gates}, 170), w = make({gates, z.hidden}, 171), h = make({z.batch, z.hidden}, 172);
          const Array e = lstm ? make({z.batch, z.hidden}, 173) : gru ? make({z.hidden}, 173) : Array();
          const Array dy = make({z.time + lstm, z.batch, z.hidden}, 174);
          const core::RnnWay way{cell, reverse};
          const auto made = core::rnn(way, x, w, h, e);
          EXPECT_TRUE(close(core::compositions::rnn<Array>(way, {x, w, h, e}), ref(made.y), 1e-4, 1e-5));
          const auto want = core::rnn_backward(way, x, w, h, e, made, dy);
          const auto got = core::compositions::rnn_backward<Array>(way, {x, w, h, e}, dy);
          EXPECT_TRUE(close(got.x, ref(want.x), 1e-4, 1e-5));
          EXPECT_TRUE(close(got.hidden, ref(want.hidden), 1e-4, 1e-5));
          if (!lstm && !gru) continue;
          EXPECT_TRUE(close(got.extra, ref(want.extra), 1e-4, 1e-5));
        }
  });
}

// 16-bit floats are computed with in float, and rounded once.
TEST(Decomposed, RnnOfShortFloats) {
  const auto make = [](const Index& shape, std::uint64_t stream) { return array(random(shape, stream), dtype::f16); };
  const Array x = make({3, 2, 20}, 175), w = make({20, 5}, 176), h = make({2, 5}, 177), c = make({2, 5}, 178), dy = make({4, 2, 5}, 179);
  const auto wide = [](const Array& a) { return core::cast(a, dtype::f32); };
  const core::RnnWay way{core::Cell::lstm};
  const auto made = core::rnn(way, x, w, h, c), want = core::rnn(way, wide(x), wide(w), wide(h), wide(c));
  EXPECT_TRUE(equal(made.y, rounded(ref(want.y), dtype::f16)));
  const auto got = core::rnn_backward(way, x, w, h, c, made, dy);
  EXPECT_EQ(got.x.type(), dtype::f16);
  EXPECT_TRUE(close(got.x, ref(core::rnn_backward(way, wide(x), wide(w), wide(h), wide(c), want, wide(dy)).x), 4e-3, 1e-3));
}

TEST(Decomposed, RnnHasGradientsOfAllOrders) {
  for (core::Cell cell : {core::Cell::tanh, core::Cell::lstm, core::Cell::gru})
    for (bool reverse : {false, true}) {
      SCOPED_TRACE("cell " + std::to_string(static_cast<int>(cell)) + (reverse ? " reverse" : ""));
      const std::int64_t gates = core::gates_of(cell) * 2;
      const auto run = [&](const std::vector<core::Traced>& in) {
        return core::rnn({cell, reverse}, in[0], in[1], in[2], in.size() > 3 ? in[3] : core::Traced());
      };
      std::vector<Ref> at = {random({3, 1, gates}, 183), random({gates, 2}, 184), random({1, 2}, 185)};
      if (cell == core::Cell::lstm) at.push_back(random({1, 2}, 186));
      if (cell == core::Cell::gru) at.push_back(random({2}, 186));
      check_gradients(run, at);
    }
}

Array numbers(const Index& shape, std::vector<double> values) { return array(Ref{shape, std::move(values)}, dtype::i64); }

TEST(Decomposed, CtcEqualsTheOp) {
  // Rows: plain, repeats, no label, one that does not fit, fewer steps than labels, no step and no label.
  const std::vector<double> labels = {1, 2, 3, 3, 3, 1, 9, 9, 9, 1, 1, 1, 2, 1, 2, -1, -1, -1};
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64})
      for (std::int64_t blank : {0, 4}) {
        SCOPED_TRACE(std::string(name_of(type)) + " blank " + std::to_string(blank));
        const Array logs = core::log_softmax(array(random({5, 6, 5}, 180, -3, 3), type), 2);
        const core::CtcTargets t{numbers({6, 3}, labels), numbers({6}, {5, 5, 4, 4, 2, 0}), numbers({6}, {3, 3, 0, 3, 3, 0}), blank};
        const Ref loss = ref(core::ctc(logs, t));
        EXPECT_EQ(loss.values[4], inf);
        EXPECT_EQ(loss.values[5], 0);
        EXPECT_TRUE(close(core::compositions::ctc(logs, t), loss, 1e-5, 1e-6));
        EXPECT_TRUE(close(core::compositions::ctc_gradient<Array>(logs, t), ref(core::ctc_gradient(logs, t)), 1e-4, 1e-6));
      }
  });
}

// Where nobody has looked at the values before, as in a replay. Devices that take the op apart find an index outside of its axis, and
// later.
TEST(Decomposed, CtcRefusesWhatIsOutOfRange) {
  const Device before = default_device();
  set_default_device(device("builtin"));
  const Array logs = array(random({4, 1, 3}, 182), dtype::f32);
  const auto text = [&](double label, double steps, double length) {
    return text_of_error<Error>([&] {
      (void)ref(core::ctc(logs, {numbers({1, 1}, {label}), numbers({1}, {steps}), numbers({1}, {length}), 0}));
    });
  };
  EXPECT_TRUE(has(text(3, 4, 1), {"[ctc]", "3 in row 0, 3 classes, blank 0"}));
  EXPECT_TRUE(has(text(1, 5, 1), {"[ctc]", "5 of 4 in row 0"}));
  EXPECT_TRUE(has(text(1, 4, 2), {"[ctc]", "2 of 1 in row 0"}));
  set_default_device(before);
}

// All spellings one by one: of 4 steps and 3 classes.
TEST(Decomposed, CtcIsTheSumOverAllSpellings) {
  const Ref p = random({4, 1, 3}, 181, -2, 0);
  double sum = 0;
  for (int way = 0; way < 81; ++way) {
    double log = 0;
    std::vector<int> spelt;
    for (int step = 0, rest = way, before = 0; step < 4; ++step, rest /= 3) {
      const int label = rest % 3;
      log += p.values[static_cast<std::size_t>(step * 3 + label)];
      if (label && label != before) spelt.push_back(label);
      before = label;
    }
    if (spelt == std::vector<int>{1, 1}) sum += std::exp(log);
  }
  on_every_device([&] {
    const core::CtcTargets t{numbers({1, 2}, {1, 1}), numbers({1}, {4}), numbers({1}, {2}), 0};
    EXPECT_TRUE(close(core::ctc(array(p, dtype::f64), t), Ref{{1}, {-std::log(sum)}}, 1e-12));
  });
}

TEST(Decomposed, CtcHasGradientsOfAllOrders) {
  const auto loss = [](const std::vector<core::Traced>& in) {
    return core::ctc(in[0], {numbers({2, 2}, {1, 1, 2, 9}), numbers({2}, {4, 3}), numbers({2}, {2, 1}), 0});
  };
  check_gradients(loss, {random({4, 2, 3}, 187, -2, 0)});
}

}  // namespace
}  // namespace mushin::test
