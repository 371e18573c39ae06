// Convolutions of the onednn plugin against the sums of the contract, in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "onednn_support.hpp"

namespace {

using namespace onednn_test;
using driver::view;
using Sizes = std::vector<std::int64_t>;

/// How a view lies: 'r' row-major, 'l' channels last, 'g' row-major with gaps, 'e' one element for all images.
Sizes strides(char order, const Sizes& dim) {
  Sizes s(dim.size());
  std::int64_t step = 1;
  const auto take = [&](std::size_t i) { s[i] = step, step *= dim[i] + (order == 'g' ? 1 : 0); };
  if (order == 'l') take(1);
  for (std::size_t i = dim.size(); i-- > 0;)
    if (i != 1 || order != 'l') take(i);
  if (order == 'e') s[0] = 0;
  return s;
}

struct Operand {
  Sizes dim, stride;
  std::vector<float> memory;

  Operand(Sizes d, char order, unsigned seed) : dim(std::move(d)), stride(strides(order, dim)) {
    std::int64_t n = 1;
    for (std::size_t i = 0; i < dim.size(); ++i) n += (dim[i] - 1) * stride[i];
    memory = random_values(static_cast<std::size_t>(n), seed);
  }
  mu_tensor tensor() const { return view(memory.data(), MU_F32, dim, stride); }
  std::size_t place(const std::array<std::int64_t, 5>& at) const {
    std::int64_t n = 0;
    for (std::size_t i = 0; i < dim.size(); ++i) n += at[i] * stride[i];
    return static_cast<std::size_t>(n);
  }
};

struct Case {
  const char* name;
  std::int64_t images, in, out, groups;
  Sizes x, kernel, stride, dilation, before, after;
  std::string order;  // of x, w and y
};

Sizes sizes_of_y(const Case& c) {
  Sizes y;
  for (std::size_t i = 0; i < c.x.size(); ++i)
    y.push_back((c.x[i] + c.before[i] + c.after[i] - (c.kernel[i] - 1) * c.dilation[i] - 1) / c.stride[i] + 1);
  return y;
}
Sizes join(std::int64_t a, std::int64_t b, const Sizes& rest) {
  Sizes d{a, b};
  d.insert(d.end(), rest.begin(), rest.end());
  return d;
}

std::size_t volume(const Sizes& s) {
  return static_cast<std::size_t>(std::accumulate(s.begin(), s.end(), std::int64_t{1}, std::multiplies<>()));
}

/// f(place in x, place in w, place in y) for each product.
template <class F>
void each_product(const Case& c, const Operand& x, const Operand& w, const Operand& y, const F& f) {
  const Sizes ys(y.dim.begin() + 2, y.dim.end());
  const std::int64_t per_group = c.in / c.groups;
  for (std::size_t p = 0; p < volume(ys); ++p)
    for (std::size_t k = 0; k < volume(c.kernel); ++k) {
      std::array<std::int64_t, 5> at_x{}, at_w{}, at_y{};
      bool inside = true;
      auto p_rest = static_cast<std::int64_t>(p), k_rest = static_cast<std::int64_t>(k);
      for (std::size_t axis = ys.size(); axis-- > 0; p_rest /= ys[axis], k_rest /= c.kernel[axis]) {
        at_y[axis + 2] = p_rest % ys[axis], at_w[axis + 2] = k_rest % c.kernel[axis];
        const std::int64_t q = at_y[axis + 2] * c.stride[axis] + at_w[axis + 2] * c.dilation[axis] - c.before[axis];
        inside = inside && q >= 0 && q < c.x[axis];
        at_x[axis + 2] = q;
      }
      for (std::int64_t b = 0; b < c.images && inside; ++b)
        for (std::int64_t o = 0; o < c.out; ++o) {
          at_x[0] = at_y[0] = b, at_y[1] = at_w[0] = o, at_x[1] = o / (c.out / c.groups) * per_group;
          const std::size_t in_x = x.place(at_x), in_w = w.place(at_w), in_y = y.place(at_y);
          const auto x_step = static_cast<std::size_t>(x.stride[1]), w_step = static_cast<std::size_t>(w.stride[1]);
          for (std::size_t i = 0; i < static_cast<std::size_t>(per_group); ++i) f(in_x + i * x_step, in_w + i * w_step, in_y);
        }
    }
}

mu_op_conv conv_op(const Case& c, std::uint32_t kind, const mu_pw_program* epilogue = nullptr) {
  mu_op_conv op{{sizeof op, MU_OP_CONV}, kind, MU_F32, MU_MATH_EXACT, static_cast<std::uint32_t>(c.groups), {}, {}, {}, 0, epilogue};
  for (std::size_t i = 0; i < c.x.size(); ++i) {
    op.stride[i] = static_cast<std::uint32_t>(c.stride[i]);
    op.dilation[i] = static_cast<std::uint32_t>(c.dilation[i]);
    op.before[i] = static_cast<std::uint32_t>(c.before[i]);
  }
  return op;
}

/// The three operands, of which one kind makes one.
struct Trio {
  Operand x, w, y;

  explicit Trio(const Case& c)
      : x(join(c.images, c.in, c.x), c.order[0], 1),
        w(join(c.out, c.in / c.groups, c.kernel), c.order[1], 2),
        y(join(c.images, c.out, sizes_of_y(c)), c.order[2], 3) {}
  Operand& made(std::uint32_t kind) { return kind == MU_CONV_FORWARD ? y : kind == MU_CONV_BACKWARD_DATA ? x : w; }
  std::vector<mu_tensor> in(std::uint32_t kind) const {
    if (kind == MU_CONV_FORWARD) return {x.tensor(), w.tensor()};
    if (kind == MU_CONV_BACKWARD_DATA) return {y.tensor(), w.tensor()};
    return {x.tensor(), y.tensor()};
  }
  /// By place in the made operand; what no sum reaches stays 0.
  std::vector<double> wanted(const Case& c, std::uint32_t kind) {
    std::vector<double> sum(made(kind).memory.size());
    const float *vx = x.memory.data(), *vw = w.memory.data(), *vy = y.memory.data();
    each_product(c, x, w, y, [&](std::size_t i, std::size_t j, std::size_t k) {
      if (kind == MU_CONV_FORWARD)
        sum[k] += static_cast<double>(vx[i]) * static_cast<double>(vw[j]);
      else if (kind == MU_CONV_BACKWARD_DATA)
        sum[i] += static_cast<double>(vy[k]) * static_cast<double>(vw[j]);
      else
        sum[j] += static_cast<double>(vx[i]) * static_cast<double>(vy[k]);
    });
    return sum;
  }
};

template <class F>
void each_element(const Operand& o, const F& f) {
  std::int64_t n = 1;
  for (auto d : o.dim) n *= d;
  for (std::int64_t i = 0; i < n; ++i) {
    std::array<std::int64_t, 5> at{};
    std::int64_t rest = i;
    for (std::size_t k = o.dim.size(); k-- > 0; rest /= o.dim[k]) at[k] = rest % o.dim[k];
    f(o.place(at), at);
  }
}

constexpr std::uint32_t forward_and_data[] = {MU_CONV_FORWARD, MU_CONV_BACKWARD_DATA};
constexpr std::uint32_t all_kinds[] = {MU_CONV_FORWARD, MU_CONV_BACKWARD_DATA, MU_CONV_BACKWARD_WEIGHTS};
constexpr float untouched = 4711;

class ConvTest : public testing::TestWithParam<std::tuple<Case, std::uint32_t>> {};

TEST_P(ConvTest, EqualsTheDoubleOracle) {
  auto [c, kind] = GetParam();
  if (char& made = c.order[kind == MU_CONV_FORWARD ? 2 : kind == MU_CONV_BACKWARD_DATA ? 0 : 1]; made == 'e') made = 'r';
  Trio t(c);
  Operand& made = t.made(kind);
  std::fill(made.memory.begin(), made.memory.end(), untouched);
  const auto op = conv_op(c, kind);
  std::string error;
  ASSERT_EQ(driver::run(module(), op.h, t.in(kind), made.tensor(), &error), MU_OK) << error;
  const auto wanted = t.wanted(c, kind);
  double worst = 0, largest = 0;
  std::size_t written = 0;
  each_element(made, [&](std::size_t place, const auto&) {
    ++written;
    const double off = std::abs(static_cast<double>(made.memory[place]) - wanted[place]);
    worst = std::max(worst, std::isnan(off) ? 1e9 : off);
    largest = std::max(largest, std::abs(wanted[place]));
  });
  EXPECT_LT(worst, 4e-6 * largest + 2e-5);
  EXPECT_EQ(static_cast<std::size_t>(std::count(made.memory.begin(), made.memory.end(), untouched)), made.memory.size() - written)
      << "gaps stay as they were";
}

const Case cases[] = {
    {"plain", 3, 32, 48, 1, {8, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
    {"channels_last", 3, 32, 48, 1, {8, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "lll"},
    {"mixed_orders", 3, 20, 33, 1, {15, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "lrr"},
    {"gaps", 2, 20, 33, 1, {15, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "ggg"},
    {"channels_last_result", 3, 24, 16, 1, {12, 17}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrl"},
    {"one_channel", 5, 1, 32, 1, {17, 18}, {5, 5}, {1, 1}, {1, 1}, {2, 2}, {2, 2}, "rrr"},
    {"few_channels", 9, 6, 16, 1, {14, 14}, {5, 5}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, "rrr"},
    {"stem", 2, 3, 32, 1, {30, 26}, {7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}, "rrr"},
    {"stem_last", 2, 3, 32, 1, {30, 26}, {7, 7}, {2, 2}, {1, 1}, {3, 3}, {3, 3}, "lrl"},
    {"strided", 5, 16, 32, 1, {17, 20}, {3, 3}, {2, 3}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
    {"dilated", 2, 16, 16, 1, {14, 15}, {3, 3}, {1, 1}, {2, 3}, {2, 3}, {2, 3}, "rrr"},
    {"one_by_one", 7, 64, 24, 1, {12, 12}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, "rrr"},
    {"one_by_one_strided", 7, 64, 64, 1, {13, 14}, {1, 1}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, "rrl"},
    {"uneven_padding", 2, 16, 32, 1, {15, 15}, {3, 2}, {1, 1}, {1, 1}, {2, 0}, {0, 1}, "rrr"},
    {"groups", 2, 24, 48, 3, {13, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
    {"depthwise", 8, 64, 64, 64, {20, 20}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "lrl"},
    {"one_image", 1, 64, 64, 1, {12, 12}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
    {"one_image_last", 1, 64, 128, 1, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "lrl"},
    {"large_weights", 2, 64, 256, 1, {4, 3}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
    {"many_images", 70, 16, 16, 1, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
    {"one_axis", 5, 24, 40, 1, {60}, {5}, {1}, {1}, {2}, {2}, "rrr"},
    {"one_axis_last", 5, 24, 40, 1, {60}, {5}, {2}, {1}, {2}, {2}, "lrl"},
    {"three_axes", 2, 8, 16, 1, {9, 8, 7}, {3, 3, 3}, {1, 1, 2}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, "rrr"},
    {"repeated", 4, 16, 32, 1, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "ere"},
};
std::string conv_name(const testing::TestParamInfo<std::tuple<Case, std::uint32_t>>& test) {
  const char* const kinds[] = {"_forward", "_data", "_weights"};
  return std::get<0>(test.param).name + std::string(kinds[std::get<1>(test.param)]);
}
INSTANTIATE_TEST_SUITE_P(Shapes, ConvTest,
                         testing::Combine(testing::ValuesIn(cases),
                                          testing::Values(MU_CONV_FORWARD, MU_CONV_BACKWARD_DATA, MU_CONV_BACKWARD_WEIGHTS)),
                         conv_name);

struct Tail {
  const char* name;
  Program program;
  std::vector<const char*> inputs;  // "channel": a value each; else an order, as a result's
  double (*oracle)(double x, const double* y);
};
class ConvEpilogueTest : public testing::TestWithParam<std::tuple<Tail, const char*>> {};

TEST_P(ConvEpilogueTest, IsDoneToEveryElement) {
  const Tail& tail = std::get<0>(GetParam());
  const char* const order = std::get<1>(GetParam());
  const Case c{"", 3, 32, 40, 1, {9, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, order};
  for (const std::uint32_t kind : forward_and_data) {
    Trio t(c);
    Operand& made = t.made(kind);
    auto in = t.in(kind);
    std::vector<Operand> extra;
    for (const char* how : tail.inputs) {
      const bool channel = std::string(how) == "channel";
      extra.emplace_back(made.dim, channel ? 'r' : how[0], 9);
      if (channel) extra.back().stride = {0, 1, 0, 0};
    }
    for (const auto& e : extra) in.push_back(e.tensor());
    const auto text = tail.program.text();
    const auto op = conv_op(c, kind, &text);
    std::string error;
    ASSERT_EQ(driver::run(module(), op.h, in, made.tensor(), &error), MU_OK) << error;
    const auto sums = t.wanted(c, kind);
    each_element(made, [&](std::size_t place, const auto& at) {
      double y[2] = {};
      for (std::size_t i = 0; i < extra.size(); ++i) y[i] = static_cast<double>(extra[i].memory[extra[i].place(at)]);
      EXPECT_NEAR(made.memory[place], tail.oracle(sums[place], y), 1e-4) << place;
    });
  }
}
INSTANTIATE_TEST_SUITE_P(
    Chains, ConvEpilogueTest,
    testing::Combine(
        testing::Values(Tail{"bias", {2, {}, {inst(MU_PW_ADD, 0, 1)}}, {"channel"}, [](double x, const double* y) { return x + y[0]; }},
                        Tail{"bias_relu",
                             {2, {}, {inst(MU_PW_ADD, 0, 1), inst(MU_PW_RELU, 2)}},
                             {"channel"},
                             [](double x, const double* y) { return std::max(x + y[0], 0.0); }},
                        Tail{"bias_residual_max_zero",
                             {3, {0}, {inst(MU_PW_ADD, 0, 1), inst(MU_PW_ADD, 4, 2), inst(MU_PW_MAX, 5, 3)}},
                             {"channel", "r"},
                             [](double x, const double* y) { return std::max(x + y[0] + y[1], 0.0); }},
                        Tail{"one_value_less", {1, {0.5f}, {inst(MU_PW_SUB, 0, 1)}}, {}, [](double x, const double*) { return x - 0.5; }}),
        testing::Values("rrr", "grg")),
    [](const auto& test) { return std::get<0>(test.param).name + std::string("_") + std::get<1>(test.param); });

TEST(ConvEpilogue, OfChannelsLast) {
  const Case c{"", 1, 64, 128, 1, {9, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "lrl"};
  Trio t(c);
  Operand bias(t.y.dim, 'r', 9), residual(t.y.dim, 'l', 10);
  bias.stride = {0, 1, 0, 0};
  const Program program(3, {}, {inst(MU_PW_ADD, 0, 1), inst(MU_PW_ADD, 3, 2), inst(MU_PW_RELU, 4)});
  const auto text = program.text();
  const auto op = conv_op(c, MU_CONV_FORWARD, &text);
  std::string error;
  ASSERT_EQ(driver::run(module(), op.h, {t.x.tensor(), t.w.tensor(), bias.tensor(), residual.tensor()}, t.y.tensor(), &error), MU_OK)
      << error;
  const auto sums = t.wanted(c, MU_CONV_FORWARD);
  each_element(t.y, [&](std::size_t place, const auto& at) {
    const double more = static_cast<double>(bias.memory[bias.place(at)]) + static_cast<double>(residual.memory[residual.place(at)]);
    EXPECT_NEAR(t.y.memory[place], std::max(sums[place] + more, 0.0), 1e-4) << place;
  });
}

TEST(ConvEpilogue, NanStaysNan) {
  const Case c{"", 3, 32, 40, 1, {9, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "lrl"};
  Trio t(c);
  t.x.memory[t.x.place({1, 5, 4, 4})] = std::numeric_limits<float>::quiet_NaN();
  const Program relu(1, {}, {inst(MU_PW_RELU, 0)});
  const auto text = relu.text();
  const auto op = conv_op(c, MU_CONV_FORWARD, &text);
  ASSERT_EQ(driver::run(module(), op.h, {t.x.tensor(), t.w.tensor()}, t.y.tensor()), MU_OK);
  EXPECT_TRUE(std::isnan(t.y.memory[t.y.place({1, 7, 4, 5})]));
  EXPECT_FALSE(std::isnan(t.y.memory[t.y.place({1, 7, 4, 6})]));
  EXPECT_FALSE(std::isnan(t.y.memory[t.y.place({0, 7, 4, 5})]));
}

float wide(std::uint16_t half) { return std::bit_cast<float>(static_cast<std::uint32_t>(half) << 16); }

/// An operand's elements as bf16, and the operand rounded to them.
std::vector<std::uint16_t> halved(Operand& o) {
  std::vector<std::uint16_t> halves;
  for (float& v : o.memory) {
    halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(v) >> 16));
    v = wide(halves.back());
  }
  return halves;
}

class HalfConvTest : public testing::TestWithParam<std::tuple<Case, std::uint32_t>> {};

TEST_P(HalfConvTest, SumsInF32AndRoundsOnce) {
  const auto& [c, kind] = GetParam();
  Trio t(c);
  const auto x = halved(t.x), w = halved(t.w), y = halved(t.y);
  const auto half = [](const Operand& o, const std::vector<std::uint16_t>& halves) {
    return view(halves.data(), MU_BF16, o.dim, o.stride);
  };
  const mu_tensor views[] = {half(t.x, x), half(t.w, w), half(t.y, y)};
  const auto& made = kind == MU_CONV_FORWARD ? y : kind == MU_CONV_BACKWARD_DATA ? x : w;
  const std::array<unsigned, 3> order = kind == MU_CONV_FORWARD         ? std::array{0u, 1u, 2u}
                                        : kind == MU_CONV_BACKWARD_DATA ? std::array{2u, 1u, 0u}
                                                                        : std::array{0u, 2u, 1u};
  const auto op = conv_op(c, kind);
  std::string error;
  const mu_code code = driver::run(module(), op.h, {views[order[0]], views[order[1]]}, views[order[2]], &error);
  if (!__builtin_cpu_supports("avx512bf16")) {
    EXPECT_EQ(code, MU_UNSUPPORTED) << "it would be emulated";
    return;
  }
  ASSERT_EQ(code, MU_OK) << error;
  const auto wanted = t.wanted(c, kind);
  each_element(t.made(kind), [&](std::size_t place, const auto&) {
    const double tolerance = std::abs(wanted[place]) / 256 + 1e-3;
    EXPECT_NEAR(wide(made[place]), wanted[place], tolerance) << place;
  });
}
INSTANTIATE_TEST_SUITE_P(
    Shapes, HalfConvTest,
    testing::Combine(testing::Values(Case{"plain", 3, 32, 48, 1, {8, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
                                     Case{"channels_last", 3, 20, 24, 1, {8, 9}, {3, 3}, {2, 1}, {1, 1}, {1, 1}, {1, 1}, "lrl"},
                                     Case{"many_channels", 2, 256, 64, 1, {4, 4}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"},
                                     Case{"many_images", 70, 16, 16, 1, {6, 6}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"}),
                     testing::Values(MU_CONV_FORWARD, MU_CONV_BACKWARD_DATA, MU_CONV_BACKWARD_WEIGHTS)),
    conv_name);

TEST(Conv, OrderedPlansGiveEqualBitsForAnyNumberOfThreads) {
  const Case many{"", 40, 16, 16, 1, {8, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"};
  Case one = many;
  one.images = 1, one.in = one.out = 128;
  for (const Case& c : {many, one})
    for (const std::uint32_t kind : all_kinds) {
      std::vector<std::vector<float>> results;
      for (const std::uint32_t threads : {1u, 2u, 7u}) {
        Trio t(c);
        driver::thread_count() = threads;
        const auto op = conv_op(c, kind);
        EXPECT_EQ(driver::run(module(), op.h, t.in(kind), t.made(kind).tensor(), nullptr, MU_PLAN_ORDERED), MU_OK);
        results.push_back(t.made(kind).memory);
      }
      driver::thread_count() = 3;
      EXPECT_EQ(results[0], results[1]) << kind;
      EXPECT_EQ(results[0], results[2]) << kind;
    }
}

TEST(Conv, RefusesWithAReason) {
  const Case good{"", 3, 32, 48, 1, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, "rrr"};
  const auto refused = [](const Case& c, std::uint32_t kind, const char* sentence, mu_code code, auto change) {
    Trio t(c);
    auto op = conv_op(c, kind);
    auto in = t.in(kind);
    auto out = t.made(kind).tensor();
    change(op, in, out);
    expect_refused(op.h, code, in, {out}, sentence);
  };
  const auto as_it_is = [](auto&, auto&, auto&) {};
  Case c = good;
  c.images = 1, c.in = 4, c.out = 4;
  refused(c, MU_CONV_FORWARD, "[onednn conv] the builtin kernel is faster for convolutions this small", MU_UNSUPPORTED, as_it_is);
  c = good, c.in = c.out = 8, c.images = 5;
  refused(c, MU_CONV_FORWARD, "[onednn conv] the builtin kernel is faster with channels this few", MU_UNSUPPORTED, as_it_is);
  c.in = 4, c.out = 16;
  refused(c, MU_CONV_BACKWARD_DATA, "[onednn conv] the builtin kernel is faster with channels this few", MU_UNSUPPORTED, as_it_is);
  c = good, c.stride = {1, 1}, c.before = {3, 3};
  refused(c, MU_CONV_FORWARD, "[onednn conv] whole windows lie in the padding", MU_UNSUPPORTED, as_it_is);
  refused(good, MU_CONV_FORWARD, "[onednn conv] the result leaves out whole windows", MU_UNSUPPORTED,
          [](auto&, auto&, auto& out) { out.dim[2] -= 2; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] operands are f32, or bf16 where the CPU multiplies that", MU_UNSUPPORTED,
          [](auto&, auto& in, auto& out) { in[0].dtype = in[1].dtype = out.dtype = MU_F64; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] operands differ in type", MU_UNSUPPORTED,
          [](auto&, auto& in, auto&) { in[1].dtype = MU_BF16; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] operands are strided, images perhaps in blocks", MU_UNSUPPORTED,
          [](auto&, auto& in, auto&) { in[0].layout = MU_LAYOUT_OPAQUE; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] sums are in f32", MU_UNSUPPORTED, [](auto& op, auto&, auto&) { op.acc = MU_F64; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] the kind is unknown", MU_UNSUPPORTED, [](auto& op, auto&, auto&) { op.kind = 3; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] elements of the result share memory", MU_UNSUPPORTED,
          [](auto&, auto&, auto& out) { out.stride[0] = 0; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] operands differ in rank", MU_INVALID, [](auto&, auto& in, auto&) { in[0].rank = 3; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] operands need a rank from 3 to 5", MU_INVALID,
          [](auto&, auto&, auto& out) { out.rank = 2; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] wrong number of operands", MU_INVALID, [](auto&, auto& in, auto&) { in.pop_back(); });
  refused(good, MU_CONV_FORWARD, "[onednn conv] extents don't fit together", MU_INVALID, [](auto&, auto& in, auto&) { in[1].dim[1] -= 1; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] channels aren't a multiple of the groups", MU_INVALID,
          [](auto& op, auto&, auto&) { op.groups = 5; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] strides and dilations are positive", MU_INVALID,
          [](auto& op, auto&, auto&) { op.stride[1] = 0; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] further inputs need an epilogue", MU_INVALID,
          [](auto&, auto& in, auto& out) { in.push_back(out); });
  refused(good, MU_CONV_FORWARD, "[onednn conv] an operand is empty", MU_UNSUPPORTED,
          [](auto&, auto& in, auto& out) { in[0].dim[0] = out.dim[0] = 0; });
  refused(good, MU_CONV_FORWARD, "[onednn conv] the descriptor isn't one of this version", MU_INVALID,
          [](auto& op, auto&, auto&) { op.h.size = sizeof(mu_op); });
  const Program unknown(1, {}, {inst(MU_PW_ERF, 0)}), relu(1, {}, {inst(MU_PW_RELU, 0)});
  const auto text = unknown.text(), known = relu.text();
  refused(good, MU_CONV_FORWARD, "[onednn] the epilogue is no chain of known opcodes", MU_UNSUPPORTED,
          [&](auto& op, auto&, auto&) { op.epilogue = &text; });
  refused(good, MU_CONV_BACKWARD_WEIGHTS, "[onednn conv] gradients of weights take no epilogue", MU_UNSUPPORTED,
          [&](auto& op, auto&, auto&) { op.epilogue = &known; });
  std::vector<mu_dtype> many_types(17, MU_F32);
  mu_pw_program many = known;
  many.n_in = 17, many.in_type = many_types.data();
  refused(good, MU_CONV_FORWARD, "[onednn] the epilogue has too many inputs", MU_UNSUPPORTED, [&](auto& op, auto& in, auto& out) {
    op.epilogue = &many;
    for (int i = 1; i < 17; ++i) in.push_back(out);
  });
  refused(good, MU_CONV_FORWARD, "[onednn conv] an epilogue input isn't viewed as the result", MU_INVALID,
          [&](auto& op, auto& in, auto& out) {
            op.epilogue = &known;
            in.push_back(out);
            in.back().dim[0] = 1;
          });
  Case repeated = good;
  repeated.order = "rer";
  refused(repeated, MU_CONV_FORWARD, "[onednn] an operand that repeats isn't moved into blocks", MU_UNSUPPORTED, as_it_is);
  refused(good, MU_CONV_FORWARD, "[onednn] no axis of the result is contiguous", MU_UNSUPPORTED, [&](auto& op, auto&, auto& out) {
    op.epilogue = &known;
    for (unsigned i = 0; i < 4; ++i) out.stride[i] *= 2;
  });
  if (__builtin_cpu_supports("avx512bf16")) {
    refused(good, MU_CONV_FORWARD, "[onednn conv] epilogues are of f32", MU_UNSUPPORTED, [&](auto& op, auto& in, auto& out) {
      op.epilogue = &known;
      in[0].dtype = in[1].dtype = out.dtype = MU_BF16;
    });
  }
}

}  // namespace
