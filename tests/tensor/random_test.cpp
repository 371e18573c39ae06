#include "mushin/tensor/ops/random.hpp"

#include <algorithm>

#include "support.hpp"

namespace mushin::core::test {
namespace {

// Philox-4x32-10 by its definition.
void philox(std::uint32_t c[4], std::uint64_t key) {
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p = std::uint64_t{0xD2511F53} * c[0], q = std::uint64_t{0xCD9E8D57} * c[2];
    const std::uint32_t next[4] = {static_cast<std::uint32_t>(q >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(q),
                                   static_cast<std::uint32_t>(p >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p)};
    std::copy(next, next + 4, c);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
}

TEST(Random, PhiloxIsThePublishedOne) {
  std::uint32_t zero[4] = {};
  philox(zero, 0);
  EXPECT_EQ(zero[0], 0x6627e8d5u);  // the known answer of the paper's authors
  EXPECT_EQ(zero[3], 0x9b00dbd8u);
}

TEST(Random, UniformNumbersAreTheCountersBlocks) {
  manual_seed(0x123456789ABCDEFu);
  const Values got = values(randu({11}, dtype::f32));
  for (std::size_t i = 0; i < got.size(); ++i) {
    std::uint32_t c[4] = {static_cast<std::uint32_t>(i / 4), 0, 0, 0};
    philox(c, 0x123456789ABCDEFu);
    EXPECT_EQ(got[i], double(c[i % 4] >> 8) * 0x1p-24) << i;
  }
  std::uint32_t c[4] = {3, 0, 0, 0};  // eleven numbers took three blocks
  philox(c, 0x123456789ABCDEFu);
  const Values next = values(randu({1}, dtype::f64));
  EXPECT_EQ(next[0], double((c[0] | std::uint64_t{c[1]} << 32) >> 11) * 0x1p-53);
}

TEST(Random, ASeedRepeatsEverything) {
  auto draw = [] {
    manual_seed(42);
    Values all = values(randu({5}, dtype::f32));
    for (const Array& a : {randn({7}, dtype::f64), randint({9}, -5, 5), permutation(20)})
      for (double v : values(a)) all.push_back(v);
    return all;
  };
  EXPECT_EQ(draw(), draw());
}

TEST(Random, NormalNumbersHaveTheirMoments) {
  manual_seed(1);
  const Values x = values(randn({200, 1000}, dtype::f32));
  double mean = 0, square = 0, fourth = 0;
  for (double v : x) mean += v, square += v * v, fourth += v * v * v * v;
  const auto n = static_cast<double>(x.size());
  EXPECT_NEAR(mean / n, 0, 0.01);
  EXPECT_NEAR(square / n, 1, 0.02);
  EXPECT_NEAR(fourth / n, 3, 0.1);
  for (double v : x) ASSERT_TRUE(std::isfinite(v));
}

TEST(Random, IntegersStayInTheirRange) {
  manual_seed(5);
  const Values x = values(randint({10000}, -3, 4));
  int seen[7] = {};
  for (double v : x) {
    ASSERT_GE(v, -3);
    ASSERT_LT(v, 4);
    ++seen[static_cast<int>(v) + 3];
  }
  for (int count : seen) EXPECT_NEAR(count, 10000 / 7.0, 200);
  EXPECT_EQ(error_of<ShapeError>([] { randint({2}, 3, 3); }), "[randint] no numbers in [3, 3)");
}

TEST(Random, PermutationsHoldEachNumberOnce) {
  manual_seed(9);
  Values x = values(permutation(1000));
  EXPECT_FALSE(std::is_sorted(x.begin(), x.end()));
  std::sort(x.begin(), x.end());
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(x[i], double(i));
  EXPECT_EQ(values(permutation(0)), Values{});
}

}  // namespace
}  // namespace mushin::core::test
