// What makers make, and how its values come back.
#include <algorithm>

#include "mushin/tensor.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
using namespace mu::test;
using std::int64_t;
inline constexpr mu::Dim<"batch"> batch;
inline constexpr mu::Dim<"time"> steps;

TEST(Makers, FillEachElementTypeAndRank) {
  EXPECT_TRUE((equal(mu::zeros<2, 3>(), full({2, 3}, 0))));
  EXPECT_TRUE((equal(mu::ones<double, 3>(), full({3}, 1))));
  EXPECT_TRUE((equal(mu::ones<bool, 3>(), full({3}, 1))));
  EXPECT_TRUE((equal(mu::fill<int64_t, 2, 1, 2>(-7), full({2, 1, 2}, -7))));
  EXPECT_TRUE((equal(mu::fill<>(0.1f), full({}, 0.1f))));
  EXPECT_TRUE((equal(mu::zeros<2, 0, 3>(), full({2, 0, 3}, 0))));
  EXPECT_TRUE((equal(mu::ones<1, 1, 2, 1, 1, 1, 1, 2>(), full({1, 1, 2, 1, 1, 1, 1, 2}, 1))));
}

TEST(Makers, TakeSizesOfNamedExtents) {
  const auto x = mu::fill<batch, 3, steps>(0.5f, steps = 4, batch = 2);
  EXPECT_TRUE(equal(x, full({2, 3, 4}, 0.5)));
  EXPECT_EQ(x.size(batch), 2);
  EXPECT_EQ(x.size(steps), 4);
  EXPECT_EQ(x.size(), 24);
  EXPECT_EQ(x.rank(), 3u);
  EXPECT_EQ(x.dtype(), mu::dtype::f32);
  EXPECT_EQ(x.device(), mu::default_device());
  EXPECT_TRUE((equal(mu::zeros<batch, batch>(batch = 2), full({2, 2}, 0))));
  EXPECT_TRUE((equal(mu::zeros<batch>(batch = 0), full({0}, 0))));
  EXPECT_TRUE((throws<mu::ShapeError>([] { mu::zeros<batch>(batch = -3); }, "[make] a size must not be negative: batch = -3")));
}

TEST(Makers, EyeRampsAndRows) {
  const Ref eye = generate({2, 2, 3}, [](const Index& p) { return p[1] == p[2] ? 3.0 : 0.0; });
  EXPECT_TRUE((equal(mu::eye<2, 2, 3>(3.0f), eye)));
  EXPECT_TRUE((equal(mu::eye<double, 2, 2>(), Ref{{2, 2}, {1, 0, 0, 1}})));
  EXPECT_TRUE((equal(mu::arange<4>(), Ref{{4}, {0, 1, 2, 3}})));
  EXPECT_TRUE((equal(mu::arange<int64_t, 3>(5, -2), Ref{{3}, {5, 3, 1}})));
  EXPECT_TRUE((equal(mu::arange<int64_t, 3>(), Ref{{3}, {0, 1, 2}})));
  EXPECT_TRUE((equal(mu::arange<batch>(batch = 2), Ref{{2}, {0, 1}})));
  EXPECT_TRUE((close(mu::linspace<5>(0, 1), Ref{{5}, {0, 0.25, 0.5, 0.75, 1}})));
  for (double last : {0.7, 0.9, -1.3, 1e17}) {  // 0.1 + 19 * ((last - 0.1) / 19) is another number for some
    EXPECT_EQ((mu::linspace<double, 20>(0.1, last)(19)), last);
    EXPECT_EQ((mu::linspace<double, 50>(last, 0.1)(49)), 0.1);
  }
  EXPECT_TRUE((equal(mu::linspace<1>(7, 9), Ref{{1}, {7}})));
}

TEST(Makers, TakeValuesRowMajor) {
  EXPECT_TRUE((equal(mu::tensor<2, 3>({1, 2, 3, 4, 5, 6}), Ref{{2, 3}, {1, 2, 3, 4, 5, 6}})));
  EXPECT_TRUE((equal(mu::tensor<int64_t, 2>({1, 9007199254740993}), Ref{{2}, {1, 9007199254740993.0}})));
  EXPECT_EQ((mu::tensor<int64_t, 2>({1, 9007199254740993})(1)), 9007199254740993);
  EXPECT_EQ((mu::tensor<bool, 2>({false, true}).to_vector()), (std::vector<bool>{false, true}));
  EXPECT_EQ((mu::tensor<>({2.5}).item()), 2.5f);
}

TEST(Makers, FromCopiesContainersAndMemory) {
  std::vector<double> values{1, 2, 3, 4};
  const auto a = mu::from<2, 2>(values);
  values[0] = 9;
  EXPECT_EQ(a.to_vector(), (std::vector<double>{1, 2, 3, 4}));
  const float raw[] = {1, 2, 3};
  EXPECT_EQ((mu::from<batch>(raw, 3, batch = 3).to_vector()), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ((mu::from<3>(std::vector<bool>{true, false, true}).to_vector()), (std::vector<bool>{true, false, true}));
  EXPECT_EQ((mu::from<batch>({1.5f, 2.5f}, batch = 2).to_vector()), (std::vector<float>{1.5f, 2.5f}));
  static_assert(std::same_as<decltype(mu::from<2>({1, 0})), mu::Tensor<std::int32_t, 2>>);
  EXPECT_EQ(mu::from<2>({true, false}).to_vector(), (std::vector<bool>{true, false}));
  EXPECT_TRUE((throws<mu::ShapeError>([] { mu::from<3>({1, 2}); }, "2 values for (3)")));
  const std::string message = "[from] the number of values must be the product of the extents: 4 values for (2, 3)";
  EXPECT_TRUE((throws<mu::ShapeError>([&] { mu::from<2, 3>(values); }, message)));
  EXPECT_TRUE((throws<mu::ShapeError>([&] { mu::from<batch>(values, batch = 5); }, "4 values for (5)")));
}

TEST(Makers, ElementsComeBack) {
  const auto a = mu::tensor<2, 3>({1, 2, 3, 4, 5, 6});
  EXPECT_EQ(a(0, 0), 1);
  EXPECT_EQ(a(1, 2), 6);
  EXPECT_EQ(mu::transpose(a)(2, 0), 3);
  EXPECT_EQ((a + 1)(1, 1), 6);
  EXPECT_EQ(mu::sum(a).item(), 21);
  EXPECT_TRUE((a > 3)(1, 0));
  EXPECT_FALSE((a > 3)(0, 0));
  EXPECT_TRUE((throws<mu::ShapeError>([&] { a(2, 0); }, "[element]")));
  EXPECT_TRUE((throws<mu::ShapeError>([&] { a(0, -1); }, "[element]")));
  EXPECT_EQ(mu::transpose(a).to_vector(), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_TRUE((mu::zeros<0, 3>().to_vector().empty()));
}

TEST(Makers, RandomNumbersFollowTheSeed) {
  mu::manual_seed(7);
  const auto a = mu::randu<100>().to_vector();
  const auto n = mu::randn<double, batch, 5>(batch = 20).to_vector();
  const auto p = mu::permutation<50>().to_vector();
  const auto next = mu::randu<100>().to_vector();
  mu::manual_seed(7);
  EXPECT_EQ(mu::randu<100>().to_vector(), a);
  EXPECT_EQ((mu::randn<double, batch, 5>(batch = 20).to_vector()), n);
  EXPECT_EQ(mu::permutation<50>().to_vector(), p);
  EXPECT_NE(next, a);
  for (float u : a) EXPECT_TRUE(u >= 0 && u < 1);
  std::vector<int64_t> sorted = p;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(sorted, mu::from<50>(sorted).to_vector());
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(sorted[static_cast<std::size_t>(i)], i);
  EXPECT_NE(sorted, p);
}

TEST(Makers, RandintAndBernoulliKeepToTheirValues) {
  mu::manual_seed(1);
  bool seen[5] = {};
  for (int64_t v : mu::randint<200>(-2, 3).to_vector()) {
    ASSERT_TRUE(v >= -2 && v < 3);
    seen[v + 2] = true;
  }
  for (bool s : seen) EXPECT_TRUE(s);
  EXPECT_TRUE((equal(mu::bernoulli<50>(0), full({50}, 0))));
  EXPECT_TRUE((equal(mu::bernoulli<bool, 50>(1), full({50}, 1))));
  const double ones = mu::sum(mu::bernoulli<double, 10000>(0.25)).item();
  EXPECT_NEAR(ones, 2500, 200);
}
