// SORT and SCAN through the tables: what the core's tests don't reach.
#include <algorithm>
#include <numeric>

#include "builtin.h"
#include "reference.hpp"

namespace backend_test {
namespace {

class Order : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{71};
  mu_code sort(std::uint32_t axis, std::uint32_t flags, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out) {
    return backend.run(mu_op_sort{{}, axis, flags}, MU_OP_SORT, in, out);
  }
  mu_code scan(mu_op_scan op, const mu_tensor& in, const mu_tensor& out) { return backend.run(op, MU_OP_SCAN, {in}, {out}); }
};

TEST_F(Order, ViewsWithAnyStrides) {
  // 3 x 40, every second element of columns that lie 100 apart; the outputs lie transposed.
  std::vector<double> x(4000), y(120);
  for (double& v : x) v = static_cast<double>(random.below(10));
  std::vector<std::int64_t> at(120);
  const mu_tensor in = view(x, {3, 40}, {2, 100}), values = view(y, {3, 40}, {1, 3}), indices = view(at, {3, 40}, {1, 3});
  ASSERT_EQ(sort(1, MU_SORT_VALUES | MU_SORT_INDICES, {in}, {values, indices}), MU_OK) << backend.message();
  for (std::size_t r = 0; r < 3; ++r) {
    std::vector<std::int64_t> want(40);
    std::iota(want.begin(), want.end(), 0);
    const auto element = [&](std::int64_t i) { return x[2 * r + 100 * static_cast<std::size_t>(i)]; };
    std::stable_sort(want.begin(), want.end(), [&](auto a, auto b) { return element(a) < element(b); });
    for (std::size_t i = 0; i < 40; ++i) {
      ASSERT_EQ(at[r + 3 * i], want[i]);
      ASSERT_EQ(y[r + 3 * i], element(want[i]));
    }
  }
  ASSERT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_F64, MU_SCAN_REVERSE}, in, values), MU_OK) << backend.message();
  for (std::size_t r = 0; r < 3; ++r) {
    double sum = 0;
    for (std::size_t i = 40; i-- > 0;) ASSERT_EQ(y[r + 3 * i], sum += x[2 * r + 100 * i]);
  }
}

TEST_F(Order, BoolIsOrAndAnd) {
  const std::vector<std::uint8_t> x = {0, 1, 0, 1};
  std::vector<std::uint8_t> y(4);
  ASSERT_EQ(scan({{}, MU_SCAN_SUM, 0, MU_BOOL, 0}, view(x, {4}), view(y, {4})), MU_OK);
  EXPECT_EQ(y, (std::vector<std::uint8_t>{0, 1, 1, 1}));
  ASSERT_EQ(scan({{}, MU_SCAN_PROD, 0, MU_BOOL, MU_SCAN_REVERSE}, view(x, {4}), view(y, {4})), MU_OK);
  EXPECT_EQ(y, (std::vector<std::uint8_t>{0, 0, 0, 1}));
}

TEST_F(Order, ThreadsChangeNothing) {
  std::vector<float> x(300 * 170), one(x.size()), three(x.size());
  for (float& v : x) v = static_cast<float>(random.real(-3, 3));
  for (std::uint32_t axis : {0u, 1u}) {
    const auto both = [&](std::vector<float>& y, int threads) {
      set_host_threads(threads);
      ASSERT_EQ(scan({{}, MU_SCAN_SUM, axis, MU_F32, 0}, view(x, {300, 170}), view(y, {300, 170})), MU_OK);
      set_host_threads(1);
    };
    both(one, 1), both(three, 3);
    EXPECT_EQ(std::memcmp(one.data(), three.data(), one.size() * sizeof(float)), 0);
  }
}

TEST_F(Order, WhatIsRefused) {
  const std::vector<float> x(6);
  std::vector<float> y(6);
  std::vector<std::int64_t> at(6);
  const mu_tensor in = view(x, {2, 3}), out = view(y, {2, 3}), indices = view(at, {2, 3});
  EXPECT_EQ(sort(2, MU_SORT_VALUES, {in}, {out}), MU_INVALID);
  EXPECT_EQ(sort(1, 8, {in}, {out}), MU_UNSUPPORTED);
  EXPECT_EQ(sort(1, MU_SORT_VALUES | MU_SORT_INDICES, {in}, {out}), MU_INVALID);
  EXPECT_EQ(sort(1, MU_SORT_INDICES, {in}, {out}), MU_INVALID);
  EXPECT_EQ(sort(1, MU_SORT_VALUES, {in}, {indices}), MU_INVALID);
  EXPECT_EQ(sort(1, MU_SORT_VALUES, {view(x, {2, 2})}, {out}), MU_INVALID);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 2, MU_F32, 0}, in, out), MU_INVALID);
  EXPECT_EQ(scan({{}, 9, 1, MU_F32, 0}, in, out), MU_UNSUPPORTED);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_F32, 2}, in, out), MU_UNSUPPORTED);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_I64, 0}, in, out), MU_UNSUPPORTED);
  EXPECT_EQ(scan({{}, MU_SCAN_SUM, 1, MU_F32, 0}, in, indices), MU_INVALID);
}

}  // namespace
}  // namespace backend_test
