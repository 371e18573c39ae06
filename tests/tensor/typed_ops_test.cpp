// The typed ops on constants, against the oracle.
#include "mushin/tensor.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mu = mushin;
using namespace mu::test;
using std::int64_t;
inline constexpr mu::Dim<"batch"> batch;

template <class T>
class Floats : public ::testing::Test {};
using FloatTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Floats, FloatTypes);

template <class T, mu::extent... E>
mu::Tensor<T, E...> data(unsigned stream, double low = -2, double high = 2) {
  return mu::from<E...>(uniform<T>(stream, (E.size * ... * 1), low, high));
}

TYPED_TEST(Floats, ArithmeticBroadcasts) {
  using T = TypeParam;
  const auto a = data<T, 2, 3>(1);
  const auto row = mu::reshape<1, 3>(data<T, 3>(2, 1, 2));
  const auto column = data<T, 2, 1>(3, 1, 2);
  const auto last = data<T, 3>(4, 1, 2);
  EXPECT_TRUE(close(a + row, map(ref(a), ref(row), std::plus<>())));
  EXPECT_TRUE(close(column - a, map(ref(column), ref(a), std::minus<>())));
  EXPECT_TRUE(close(a * last, map(ref(a), ref(last), std::multiplies<>())));
  EXPECT_TRUE(close(a / column, map(ref(a), ref(column), std::divides<>())));
  EXPECT_TRUE(close(column + last, map(ref(column), ref(last), std::plus<>())));
  EXPECT_TRUE(close(mu::maximum(a, last - 2), map(ref(a), ref(last), [](double x, double y) { return std::max(x, y - 2); })));
  EXPECT_TRUE(close(mu::minimum(a, 0), map(ref(a), [](double x) { return std::min(x, 0.0); })));
}

TYPED_TEST(Floats, NumbersMixOnEitherSide) {
  using T = TypeParam;
  const auto a = data<T, 5>(1, 1, 2);
  EXPECT_TRUE(close(2 * a + 1, map(ref(a), [](double x) { return 2 * x + 1; })));
  EXPECT_TRUE(close(1.5 - a / 2, map(ref(a), [](double x) { return 1.5 - x / 2; })));
  EXPECT_TRUE(close(1 / a, map(ref(a), [](double x) { return 1 / x; })));
  EXPECT_TRUE(close(-a * 3.0f, map(ref(a), [](double x) { return -x * 3; })));
  EXPECT_TRUE(equal(1.5 < a, map(ref(a), [](double x) { return 1.5 < x; })));
  EXPECT_TRUE(equal(a != a(2), map(ref(a), [x2 = static_cast<double>(a(2))](double x) { return x != x2; })));
}

TYPED_TEST(Floats, Functions) {
  using T = TypeParam;
  const auto a = data<T, 3, 4>(5);
  const auto positive = data<T, 3, 4>(6, 0.1, 3);
  EXPECT_TRUE(close(mu::exp(a), map(ref(a), [](double x) { return std::exp(x); })));
  EXPECT_TRUE(close(mu::log(positive), map(ref(positive), [](double x) { return std::log(x); })));
  EXPECT_TRUE(close(mu::sqrt(positive), map(ref(positive), [](double x) { return std::sqrt(x); })));
  EXPECT_TRUE(close(mu::tanh(a), map(ref(a), [](double x) { return std::tanh(x); })));
  EXPECT_TRUE(close(mu::erf(a), map(ref(a), [](double x) { return std::erf(x); })));
  EXPECT_TRUE(close(mu::sigmoid(a), map(ref(a), [](double x) { return 1 / (1 + std::exp(-x)); })));
  EXPECT_TRUE(equal(mu::relu(a), map(ref(a), [](double x) { return std::max(x, 0.0); })));
  EXPECT_TRUE(equal(mu::abs(a), map(ref(a), [](double x) { return std::abs(x); })));
}

TYPED_TEST(Floats, Reductions) {
  using T = TypeParam;
  const auto a = data<T, 2, 3, 4>(7);
  EXPECT_TRUE(close(mu::sum(a), sum(ref(a))));
  EXPECT_TRUE(close(mu::sum<1>(a), sum(ref(a), {1})));
  EXPECT_TRUE((close(mu::sum<0, -1>(a, mu::keep), sum(ref(a), {0, 2}, true))));
  EXPECT_TRUE((close(mu::mean<2, 0>(a), mean(ref(a), {0, 2}))));
  EXPECT_TRUE(close(mu::mean(a, mu::keep), mean(ref(a), {}, true)));
  EXPECT_TRUE(equal(mu::max<1>(a), max(ref(a), {1})));
  EXPECT_TRUE(equal(mu::min<-3>(a), map(max(map(ref(a), std::negate<>()), {0}), std::negate<>())));
  EXPECT_TRUE(equal(mu::max(a), max(ref(a))));
  EXPECT_TRUE(equal(mu::sum<1>(mu::zeros<T, 2, 0>()), full({2}, 0)));
}

TYPED_TEST(Floats, ArgmaxIsTheFirstAmongEquals) {
  using T = TypeParam;
  const auto a = mu::tensor<T, 2, 4>({1, 5, 5, 2, 7, 0, 7, 7});
  EXPECT_TRUE(equal(mu::argmax<1>(a), Ref{{2}, {1, 0}}));
  EXPECT_TRUE(equal(mu::argmax<0>(a, mu::keep), Ref{{1, 4}, {1, 0, 1, 1}}));
  EXPECT_EQ(mu::argmax(a).item(), 4);
}

TYPED_TEST(Floats, MatmulOfEachRank) {
  using T = TypeParam;
  const auto a = data<T, 2, 3>(8);
  const auto b = mu::transpose(data<T, 4, 3>(9));
  EXPECT_TRUE(close(mu::matmul(a, b), matmul(ref(a), ref(b))));
  const auto v = data<T, 3>(10);
  const Ref row{{1, 3}, ref(v).values}, column{{3, 1}, ref(v).values};
  EXPECT_TRUE(close(mu::matmul(v, b), Ref{{4}, matmul(row, ref(b)).values}));
  EXPECT_TRUE(close(mu::matmul(a, v), Ref{{2}, matmul(ref(a), column).values}));
  EXPECT_TRUE(close(mu::dot(v, v), Ref{{}, matmul(row, column).values}));
  const auto many = data<T, 5, 1, 2, 3>(11);
  const auto few = data<T, 4, 3, 2>(12);
  EXPECT_TRUE(close(mu::matmul(many, few), matmul(ref(many), ref(few))));
  EXPECT_TRUE(close(mu::matmul(many, b), matmul(ref(many), ref(b))));
}

TYPED_TEST(Floats, Softmax) {
  using T = TypeParam;
  const auto a = data<T, 3, 5>(13, -4, 4);
  EXPECT_TRUE(close(mu::softmax<-1>(a), softmax(ref(a), 1)));
  EXPECT_TRUE(close(mu::softmax<0>(a), softmax(ref(a), 0)));
  EXPECT_TRUE(close(mu::log_softmax<1>(a), map(softmax(ref(a), 1), [](double x) { return std::log(x); })));
  EXPECT_TRUE(close(mu::log_softmax<1>(a + 1000), map(softmax(ref(a), 1), [](double x) { return std::log(x); }), 1e-3, 1e-3));
}

TEST(TypedOps, WhereTakesNumbersAndBroadcasts) {
  const auto a = data<float, 2, 3>(1);
  const auto row = mu::tensor<bool, 3>({true, false, true});
  EXPECT_TRUE(equal(mu::where(a > 0, a, 0), map(ref(a), [](double x) { return x > 0 ? x : 0; })));
  EXPECT_TRUE(equal(mu::where(row, -1, a), where(ref(row), full({}, -1), ref(a))));
  EXPECT_TRUE(equal(mu::where(row, mu::ones<2, 1>(), a), where(ref(row), full({2, 1}, 1), ref(a))));
}

std::size_t grown(const auto& t) {
  const auto before = mu::memory_stats(t.device()).in_use;
  mu::core::evaluate(t.raw());
  return mu::memory_stats(t.device()).in_use - before;
}

TEST(TypedOps, ATemporaryIsNotKeptBesideWhatIsMadeOfIt) {
  const auto a = mu::randu<512, 8>();
  const auto b = mu::randu<8, 512>();
  const auto product = mu::matmul(a, b);
  EXPECT_GE(grown(mu::tanh(product)), 2u << 20) << "the product has an owner, so it is there too";
  EXPECT_LT(grown(mu::tanh(mu::matmul(a, b))), 2u << 20);
  EXPECT_LT(grown(mu::sinh(-mu::matmul(a, b))), 2u << 20);
}

TEST(TypedOps, ComparisonsAndLogic) {
  const auto a = mu::tensor<4>({1, 2, 3, 4}), b = mu::tensor<4>({4, 2, 1, 4});
  auto bools = [](auto t) { return t.to_vector(); };
  using Bools = std::vector<bool>;
  EXPECT_EQ(bools(a == b), (Bools{false, true, false, true}));
  EXPECT_EQ(bools(a != b), (Bools{true, false, true, false}));
  EXPECT_EQ(bools(a < b), (Bools{true, false, false, false}));
  EXPECT_EQ(bools(a <= b), (Bools{true, true, false, true}));
  EXPECT_EQ(bools(a > b), (Bools{false, false, true, false}));
  EXPECT_EQ(bools(a >= b), (Bools{false, true, true, true}));
  EXPECT_EQ(bools((a > 1) && (b > 1)), (Bools{false, true, false, true}));
  EXPECT_EQ(bools((a > 3) || (b > 3)), (Bools{true, false, false, true}));
  EXPECT_EQ(bools(!(a > 2)), (Bools{true, true, false, false}));
  EXPECT_EQ(bools((a > 2) == (b > 1)), (Bools{false, false, false, true}));
}

TEST(TypedOps, IntegersOfAllSizes) {
  const auto a = mu::tensor<std::int8_t, 3>({-7, 7, 100});
  EXPECT_EQ((a + a).to_vector(), (std::vector<std::int8_t>{-14, 14, -56}));
  EXPECT_EQ((a / 2).to_vector(), (std::vector<double>{-3.5, 3.5, 50}));
  EXPECT_EQ((1 / mu::tensor<std::uint8_t, 2>({4, 0})).to_vector(), (std::vector<double>{0.25, HUGE_VAL}));
  EXPECT_EQ(mu::floor_divide(a, 2).to_vector(), (std::vector<std::int8_t>{-4, 3, 50}));
  EXPECT_EQ(mu::remainder(a, 4).to_vector(), (std::vector<std::int8_t>{1, 3, 0}));
  EXPECT_EQ(mu::remainder(a, -4).to_vector(), (std::vector<std::int8_t>{-3, -1, 0}));
  EXPECT_EQ(mu::sum(a * a).item(), 49 + 49 + 16) << "each wraps, the sum does not";
  EXPECT_EQ(mu::relu(a).to_vector(), (std::vector<std::int8_t>{0, 7, 100}));
  EXPECT_EQ(a(2), 100);
  EXPECT_EQ(mu::max(mu::tensor<std::uint8_t, 2>({200, 3})).item(), 200);
  EXPECT_EQ((mu::tensor<std::uint8_t, 2>({200, 3}) - 4).to_vector(), (std::vector<std::uint8_t>{196, 255}));
  EXPECT_EQ((a == 100).to_vector(), (std::vector<bool>{false, false, true}));
}

TEST(TypedOps, NumbersMustBeOnesOfTheIntegers) {
  const auto a = mu::tensor<std::int8_t, 1>({1});
  EXPECT_TRUE(throws<mu::Error>([&] { (void)(a + 128); }, "[literal] a number beside integers must be one of theirs: 128 is no int8"));
  EXPECT_TRUE(throws<mu::Error>([&] { (void)(a.to<std::uint8_t>() + -1); }, "-1 is no uint8"));
  EXPECT_TRUE(throws<mu::Error>([&] { (void)(a.to<std::int32_t>() < 3000000000u); }, "is no int32"));
  EXPECT_EQ((a + -128)(0), -127);
}

TEST(TypedOps, HalvesMixWithNumbers) {
  const auto a = mu::tensor<mu::f16, 2>({1, 2.5});
  EXPECT_EQ((2 * a + 0.5).to_vector(), (std::vector<mu::f16>{mu::f16(2.5), mu::f16(5.5)}));
  EXPECT_EQ((a * mu::f16(3)).to<float>().to_vector(), (std::vector<float>{3, 7.5}));
  EXPECT_EQ(a(1), mu::f16(2.5));
  EXPECT_EQ(mu::dot(a, a).item(), mu::f16(7.25));
  EXPECT_EQ(mu::mean(a.to<mu::bf16>()).item(), mu::bf16(1.75));
  EXPECT_EQ((a < 2).to_vector(), (std::vector<bool>{true, false}));
  EXPECT_EQ(mu::from<2>(std::vector<mu::f16>{mu::f16(1), mu::f16(2)}).to<float>().to_vector(), (std::vector<float>{1, 2}));
}

TEST(TypedOps, IntegersAreExact) {
  const auto a = mu::tensor<int64_t, 3>({-7, 7, 9007199254740993});
  EXPECT_EQ((a + 1).to_vector(), (std::vector<int64_t>{-6, 8, 9007199254740994}));
  EXPECT_EQ((a / 2).to_vector(), (std::vector<double>{-3.5, 3.5, 4503599627370496.0}));
  EXPECT_EQ(mu::floor_divide(a, 2).to_vector(), (std::vector<int64_t>{-4, 3, 4503599627370496}));
  EXPECT_EQ((a == 9007199254740993).to_vector(), (std::vector<bool>{false, false, true}));
  EXPECT_EQ((a - 9007199254740993)(2), 0);
  EXPECT_EQ(mu::sum(a).item(), 9007199254740993);
}

TEST(TypedOps, CastsFollowCpp) {
  const auto a = mu::tensor<4>({-1.75, 0, 0.5, 2});
  EXPECT_EQ(a.to<int64_t>().to_vector(), (std::vector<int64_t>{-1, 0, 0, 2}));
  EXPECT_EQ(a.to<bool>().to_vector(), (std::vector<bool>{true, false, true, true}));
  EXPECT_EQ(a.to<double>().to_vector(), (std::vector<double>{-1.75, 0, 0.5, 2}));
  EXPECT_EQ((a > 0).to<float>().to_vector(), (std::vector<float>{0, 0, 1, 1}));
}

TEST(TypedOps, Views) {
  const auto a = data<float, 2, 3, 4>(1);
  EXPECT_TRUE((equal(mu::permute<2, 0, 1>(a), permute(ref(a), {2, 0, 1}))));
  EXPECT_TRUE((equal(mu::permute<-1, 1, 0>(a), permute(ref(a), {2, 1, 0}))));
  EXPECT_TRUE(equal(mu::transpose(a), permute(ref(a), {0, 2, 1})));
  EXPECT_TRUE((equal(mu::slice<1, 1, 3>(a), slice(ref(a), 1, 1, 3))));
  EXPECT_TRUE((equal(mu::slice<-1>(a, 2, 2), slice(ref(a), 2, 2, 2))));
  EXPECT_TRUE((equal(mu::reshape<4, 6>(mu::transpose(a)), Ref{{4, 6}, permute(ref(a), {0, 2, 1}).values})));
  EXPECT_TRUE((equal(mu::unsqueeze<1>(a), Ref{{2, 1, 3, 4}, ref(a).values})));
  EXPECT_TRUE((equal(mu::unsqueeze<-1>(a), Ref{{2, 3, 4, 1}, ref(a).values})));
  EXPECT_TRUE((equal(mu::squeeze<-1>(mu::unsqueeze<3>(a)), ref(a))));
  EXPECT_TRUE((equal(mu::broadcast_to<2, 2, 3, 4>(a), broadcast_to(ref(a), {2, 2, 3, 4}))));
  EXPECT_TRUE((equal(mu::slice<0, 1, 2>(mu::transpose(a)) + 1,
                     map(slice(permute(ref(a), {0, 2, 1}), 0, 1, 2), [](double x) { return static_cast<float>(x + 1); }))));
}

TEST(TypedOps, Indexing) {
  const auto a = data<float, 4, 3>(1);
  const auto columns = mu::tensor<int64_t, 4, 2>({0, 1, 2, 0, 1, 1, 0, 2});
  EXPECT_TRUE(equal(mu::gather<1>(a, columns), gather(ref(a), 1, ref(columns))));
  EXPECT_TRUE(equal(mu::gather<-2>(a, mu::zeros<int64_t, 2, 3>()), gather(ref(a), 0, full({2, 3}, 0))));
  const auto rows = mu::tensor<int64_t, 3>({2, 2, 0});
  EXPECT_TRUE(equal(mu::take(a, rows), generate({3, 3}, [&](const Index& p) { return ref(a).at({p[0] == 2 ? 0 : 2, p[1]}); })));
  EXPECT_TRUE(equal(mu::take(mu::arange<5>(), rows), Ref{{3}, {2, 2, 0}}));
  EXPECT_TRUE(equal(mu::one_hot<4>(rows), Ref{{3, 4}, {0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0}}));
  EXPECT_TRUE((equal(mu::one_hot<3, bool>(mu::sum(rows) - 3), Ref{{3}, {0, 1, 0}})));
  auto wrong = mu::tensor<int64_t, 2>({0, 4});
  EXPECT_TRUE(throws<mu::ShapeError>([&] { mu::take(a, wrong).to_vector(); }, "[gather]"));
  EXPECT_TRUE(throws<mu::ShapeError>([&] { mu::one_hot<4>(wrong).to_vector(); }, "[one_hot]"));
  EXPECT_TRUE(throws<mu::ShapeError>([&] { mu::one_hot<4>(-wrong).to_vector(); }, "[one_hot]"));
}
