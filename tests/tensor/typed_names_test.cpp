// Named extents and dyn: what the compiler leaves to the run, the run checks.
#include "mushin/tensor.hpp"
#include "support/matchers.hpp"

namespace mu = mushin;
using namespace mu::test;
using std::int64_t;
inline constexpr mu::Dim<"batch"> batch;
inline constexpr mu::Dim<"time"> steps;

const auto two_rows = [] { return mu::ones<batch, 3>(batch = 2); };
const auto four_rows = [] { return mu::ones<batch, 3>(batch = 4); };
const auto one_row = [] { return mu::ones<batch, 3>(batch = 1); };

template <class F>
::testing::AssertionResult refuses(F f, const char* op) {
  return throws<mu::ShapeError>(f, op);
}

TEST(Names, OneNameHasOneSizeInEveryElementwiseOp) {
  EXPECT_TRUE(refuses([] { return two_rows() + four_rows(); }, "[add]"));
  EXPECT_TRUE(refuses([] { return two_rows() - four_rows(); }, "[sub]"));
  EXPECT_TRUE(refuses([] { return two_rows() * four_rows(); }, "[mul]"));
  EXPECT_TRUE(refuses([] { return two_rows() / four_rows(); }, "[div]"));
  EXPECT_TRUE(refuses([] { return mu::maximum(two_rows(), four_rows()); }, "[maximum]"));
  EXPECT_TRUE(refuses([] { return mu::minimum(two_rows(), four_rows()); }, "[minimum]"));
  EXPECT_TRUE(refuses([] { return two_rows() < four_rows(); }, "[less]"));
  EXPECT_TRUE(refuses([] { return two_rows() == four_rows(); }, "[equal]"));
  EXPECT_TRUE(refuses([] { return (two_rows() > 0) && (four_rows() > 0); }, "[logical_and]"));
  EXPECT_TRUE(refuses([] { return mu::where(two_rows() > 0, four_rows(), 0); }, "[where]"));
  EXPECT_TRUE(refuses([] { return mu::where(two_rows() > 0, two_rows(), four_rows()); }, "[where]"));
}

TEST(Names, ASizeThatHappensToBeOneDoesNotBroadcast) {
  EXPECT_TRUE(refuses([] { return one_row() + four_rows(); }, "[add]"));
  EXPECT_TRUE(refuses([] { return mu::where(one_row() > 0, four_rows(), 0); }, "[where]"));
  EXPECT_TRUE(refuses([] { return mu::matmul(mu::unsqueeze<1>(one_row()), mu::ones<batch, 3, 2>(batch = 4)); }, "[matmul]"));
  EXPECT_TRUE(refuses([] { return mu::slice<0>(four_rows(), 0, 1) + four_rows(); }, "[add]"));
  EXPECT_TRUE(equal(four_rows() + mu::ones<1, 3>(), full({4, 3}, 2)));
  EXPECT_TRUE(equal(mu::slice<0>(four_rows(), 0, 2) + two_rows(), full({2, 3}, 2)));
}

TEST(Names, HoldAcrossAxes) {
  EXPECT_TRUE(refuses([] { return mu::ones<batch, 1>(batch = 2) + mu::ones<1, batch>(batch = 5); }, "[add]"));
  EXPECT_TRUE(refuses([] { return mu::matmul(two_rows(), mu::ones<3, batch>(batch = 4)); }, "[matmul]"));
  EXPECT_TRUE(equal(mu::matmul(two_rows(), mu::ones<3, batch>(batch = 2)), full({2, 2}, 3)));
}

TEST(Names, HoldInMatmul) {
  EXPECT_TRUE(refuses([] { return mu::matmul(mu::transpose(two_rows()), four_rows()); }, "[matmul]"));
  EXPECT_TRUE(refuses([] { return mu::matmul(mu::ones<batch, 2, 3>(batch = 2), mu::ones<batch, 3, 2>(batch = 4)); }, "[matmul]"));
  EXPECT_TRUE(refuses([] { return mu::matmul(mu::slice<1>(two_rows(), 0, 2), mu::ones<3, 2>()); }, "[matmul]"));
  EXPECT_TRUE(equal(mu::matmul(mu::transpose(two_rows()), two_rows()), full({3, 3}, 2)));
}

TEST(Names, RefineChecksOnce) {
  const mu::Tensor<float, 4, 3> fixed = four_rows().refine<4, 3>();
  EXPECT_TRUE(equal(fixed, full({4, 3}, 1)));
  EXPECT_TRUE(refuses([] { return four_rows().refine<5, 3>(); }, "[refine]"));
  EXPECT_TRUE(refuses([] { return mu::ones<batch, steps>(batch = 2, steps = 3).refine<batch, batch>(); }, "[refine]"));
  const mu::Tensor<float, batch, 3> named = fixed.refine<batch, 3>();
  EXPECT_EQ(named.size(batch), 4);
  const mu::Tensor<float, mu::dyn, 3> loose = fixed.refine<mu::dyn, 3>();
  EXPECT_TRUE(equal(loose, full({4, 3}, 1)));
}

TEST(Names, ReshapeFindsTheirSizes) {
  const auto x = mu::fill<batch, 12>(1.0f, batch = 5);
  EXPECT_TRUE((equal(mu::reshape<batch, 3, 4>(x), full({5, 3, 4}, 1))));
  EXPECT_TRUE((equal(mu::reshape<3, batch, 4>(x), full({3, 5, 4}, 1))));
  EXPECT_TRUE((equal(mu::reshape<mu::dyn>(x), full({60}, 1))));
  EXPECT_TRUE((equal(mu::reshape<mu::dyn, 10>(x), full({6, 10}, 1))));
  EXPECT_TRUE((equal(mu::reshape<batch, 6>(mu::reshape<mu::dyn>(x)), full({10, 6}, 1))));
  EXPECT_TRUE(refuses([&] { return mu::reshape<mu::dyn, 7>(x); }, "[reshape]"));
  EXPECT_TRUE(refuses([&] { return mu::reshape<9, 7>(mu::reshape<mu::dyn>(x)); }, "[reshape]"));
  EXPECT_TRUE((equal(mu::flatten(mu::reshape<batch, 3, 4>(x)), full({5, 12}, 1))));
  EXPECT_TRUE((equal(mu::flatten(mu::ones<batch, 2, 2>(batch = 0)), full({0, 4}, 1))));
}

TEST(Names, BroadcastToTakesNewNames) {
  const auto row = mu::tensor<3>({1, 2, 3});
  EXPECT_TRUE((equal(mu::broadcast_to<batch, 3>(row, batch = 2), Ref{{2, 3}, {1, 2, 3, 1, 2, 3}})));
  EXPECT_TRUE((equal(mu::broadcast_to<4, batch, 3>(two_rows()), full({4, 2, 3}, 1))));
  EXPECT_TRUE(refuses([&] { return mu::broadcast_to<batch, 3>(row, batch = -2); }, "batch = -2"));
  EXPECT_TRUE(refuses([] { return mu::broadcast_to<batch, 3>(mu::slice<0>(four_rows(), 0, 2), batch = 4); }, "[broadcast_to]"));
  EXPECT_TRUE(refuses([] { return mu::broadcast_to<batch, 3>(mu::slice<0>(four_rows(), 0, 1), batch = 4); }, "[broadcast_to]"));
}

TEST(Names, SlicesAreCheckedAtRunTime) {
  EXPECT_TRUE((equal(mu::slice<0, 1, 2>(two_rows()), full({1, 3}, 1))));
  EXPECT_TRUE(refuses([] { return mu::slice<0, 1, 3>(two_rows()); }, "[slice]"));
  EXPECT_TRUE(refuses([] { return mu::slice<0>(two_rows(), 2, 1); }, "[slice]"));
  EXPECT_TRUE(refuses([] { return mu::slice<0>(two_rows(), -1, 1); }, "[slice]"));
  EXPECT_TRUE(refuses([] { return mu::squeeze<0>(mu::slice<0>(two_rows(), 0, 2)); }, "[reshape]"));
  EXPECT_TRUE(equal(mu::squeeze<0>(mu::slice<0>(two_rows(), 0, 1)), full({3}, 1)));
}

TEST(Names, HoldInGather) {
  EXPECT_TRUE(refuses([] { return mu::gather<1>(two_rows(), mu::zeros<int64_t, batch, 1>(batch = 4)); }, "[gather]"));
  EXPECT_TRUE(equal(mu::gather<1>(two_rows(), mu::zeros<int64_t, batch, 1>(batch = 2)), full({2, 1}, 1)));
}
