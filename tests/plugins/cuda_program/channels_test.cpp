// What teams compute of channels, on the host, against the builtin backend in float64.
#include "channels.hpp"

#include <limits>

#include "backend.hpp"
#include "builtin.h"
#include "elements.hpp"
#include "indexing.hpp"

namespace mushin::cuda {
namespace {

using namespace backend_test;

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();

// Forward: x, gain, bias; y, mean, variance. Backward: x, gain, dy, mean, variance; dx, dgain, dbias.
struct Case {
  bool backward;
  mu_dtype type;
  double eps;
  std::vector<Elements> in, out;

  Channels channels() const {
    Channels j = channels_of(in[0].v, backward ? in[2].v : in[0].v, out[0].v);
    const Elements* values[] = {&in[1], backward ? &in[3] : &in[2], &in.back(), &out[1], &out[2]};
    for (int i = 0; i < Channels::values; ++i) j.value_step[i] = values[i]->v.stride[0];
    j.eps = eps;
    return j;
  }
};

template <class T>
T* at(const Elements& e) {
  return reinterpret_cast<T*>(e.v.buffer);
}
// The last piece first: they need no order.
template <class T, class Team, ChannelPass pass>
void all_parts(Case& c, const Channels& j, Wide<T>* memory) {
  for (Index i = j.pieces(); i-- > 0;)
    compute_part<Team, pass>(j, at<T>(c.in[0]), at<T>(c.in[2]), c.backward ? at<T>(c.in[3]) : nullptr, at<T>(c.out[0]), memory, i);
}
template <class T, bool backward, class Team>
void compute_by(Case& c, const Channels& j) {
  std::vector<Wide<T>> memory(static_cast<std::size_t>(j.memory()), 55);
  all_parts<T, Team, backward ? ChannelPass::sums : ChannelPass::spread>(c, j, memory.data());
  for (Index i = j.count; i-- > 0;)
    finish_channel<mushin::cuda::Team<32, 0>, backward>(j, memory.data(), at<T>(c.in[1]), at<T>(c.in[backward ? 3 : 2]), at<T>(c.in.back()),
                                                        at<T>(c.out[1]), at<T>(c.out[2]), i);
  all_parts<T, Team, backward ? ChannelPass::slopes : ChannelPass::normalize>(c, j, memory.data());
}
template <class T, bool backward>
void compute(Case& c, const Channels& j) {
  j.across ? compute_by<T, backward, ChannelTeam<true>>(c, j) : compute_by<T, backward, ChannelTeam<false>>(c, j);
}
void compute(Case& c, const Channels& j) {
  if (c.type == MU_F32)
    c.backward ? compute<float, true>(c, j) : compute<float, false>(c, j);
  else
    c.backward ? compute<double, true>(c, j) : compute<double, false>(c, j);
}

struct CudaChannels : testing::Test {
  Elements some(mu_dtype type, const Sizes& dims, double low, double high) {
    Elements e(type, dims, any_strides(random, dims));
    for (std::size_t i = 0; i < e.at.size(); ++i) e.set(i, random.real(low, high));
    return e;
  }
  Case forward(const Elements& x, double eps = 1e-3) {
    const Sizes line{x.v.dim[1]};
    const mu_dtype type = x.v.dtype;
    Case c{false, type, eps, {x, some(type, line, -2, 2), some(type, line, -2, 2)}, {}};
    for (const Sizes& dims : {x.dims(), line, line}) c.out.emplace_back(type, dims, any_strides(random, dims));
    return c;
  }
  // With the statistics that builtin finds.
  Case backward(const Elements& x, double eps = 1e-3) {
    const Case there = forward(x, eps);
    const std::vector<Elements> statistics = exact(there);
    Case c{true, there.type, eps, {x, there.in[1], some(there.type, x.dims(), -1, 1), there.out[1], there.out[2]}, there.out};
    for (std::size_t k = 1; k <= 2; ++k)
      for (std::size_t i = 0; i < statistics[k].at.size(); ++i) c.in[2 + k].set(i, statistics[k][i]);
    return c;
  }
  // What the builtin backend makes of the same numbers as float64.
  std::vector<Elements> exact(const Case& c) {
    std::vector<Elements> in, out;
    const auto dense = [](const Elements& e) {
      Elements d(MU_F64, e.dims(), dense_strides(e.dims()));
      for (std::size_t i = 0; i < e.at.size(); ++i) d.set(i, e[i]);
      return d;
    };
    for (const Elements& e : c.in) in.push_back(dense(e));
    for (const Elements& e : c.out) out.push_back(dense(e));
    std::vector<mu_tensor> from, to;
    for (const Elements& e : in) from.push_back(e.v);
    for (const Elements& e : out) to.push_back(e.v);
    mu_op_normalize op{};
    op.kind = c.backward ? MU_NORMALIZE_BATCH_BACKWARD : MU_NORMALIZE_BATCH, op.eps = c.eps;
    EXPECT_EQ(builtin.run(op, MU_OP_NORMALIZE, from, to), MU_OK) << builtin.message();
    return out;
  }
  void expect_exact(Case& c, const Channels& j) {
    const std::vector<Elements> want = exact(c);
    compute(c, j);
    const double rounding = c.type == MU_F32 ? 1e-5 : 1e-13;
    for (std::size_t k = 0; k < want.size(); ++k) {
      ASSERT_TRUE(c.out[k].rest_untouched());
      // Sums grow with what they are of, and so do their errors.
      const double near = rounding * (c.backward && k > 0 ? std::sqrt(1 + static_cast<double>(j.size())) : 3);
      for (std::size_t i = 0; i < want[k].at.size(); ++i) {
        const double got = c.out[k][i], wanted = want[k][i];
        ASSERT_TRUE(wanted != wanted ? got != got : std::fabs(got - wanted) <= near * (1 + std::fabs(wanted)))
            << (c.backward ? "backward" : "forward") << " type " << c.type << " across " << j.across << " parts " << j.parts << " result "
            << k << " element " << i << " of " << want[k].at.size() << ": " << got << " and not " << wanted;
      }
    }
  }
  void expect_exact(Case c) { expect_exact(c, c.channels()); }

  Backend builtin{mushin_builtin_entry(test_host(), nullptr)};
  Random random{47};
};

TEST_F(CudaChannels, EveryOrderComputesWhatBuiltinDoes) {
  constexpr Index sizes[][3] = {{1, 1, 1},    {1, 3, 2},    {7, 1, 1},    {8, 4, 1},   {9, 33, 1},   {5, 2, 3},    {2, 3, 127}, {3, 2, 683},
                                {1, 2, 2047}, {2, 2, 1024}, {1, 2, 2049}, {41, 2, 50}, {1, 1, 5000}, {4500, 3, 1}, {2, 300, 4}};
  for (const auto& size : sizes)
    for (int round = 0; round < 12; ++round) {
      const mu_dtype type = round % 3 ? MU_F32 : MU_F64;
      const Elements x = some(type, {size[0], size[1], size[2]}, -3, 3);
      Case c = round % 2 ? backward(x) : forward(x);
      Channels j = c.channels();
      // In parts of any size, and in orders that strides don't ask for.
      if (random.below(2)) j.across = !j.across;
      if (j.across)
        j.parts = 1 + random.below(std::min<Index>(j.size(), 20));
      else
        j.in_part = 1 + random.below(random.below(2) ? 5000 : 90), j.parts = (j.size() + j.in_part - 1) / j.in_part;
      expect_exact(c, j);
      expect_exact(c, c.channels());
      if (HasFatalFailure()) return;
    }
}

TEST_F(CudaChannels, SpecialValues) {
  // Of each channel.
  const double values[][4] = {{nan, 1, 2, 3},  {1, 2, 3, nan}, {5, 5, 5, 5},     {0.1, 0.1, 0.1, 0.1},
                              {0, 0, -0.0, 0}, {1, 2, 3, 4},   {-4, 1e-3, 0, 9}, {1e18, 1, 2, 3}};
  for (const mu_dtype type : {MU_F32, MU_F64})
    for (const Sizes& dims : {Sizes{4, 8, 1}, Sizes{1, 8, 4}, Sizes{2, 8, 2}})
      for (const double eps : {1e-3, 1e-12}) {
        Elements x = some(type, dims, 0, 1);
        for (std::size_t i = 0; i < x.at.size(); ++i) {
          const std::size_t rest = static_cast<std::size_t>(dims[2]);
          x.set(i, values[i / rest % 8][i / rest / 8 * rest + i % rest]);
        }
        expect_exact(forward(x, eps));
        expect_exact(backward(x, eps));
        if (HasFatalFailure()) return;
      }
}

TEST_F(CudaChannels, OneThatIsInfiniteHasNoVariance) {
  for (const Index where : {0, 4999})
    for (const bool across : {false, true}) {
      Elements x(MU_F32, {5000, 1, 1}, {1, 1, 1});
      for (std::size_t i = 0; i < 5000; ++i) x.set(i, i == static_cast<std::size_t>(where) ? -inf : 1);
      Case c = forward(x);
      Channels j = c.channels();
      j.across = across;
      compute(c, j);
      EXPECT_EQ(c.out[1][0], -inf);
      EXPECT_TRUE(std::isnan(c.out[2][0]) && std::isnan(c.out[0][0]) && std::isnan(c.out[0][2500]));
    }
}

// One value alone is its own mean: what is left is the bias.
TEST_F(CudaChannels, OneElementHasNoSpread) {
  Case c = forward(some(MU_F32, {1, 3, 1}, 5, 9));
  compute(c, c.channels());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(c.out[0][i], c.in[2][i]);
    EXPECT_EQ(c.out[1][i], c.in[0][i]);
    EXPECT_EQ(c.out[2][i], 0);
  }
}

// Squares of such values would hold none of their spread in float.
TEST_F(CudaChannels, LargeValuesThatHardlyDifferKeepTheirVariance) {
  for (const bool across : {false, true})
    for (const Index n : {4, 3000, 20000}) {
      Elements x(MU_F32, {n, 1, 1}, {1, 1, 1});
      // In float the mean's own rounding is half of a thousandth.
      for (std::size_t i = 0; i < x.at.size(); ++i) x.set(i, 10000 + static_cast<double>(i % 4));
      Case c = forward(x);
      Channels j = c.channels();
      j.across = across;
      compute(c, j);
      EXPECT_NEAR(c.out[1][0], 10001.5, 1e-3);
      EXPECT_NEAR(c.out[2][0], 1.25, 1e-5);
      EXPECT_NEAR(c.out[0][0], -1.5 / std::sqrt(1.25 + 1e-3) * c.in[1][0] + c.in[2][0], 2e-3);
    }
}

TEST_F(CudaChannels, OfNothingGradientsAreZero) {
  for (const Sizes& dims : {Sizes{0, 2, 3}, Sizes{3, 2, 0}}) {
    Case c = backward(Elements(MU_F32, dims, dense_strides(dims)));
    compute(c, c.channels());
    EXPECT_EQ(c.out[1].all(), (std::vector<double>{0, 0}));
    EXPECT_EQ(c.out[2].all(), (std::vector<double>{0, 0}));
  }
}

TEST(CudaChannelOrders, FollowTheStrides) {
  const auto of = [](const Sizes& dims, const Sizes& x, const Sizes& to) {
    const mu_tensor a = view(nullptr, MU_F32, dims, x), b = view(nullptr, MU_F32, dims, to);
    return channels_of(a, a, b);
  };
  // Rows of channels: their parts are those of neighbours, too.
  const Sizes image{64, 64, 3136}, first = dense_strides(image), last{64 * 3136, 1, 64};
  const Channels along = of(image, first, first), across = of(image, last, last), both = of(image, last, first);
  EXPECT_FALSE(along.across);
  EXPECT_EQ(along.batch, 64);
  EXPECT_EQ(along.parts, 98);
  EXPECT_EQ(along.size_of(97), 200704 - 97 * 2048);
  EXPECT_TRUE(across.across);
  EXPECT_EQ(across.batch, 1);
  EXPECT_EQ(across.parts, 2048);
  Index all = 0;
  for (Index p = 0; p < across.parts; ++p) all += across.size_of(p);
  EXPECT_EQ(all, 200704);
  EXPECT_TRUE(both.across);
  EXPECT_EQ(both.batch, 64);
  // (batch, channels), few of them, and one channel.
  EXPECT_TRUE(of({32, 100, 1}, {100, 1, 1}, {100, 1, 1}).across);
  EXPECT_EQ(of({32, 100, 1}, {100, 1, 1}, {100, 1, 1}).parts, 4);
  EXPECT_EQ(of({32, 1 << 20, 1}, {1 << 20, 1, 1}, {1 << 20, 1, 1}).parts, 1);
  EXPECT_EQ(of({1 << 30, 64, 1}, {64, 1, 1}, {64, 1, 1}).parts, 1 << 19);
  EXPECT_FALSE(of({100, 1, 1}, {1, 1, 1}, {1, 1, 1}).across);
  EXPECT_EQ(of({0, 2, 3}, {6, 3, 1}, {6, 3, 1}).pieces(), 0);
  EXPECT_EQ(of({3, 0, 3}, {6, 3, 1}, {6, 3, 1}).pieces(), 0);
}

}  // namespace
}  // namespace mushin::cuda
