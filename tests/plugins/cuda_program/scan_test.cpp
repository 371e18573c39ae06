// Sums and products along rows, by every team, on the host.
#include "scan.hpp"

#include <cmath>
#include <limits>

#include "builtin.h"
#include "elements.hpp"
#include "indexing.hpp"

namespace mushin::cuda {
namespace {

using namespace backend_test;

constexpr std::int64_t lengths[] = {0, 1, 2, 7, 8, 9, 31, 255, 256, 257, 2047, 2049, 4097, 9000};

template <class T>
T* at(const Elements& e) {
  return reinterpret_cast<T*>(e.v.buffer);
}

template <class T, ScanKind kind, int team = 0>
void scan_by(int wanted, const Scan& s, const Elements& from, const Elements& to) {
  if (wanted != team) {
    if constexpr (team + 1 < team_count) scan_by<T, kind, team + 1>(wanted, s, from, to);
    return;
  }
  for (Index row = s.rows.walk.count; row-- > 0;) scan_row<TeamOf<team>, kind>(s, at<T>(from), at<T>(to), row);
}

constexpr int in_parts = team_count;  // by the widest team, as rows that are few and long
template <class T, ScanKind kind>
void scan_parts(const Parts& p, const Scan& s, const Elements& from, const Elements& to) {
  using PartTeam = TeamOf<team_count - 1>;
  std::vector<Wide<T>> totals(static_cast<std::size_t>(s.rows.walk.count * p.count));
  for (Index i = s.rows.walk.count * p.count; i-- > 0;) total_of_part<PartTeam, kind>(s, p, at<T>(from), totals.data(), i);
  for (Index row = s.rows.walk.count; row-- > 0;) scan_totals<PartTeam, kind>(p, totals.data(), row);
  for (Index i = s.rows.walk.count * p.count; i-- > 0;) scan_behind<PartTeam, kind>(s, p, at<T>(from), at<T>(to), totals.data(), i);
}

struct CudaScan : testing::Test {
  // Of numbers from low to high along axis 1; the result, and builtin's in type `exact`.
  template <class T, ScanKind kind>
  void expect_builtin(mu_dtype type, mu_dtype exact, int team, std::int64_t n, double low, double high, double tolerance) {
    const Sizes dims{1 + random.below(3), n, random.below(4)};
    Elements from(type, dims, any_strides(random, dims)), to(type, dims, any_strides(random, dims));
    Elements wide(exact, dims, dense_strides(dims)), want = wide;
    for (std::size_t i = 0; i < from.at.size(); ++i) from.set(i, random.real(low, high)), wide.set(i, from[i]);
    const bool reverse = random.below(2) != 0;
    mu_op_scan op{};
    op.kind = kind == ScanKind::sum ? MU_SCAN_SUM : MU_SCAN_PROD;
    op.axis = 1, op.acc = exact, op.flags = reverse ? MU_SCAN_REVERSE : 0;
    ASSERT_EQ(backend.run(op, MU_OP_SCAN, {wide.v}, {want.v}), MU_OK) << backend.message();
    const Scan scan{rows_of(from.v, from.v, to.v, 1), reverse};
    const Index each = 1 + n / 9 + random.below(n + 1);
    if (team == in_parts)
      scan_parts<T, kind>({each, (n + each - 1) / each}, scan, from, to);
    else
      scan_by<T, kind>(team, scan, from, to);
    ASSERT_TRUE(to.rest_untouched());
    for (std::size_t i = 0; i < to.at.size(); ++i)
      ASSERT_LE(std::fabs(to[i] - want[i]), tolerance * (1 + std::fabs(want[i]))) << "team " << team << " element " << i << " of " << n;
  }
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{41};
};

TEST_F(CudaScan, EveryTeamComputesWhatBuiltinDoes) {
  for (int team = 0; team <= in_parts; ++team)
    for (const std::int64_t n : lengths) {
      expect_builtin<float, ScanKind::sum>(MU_F32, MU_F64, team, n, -1, 1, 1e-4);
      expect_builtin<float, ScanKind::product>(MU_F32, MU_F64, team, n, 0.999, 1.001, 1e-4);
      expect_builtin<F16, ScanKind::sum>(MU_F16, MU_F64, team, n, -1, 1, 0x1p-10);
      expect_builtin<BF16, ScanKind::product>(MU_BF16, MU_F64, team, n, 1, 1, 0);
      expect_builtin<BF16, ScanKind::sum>(MU_BF16, MU_F64, team, n, -1, 1, 0x1p-7);
      expect_builtin<double, ScanKind::sum>(MU_F64, MU_F64, team, n, -1, 1, 1e-12);
      expect_builtin<double, ScanKind::product>(MU_F64, MU_F64, team, n, 0.999, 1.001, 1e-11);
      expect_builtin<std::uint64_t, ScanKind::sum>(MU_I64, MU_I64, team, n, -1e6, 1e6, 0);
      if (HasFatalFailure()) return;
    }
}

TEST_F(CudaScan, FewLongRowsAreCutIntoParts) {
  EXPECT_EQ(parts_of(1, 10'000'000).count, 1221);
  EXPECT_EQ(parts_of(128, 32768).count, 4);
  EXPECT_EQ(parts_of(128, 32769).count, 5);
  EXPECT_EQ(parts_of(128, 32767).count, 0);
  EXPECT_EQ(parts_of(129, 10'000'000).count, 0);
}

TEST_F(CudaScan, PartsOfNegativeZerosAndWrappingIntegers) {
  Elements x(MU_F32, {1, 30}, {30, 1}), y = x, threes(MU_I64, {1, 64}, {64, 1}), powers = threes;
  for (std::size_t i = 0; i < 30; ++i) x.set(i, -0.0);
  scan_parts<float, ScanKind::sum>({7, 5}, {rows_of(x.v, x.v, y.v, 1), false}, x, y);
  for (std::size_t i = 0; i < 30; ++i) ASSERT_TRUE(y[i] == 0 && std::signbit(y[i])) << i;
  for (std::size_t i = 0; i < 64; ++i) threes.set(i, 3);
  scan_parts<std::uint64_t, ScanKind::product>({9, 8}, {rows_of(threes.v, threes.v, powers.v, 1), true}, threes, powers);
  std::uint64_t power = 1;
  for (std::size_t i = 64; i-- > 0;) ASSERT_EQ(at<std::uint64_t>(powers)[i], power *= 3) << i;
}

TEST_F(CudaScan, IntegersWrapAndSpecialValuesSpread) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (int team = 0; team < team_count; ++team) {
    Elements threes(MU_I64, {1, 64}, {64, 1}), powers = threes;
    for (std::size_t i = 0; i < 64; ++i) threes.set(i, 3);
    scan_by<std::uint64_t, ScanKind::product>(team, {rows_of(threes.v, threes.v, powers.v, 1), false}, threes, powers);
    std::uint64_t power = 1;
    for (std::size_t i = 0; i < 64; ++i) ASSERT_EQ(at<std::uint64_t>(powers)[i], power *= 3) << "team " << team << " at " << i;

    Elements x(MU_F32, {1, 6}, {6, 1}), y = x;
    const double values[] = {-0.0, -0.0, 1, inf, 2, -inf};
    for (std::size_t i = 0; i < 6; ++i) x.set(i, values[i]);
    scan_by<float, ScanKind::sum>(team, {rows_of(x.v, x.v, y.v, 1), false}, x, y);
    EXPECT_TRUE(std::signbit(y[0]) && std::signbit(y[1]));
    EXPECT_EQ(y[2], 1);
    EXPECT_TRUE(y[3] == inf && y[4] == inf && std::isnan(y[5]));
  }
}

}  // namespace
}  // namespace mushin::cuda
