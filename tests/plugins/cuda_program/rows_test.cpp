// What teams compute of rows, on the host, against the builtin backend in float64.
#include "rows.hpp"

#include <limits>
#include <utility>

#include "backend.hpp"
#include "builtin.h"
#include "elements.hpp"
#include "indexing.hpp"

namespace mushin::cuda {
namespace {

using namespace backend_test;

// ---- 16-bit floats

template <class T>
void same_half(mu_dtype type) {
  for (std::uint32_t bits = 0; bits < 1u << 16; ++bits) {
    const T h{static_cast<std::uint16_t>(bits)};
    ASSERT_TRUE(same(MU_F32, bits_of(wide(h)), apply(MU_PW_CAST, type, MU_F32, bits, 0, 0))) << bits;
    T back{};
    store(back, wide(h));
    ASSERT_TRUE(same(type, back.bits, bits)) << bits;
  }
  Random random{3};
  for (int i = 0; i < 200000; ++i) {
    // Often halfway between two.
    const auto bits = static_cast<std::uint32_t>(random.next()) & (i % 2 ? ~0u : type == MU_F16 ? 0xFFFFF000u : 0xFFFF8000u);
    T got{};
    store(got, float_of(bits));
    ASSERT_TRUE(same(type, got.bits, apply(MU_PW_CAST, MU_F32, type, bits, 0, 0))) << float_of(bits);
  }
}

TEST(CudaHalves, AreReadAndRoundedOnce) {
  same_half<F16>(MU_F16);
  same_half<BF16>(MU_BF16);
}

// ---- rows

struct Case {
  RowKind kind;
  mu_dtype type;
  int team;
  Index rows_in_part;
  std::vector<Elements> in, out;
};
std::uint32_t id_of(RowKind k) {
  constexpr std::uint32_t ids[] = {MU_SOFTMAX,         MU_SOFTMAX_LOG,   MU_SOFTMAX_BACKWARD,         MU_SOFTMAX_LOG_BACKWARD,
                                   MU_NORMALIZE_LAYER, MU_NORMALIZE_RMS, MU_NORMALIZE_LAYER_BACKWARD, MU_NORMALIZE_RMS_BACKWARD};
  return ids[static_cast<int>(k)];
}
constexpr double eps = 1e-3;

template <class T>
T* at(const Elements& e) {
  return reinterpret_cast<T*>(e.v.buffer);
}

// The last piece first: they need no order.
template <class T, RowKind kind, class Team>
void compute(Case& c, const Rows& j) {
  const bool norm = !is_softmax(kind), back = sums_rows(kind);
  const T* const gain = norm ? at<T>(c.in[1]) : nullptr;
  const T* const bias = kind == RowKind::layer ? at<T>(c.in[2]) : nullptr;
  std::vector<Wide<T>> sums(static_cast<std::size_t>(j.parts() * 2 * j.n), 55);
  for (Index i = pieces<kind>(j); i-- > 0;)
    compute_piece<Team, kind>(j, at<T>(c.in[0]), at<T>(c.in.back()), gain, bias, at<T>(c.out[0]), sums.data(), i);
  if (!back) return;
  Columns columns;
  columns.n = j.n, columns.parts = j.parts(), columns.results = static_cast<int>(c.out.size()) - 1;
  for (int i = 0; i < columns.results; ++i) columns.step[i] = c.out[static_cast<std::size_t>(1 + i)].v.stride[0];
  for (Index i = columns.count(); i-- > 0;)
    sum_column<mushin::cuda::Team<32, 0>>(columns, sums.data(), at<T>(c.out[1]), at<T>(c.out.back()), i);
}
template <class T, int... kind_and_team>
void compute_any(Case& c, const Rows& j, std::integer_sequence<int, kind_and_team...>) {
  const int wanted = static_cast<int>(c.kind) * team_count + c.team;
  ((wanted == kind_and_team ? compute<T, static_cast<RowKind>(kind_and_team / team_count), TeamOf<kind_and_team % team_count>>(c, j)
                            : void()),
   ...);
}
void compute(Case& c, std::uint32_t axis) {
  Rows j = rows_of(c.in[0].v, c.in.back().v.rank == c.out[0].v.rank ? c.in.back().v : c.in[0].v, c.out[0].v, axis);
  if (!is_softmax(c.kind)) j.gain_step = c.in[1].v.stride[0], j.eps = eps, j.rows_in_part = c.rows_in_part;
  if (c.kind == RowKind::layer) j.bias_step = c.in[2].v.stride[0];
  constexpr auto all = std::make_integer_sequence<int, row_kinds * team_count>();
  if (c.type == MU_F32)
    compute_any<float>(c, j, all);
  else if (c.type == MU_F16)
    compute_any<F16>(c, j, all);
  else if (c.type == MU_F64)
    compute_any<double>(c, j, all);
  else
    compute_any<BF16>(c, j, all);
}

// What the builtin backend makes of the same numbers as float64.
std::vector<Elements> exact(Backend& backend, const Case& c, std::uint32_t axis) {
  const auto dense = [](const Elements& e) {
    Elements d(MU_F64, e.dims(), dense_strides(e.dims()));
    for (std::size_t i = 0; i < e.at.size(); ++i) d.set(i, e[i]);
    return d;
  };
  std::vector<Elements> in, out;
  for (const Elements& e : c.in) in.push_back(dense(e));
  for (const Elements& e : c.out) out.push_back(dense(e));
  std::vector<mu_tensor> from, to;
  for (const Elements& e : in) from.push_back(e.v);
  for (const Elements& e : out) to.push_back(e.v);
  mu_op_softmax softmax{};
  softmax.kind = id_of(c.kind), softmax.axis = axis;
  mu_op_normalize normalize{};
  normalize.kind = id_of(c.kind), normalize.eps = eps;
  EXPECT_EQ(is_softmax(c.kind) ? backend.run(softmax, MU_OP_SOFTMAX, from, to) : backend.run(normalize, MU_OP_NORMALIZE, from, to), MU_OK)
      << backend.message();
  return out;
}

// One rounding to the type, and those of sums in float.
bool is_near(double got, double want, const Case& c) {
  if (want != want) return got != got;
  if (std::isinf(want)) return got == want;
  if (c.type == MU_F64) return std::fabs(got - want) <= 1e-13 * (c.kind == RowKind::softmax ? 1e-2 : 1 + std::fabs(want));
  const double rounding = c.type == MU_F32 ? 0 : c.type == MU_F16 ? 0x1p-11 : 0x1p-8;
  return std::fabs(got - want) <= (rounding + 1e-5) * std::fabs(want) + (c.kind == RowKind::softmax ? 1e-7 : 2e-5);
}

struct CudaRows : testing::Test {
  void expect_exact(Case& c, std::uint32_t axis) {
    const std::vector<Elements> want = exact(backend, c, axis);
    compute(c, axis);
    for (std::size_t k = 0; k < want.size(); ++k) {
      ASSERT_TRUE(c.out[k].rest_untouched());
      for (std::size_t i = 0; i < want[k].at.size(); ++i)
        ASSERT_TRUE(is_near(c.out[k][i], want[k][i], c))
            << "kind " << static_cast<int>(c.kind) << " type " << c.type << " team " << c.team << " result " << k << " element " << i
            << " of " << want[k].at.size() << ": " << c.out[k][i] << " and not " << want[k][i];
    }
  }
  Elements some(mu_dtype type, const Sizes& dims, double low, double high) {
    Elements e(type, dims, any_strides(random, dims));
    for (std::size_t i = 0; i < e.at.size(); ++i) e.set(i, random.real(low, high));
    return e;
  }
  Case make(RowKind kind, mu_dtype type, int team, const Sizes& dims) {
    Case c{kind, type, team, 1 + random.below(5), {some(type, dims, -3, 3)}, {some(type, dims, 0, 1)}};
    const bool back = sums_rows(kind) || kind == RowKind::softmax_backward || kind == RowKind::log_softmax_backward;
    const Sizes line{dims.back()};
    if (!is_softmax(kind)) c.in.push_back(some(type, line, -2, 2));
    if (kind == RowKind::layer) c.in.push_back(some(type, line, -2, 2));
    if (back) c.in.push_back(some(type, dims, -1, 1));
    if (sums_rows(kind)) c.out.push_back(some(type, line, 0, 1));
    if (kind == RowKind::layer_backward) c.out.push_back(some(type, line, 0, 1));
    for (Elements& e : c.out) e = Elements(type, e.dims(), Sizes(e.v.stride, e.v.stride + e.v.rank));
    return c;
  }

  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{29};
};

TEST_F(CudaRows, EveryTeamComputesWhatBuiltinDoes) {
  constexpr mu_dtype types[] = {MU_F32, MU_F16, MU_BF16, MU_F64};
  constexpr Index lengths[] = {0, 1, 2, 31, 32, 33, 100, 255, 256, 257, 700, 2047, 2048, 2049, 5000};
  for (int k = 0; k < row_kinds; ++k)
    for (int team = 0; team < team_count; ++team)
      for (const Index n : lengths) {
        const auto kind = static_cast<RowKind>(k);
        const TeamSize size = team_sizes[team];
        if (size.slots && n > Index{size.lanes} * size.slots) continue;
        // Normalization has no rows side by side, and nothing to be told of none.
        if (!is_softmax(kind) && (team == 0 || n == 0)) continue;
        Sizes dims{1 + random.below(n < 1000 ? 9 : 3), n};
        std::uint32_t axis = 1;
        if (is_softmax(kind)) {
          dims = {1 + random.below(3), n, random.below(4)};
          axis = 1;
          if (random.below(3) == 0) dims = {n}, axis = 0;
        }
        Case c = make(kind, types[random.below(4)], team, dims);
        expect_exact(c, axis);
        if (HasFatalFailure()) return;
      }
}

TEST_F(CudaRows, ThereMayBeNone) {
  for (int team = 0; team < team_count; ++team) {
    Case none = make(RowKind::softmax, MU_F32, team, {0, 3});
    expect_exact(none, 1);
    if (team == 0) continue;
    Case back = make(RowKind::layer_backward, MU_F32, team, {0, 3});
    expect_exact(back, 1);
    EXPECT_EQ(back.out[1].all(), (std::vector<double>{0, 0, 0}));
    EXPECT_EQ(back.out[2].all(), (std::vector<double>{0, 0, 0}));
  }
}

TEST_F(CudaRows, SpecialValues) {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const double rows[][3] = {{-inf, 0, 0}, {-inf, -inf, -inf}, {inf, 0, 1}, {nan, 1, 2}, {1, nan, inf}, {500, 500, -500}, {-0.0, 0, -0.0}};
  for (int k = 0; k < row_kinds; ++k)
    for (int team = is_softmax(static_cast<RowKind>(k)) ? 0 : 1; team < team_count; ++team)
      for (const mu_dtype type : {MU_F32, MU_F16, MU_BF16, MU_F64}) {
        Case c = make(static_cast<RowKind>(k), type, team, {7, 3});
        for (std::size_t i = 0; i < 21; ++i) c.in[0].set(i, rows[i / 3][i % 3]);
        // Neither e^500 nor its multiples are numbers of all types.
        if (c.in.size() == 2 && is_softmax(c.kind)) c.in[0].set(15, 5), c.in[0].set(16, 5), c.in[0].set(17, -5);
        expect_exact(c, 1);
        if (HasFatalFailure()) return;
      }
}

TEST_F(CudaRows, LargeValuesThatHardlyDifferKeepTheirVariance) {
  for (int team = 1; team < team_count; ++team) {
    Case c = make(RowKind::layer, MU_F32, team, {1, 4});
    for (std::size_t i = 0; i < 4; ++i) c.in[0].set(i, 10000 + static_cast<double>(i));
    expect_exact(c, 1);
  }
}

// Sums of many ones: a single lane's would stop at 2^24.
TEST(CudaTeams, ErrorsOfSumsGrowSlowly) {
  const Index n = (Index{1} << 24) + 1000;
  const auto one = [](const Element&) { return 1.f; };
  EXPECT_EQ((Team<1, 0>::fold<Sum>(n, 0.f, one)), static_cast<float>(n));
  EXPECT_EQ((Team<512, 0>::fold<Sum>(n, 0.f, one)), static_cast<float>(n));
}

TEST(CudaTeams, NaNIsTheGreatest) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (Index where = 0; where < 70; ++where)
    EXPECT_TRUE(std::isnan(Team<32, 8>::fold<Max>(70, -1.f, [&](const Element& e) { return e.i == where ? nan : 1.f; }))) << where;
}

TEST(CudaTeams, TheLeastThatKeepsARowIsTaken) {
  const Index lengths[] = {0, 1, 256, 257, 2048, 2049, Index{1} << 40};
  const int teams[] = {1, 1, 1, 2, 2, 3, 3};
  for (std::size_t i = 0; i < std::size(lengths); ++i) EXPECT_EQ(team_for(lengths[i]), teams[i]) << lengths[i];
}

TEST(CudaTeams, AxesThatLieAsOneAreWalkedAsOne) {
  const auto rank = [](const Sizes& dims, const Sizes& strides, std::uint32_t axis) {
    const mu_tensor v = view(nullptr, MU_F32, dims, strides);
    return rows_of(v, v, view(nullptr, MU_F32, dims, dense_strides(dims)), axis).walk.rank;
  };
  EXPECT_EQ(rank({5}, {1}, 0), 0);
  EXPECT_EQ(rank({2, 3, 4, 5}, {60, 20, 5, 1}, 3), 1);
  EXPECT_EQ(rank({2, 3, 4, 5}, {60, 20, 5, 1}, 1), 2);
  EXPECT_EQ(rank({2, 1, 4, 5}, {20, 7, 5, 1}, 3), 1);
  EXPECT_EQ(rank({2, 3, 4, 5}, {60, 5, 15, 1}, 3), 3);
}

}  // namespace
}  // namespace mushin::cuda
