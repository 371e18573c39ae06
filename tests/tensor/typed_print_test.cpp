// Tensors as text.
#include <fmt/format.h>

#include <limits>
#include <sstream>

#include "mushin/tensor.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
using std::int64_t;

std::string text(const auto& t) {
  std::ostringstream out;
  out << t;
  return out.str();
}

TEST(Print, RowsWithTypeAndSizes) {
  EXPECT_EQ(text(mu::tensor<2, 2>({1, 2, 3, 4})), "[[1. 2.]\n [3. 4.]] float (2, 2)");
  EXPECT_EQ(text(mu::tensor<3>({0.1f, -2.25, 10})), "[ 0.1  -2.25 10.  ] float (3)");
  EXPECT_EQ(text(mu::tensor<int64_t, 2, 2>({1, -20, 300, 4})), "[[  1 -20]\n [300   4]] int64 (2, 2)");
  EXPECT_EQ(text(mu::tensor<bool, 2>({true, false})), "[ true false] bool (2)");
  EXPECT_EQ(text(mu::ones<double, 2, 1, 2>()), "[[[1. 1.]]\n\n [[1. 1.]]] double (2, 1, 2)");
}

TEST(Print, SmallTypes) {
  EXPECT_EQ(text(mu::tensor<mu::f16, 3>({0.1f, 1, 2048})), "[9.998e-02 1.000e+00 2.048e+03] f16 (3)");
  EXPECT_EQ(text(mu::tensor<mu::bf16, 3>({0.1f, 1, -3})), "[ 0.1  1.  -3. ] bf16 (3)");
  EXPECT_EQ(text(mu::tensor<std::int8_t, 2>({-128, 65})), "[-128   65] int8 (2)");
  EXPECT_EQ(text(mu::tensor<std::uint8_t, 2>({65, 255})), "[ 65 255] uint8 (2)");
  EXPECT_EQ(text(mu::tensor<std::int32_t, 2>({-2147483647, 1})), "[-2147483647           1] int32 (2)");
  EXPECT_EQ(text(mu::fill<mu::f16>(INFINITY)), "inf f16 ()");
}

TEST(Print, ScalarsAndEmpty) {
  EXPECT_EQ(text(mu::fill<>(2.5f)), "2.5 float ()");
  EXPECT_EQ(text(mu::zeros<0, 3>()), "[] float (0, 3)");
  EXPECT_EQ(text(mu::fill<int64_t>(-3)), "-3 int64 ()");
}

TEST(Print, SpecialAndExtremeValues) {
  constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float values[] = {nan, 1, -inf, inf};
  EXPECT_EQ(text(mu::from<4>(values, 4)), "[ nan   1. -inf  inf] float (4)");
  EXPECT_EQ(text(mu::tensor<2>({1e-7f, 1})), "[1.e-07 1.e+00] float (2)");
  EXPECT_EQ(text(mu::tensor<double, 2>({1.5e10, -1})), "[ 1.5e+10 -1.0e+00] double (2)");
  EXPECT_EQ(text(mu::from<2>(values, 2) * nan), "[nan nan] float (2)");
}

TEST(Print, LongTensorsAreAbbreviated) {
  EXPECT_EQ(text(mu::arange<int64_t, 1001>()), "[   0    1    2 ...  998  999 1000] int64 (1001)");
  const std::string square = text(mu::reshape<40, 30>(mu::arange<int64_t, 1200>()));
  EXPECT_EQ(
      square,
      "[[   0    1    2 ...   27   28   29]\n [  30   31   32 ...   57   58   59]\n [  60   61   62 ...   87   88   89]\n ...\n"
      " [1110 1111 1112 ... 1137 1138 1139]\n [1140 1141 1142 ... 1167 1168 1169]\n [1170 1171 1172 ... 1197 1198 1199]] int64 (40, 30)");
  EXPECT_EQ(text(mu::arange<int64_t, 1000>()).find("..."), std::string::npos);
}

TEST(Print, LongRowsWrap) {
  const std::string row = text(mu::arange<int64_t, 30>());
  EXPECT_EQ(row, "[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24\n 25 26 27 28 29] int64 (30)");
}

TEST(Print, FmtGivesTheSame) {
  const auto t = mu::tensor<2, 2>({1, 2, 3, 4});
  EXPECT_EQ(fmt::format("{}", t), text(t));
  EXPECT_EQ(fmt::format("{:>14}", mu::fill<>(2.5f)), "  2.5 float ()");
}
