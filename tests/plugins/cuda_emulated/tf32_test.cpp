// allow_tf32 reaches the products that a device makes, and leaves other types alone.
#include <gtest/gtest.h>

#include "mushin/tensor.hpp"

namespace {

namespace mu = mushin;

// Of 1 + 2^-9 + 2^-12 TF32 has the first two.
constexpr float in_tf32 = 1 + 0x1p-9f, whole = in_tf32 + 0x1p-12f;

TEST(AllowTf32, IsForProductsOfFloatAsLongAsItIsOn) {
  EXPECT_FALSE(mu::allow_tf32());
  for (const bool on : {false, true, false, true}) {  // plans of both modes are kept
    mu::allow_tf32(on);
    EXPECT_EQ(mu::allow_tf32(), on);
    const float x = on ? in_tf32 : whole;
    const auto one = mu::eye<4, 4>(1.0f);
    EXPECT_EQ(mu::sum(mu::matmul(mu::fill<4, 4>(whole), one)).item(), 16 * x) << on;
    EXPECT_EQ(mu::sum(mu::conv(mu::fill<1, 2, 3, 3>(whole), mu::fill<1, 2, 3, 3>(1.0f))).item(), 18 * x) << on;
    const auto tripled = mu::relu(mu::matmul(mu::fill<4, 4>(whole), one) * 3.0f);  // behind which nobody holds the product
    EXPECT_EQ(tripled(0, 0), 3 * x) << on;
    EXPECT_EQ(mu::sum(mu::matmul(mu::fill<double, 4, 4>(double{whole}), mu::eye<double, 4, 4>(1))).item(), 16 * double{whole}) << on;
  }
  mu::allow_tf32(false);
}

}  // namespace
