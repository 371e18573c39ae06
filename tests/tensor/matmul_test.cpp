#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"

#include <cstdlib>

#include "core/plans.hpp"
#include "core/product.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/device.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

// (batch, m, k) x (batch, k, n), all row-major.
Values product(const Values& a, const Values& b, std::int64_t batch, std::int64_t m, std::int64_t k, std::int64_t n, bool share_b = false) {
  Values r(static_cast<std::size_t>(batch * m * n), 0);
  for (std::int64_t p = 0; p < batch; ++p)
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j)
        for (std::int64_t l = 0; l < k; ++l)
          r[static_cast<std::size_t>((p * m + i) * n + j)] +=
              a[static_cast<std::size_t>((p * m + i) * k + l)] * b[static_cast<std::size_t>(((share_b ? 0 : p) * k + l) * n + j)];
  return r;
}
void expect_close(const Values& got, const Values& want, double tolerance = 1e-4) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], tolerance) << "at " << i;
}

// Each CPU backend, where the default device is one.
template <class F>
void on_each_backend(F f) {
  const mushin::Device before = mushin::default_device();
  for (const mushin::Device& d : mushin::devices()) {
    if (before.host_memory() ? !d.host_memory() : !(d == before)) continue;
    SCOPED_TRACE(d.name());
    mushin::set_default_device(d);
    f();
  }
  mushin::set_default_device(before);
}
bool has_epilogues() { return mushin::default_device().host_memory() && !std::getenv("MUSHIN_EAGER"); }

TEST(Matmul, EverySmallShapeInEveryLayout) {
  for (std::int64_t m : {1, 2, 3, 7, 17})
    for (std::int64_t k : {1, 2, 5, 16})
      for (std::int64_t n : {1, 3, 8, 33})
        for (dtype t : {dtype::f32, dtype::f64}) {
          const Values x = random_values(static_cast<std::size_t>(m * k), -1, 1, t, 1),
                       y = random_values(static_cast<std::size_t>(k * n), -1, 1, t, 2);
          const Values want = product(x, y, 1, m, k, n);
          const Array a = array({m, k}, x, t), b = array({k, n}, y, t);
          expect_close(values(matmul(a, b)), want);
          expect_close(values(matmul(scattered(a), b)), want);
          expect_close(values(matmul(a, scattered(b))), want);
          expect_close(values(transpose(matmul(transpose(b), transpose(a)))), want);
        }
}

TEST(Matmul, LargeProducts) {
  const std::int64_t m = 70, k = 130, n = 90;
  const Values x = random_values(static_cast<std::size_t>(m * k), -1, 1, dtype::f32, 1),
               y = random_values(static_cast<std::size_t>(k * n), -1, 1, dtype::f32, 2);
  const Array a = array({m, k}, x), b = array({k, n}, y);
  expect_close(values(matmul(a, b)), product(x, y, 1, m, k, n), 1e-3);
  expect_close(values(matmul(scattered(a), scattered(b))), product(x, y, 1, m, k, n), 1e-3);
}

TEST(Matmul, VectorsAreRowsAndColumns) {
  const Array m = array({2, 3}, {1, 2, 3, 4, 5, 6}), u = array({2}, {1, 10}), v = array({3}, {1, 0, -1});
  EXPECT_EQ(values(matmul(m, v)), (Values{-2, -2}));
  EXPECT_EQ(values(matmul(u, m)), (Values{41, 52, 63}));
  EXPECT_EQ(value(matmul(v, v)), 2);
  EXPECT_EQ(matmul(v, v).rank(), 0u);
  EXPECT_TRUE(matmul(m, v).sizes() == Sizes{2});
  EXPECT_EQ(values(matmul(transpose(m), u)), (Values{41, 52, 63}));
}

TEST(Matmul, BatchesBroadcast) {
  const Values x = random_values(2 * 3 * 4 * 5, -1, 1, dtype::f32, 1), y = random_values(6 * 5 * 2, -1, 1, dtype::f32, 2);
  const Array a = array({6, 4, 5}, x), b = array({6, 5, 2}, y), one = array({5, 2}, Values(y.begin(), y.begin() + 10));
  expect_close(values(matmul(a, b)), product(x, y, 6, 4, 5, 2));
  expect_close(values(matmul(a, one)), product(x, y, 6, 4, 5, 2, true));
  const Array r = matmul(reshape(a, {2, 3, 4, 5}), reshape(one, {1, 5, 2}));
  EXPECT_TRUE(r.sizes() == (Sizes{2, 3, 4, 2}));
  expect_close(values(r), product(x, y, 6, 4, 5, 2, true));
  EXPECT_TRUE(matmul(one, array({2}, {1, 1})).sizes() == Sizes{5});
  EXPECT_TRUE(matmul(a, array({5}, {1, 1, 1, 1, 1})).sizes() == (Sizes{6, 4}));
}

TEST(Matmul, PendingAndLiteralOperands) {
  const Array a = array({2, 2}, {1, 2, 3, 4});
  EXPECT_EQ(values(matmul(add(a, a), full({2, 2}, dtype::f32, 1))), (Values{6, 6, 14, 14}));
  EXPECT_EQ(values(matmul(eye({2, 2}, dtype::f32, 0.5), a)), (Values{0.5, 1, 1.5, 2}));
}

TEST(Matmul, BiasAndActivationFollow) {
  const Values x = random_values(6, -1, 1), y = random_values(12, -1, 1, dtype::f32, 2);
  const Array a = array({2, 3}, x), b = array({3, 4}, y), bias = array({4}, {1, 2, 3, 4}), other = array({2, 4}, random_values(8, -1, 1));
  Values want = product(x, y, 1, 2, 3, 4);
  const Values more = values(other);
  for (std::size_t i = 0; i < 8; ++i) want[i] = std::tanh(want[i] + double(i % 4 + 1)) * more[i];
  expect_close(values(mul(tanh(add(matmul(a, b), bias)), other)), want, 1e-5);
  const Array product_kept = matmul(a, b);
  const Array activated = relu(sub(product_kept, bias));
  const Values plain = values(product_kept);
  const Values got = values(activated);
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_FLOAT_EQ(static_cast<float>(got[i]), static_cast<float>(std::max(0.0, plain[i] - double(i % 4 + 1))));
}

// Each as a statement of its own, so that no temporary holds the product when the value is needed.
const struct {
  const char* name;
  bool floats;   // for float types alone
  bool chain;    // oneDNN's products do it themselves, unless rows of `other` have gaps
  bool matched;  // it can be one plan with the product
  Array (*make)(const Array& product, const Array& bias, const Array& other);
} tails[] = {
    {"bias", false, true, true, [](const Array& p, const Array& bias, const Array&) { return add(p, bias); }},
    {"bias first", false, true, true, [](const Array& p, const Array& bias, const Array&) { return sub(bias, p); }},
    {"activation", true, true, true, [](const Array& p, const Array& bias, const Array&) { return relu(add(p, bias)); }},
    {"smooth", true, false, true, [](const Array& p, const Array& bias, const Array& other) { return add(other, tanh(add(p, bias))); }},
    {"residual", false, true, true,
     [](const Array& p, const Array& bias, const Array& other) { return add(other, maximum(add(p, bias), bias)); }},
    {"product twice", true, false, true, [](const Array& p, const Array&, const Array& other) { return mul(sigmoid(p), sub(p, other)); }},
    {"scaling", false, true, true,
     [](const Array& p, const Array&, const Array&) { return add(mul(literal(0.3, p.type()), p), literal(1, p.type())); }},
    {"compare", false, false, false, [](const Array& p, const Array&, const Array& other) { return less(p, other); }},
    {"where", false, false, true,
     [](const Array& p, const Array& bias, const Array& other) { return where(greater(other, bias), p, neg(p)); }},
};

// One program and product that are one plan, and the bits of two.
void check_epilogues(dtype t, std::int64_t batch, std::int64_t m, std::int64_t k, std::int64_t n) {
  const bool large = m * k * n > 48 * 48 * 48 && std::string(mushin::default_device().name()) == "onednn" && t == dtype::f32;
  Sizes sa{m, k}, sr{m, n};
  if (batch) sa = {batch, m, k}, sr = {batch, m, n};
  auto random = [&](const Sizes& s, unsigned seed) {
    const double least = t == dtype::u8 ? 0 : -1, most = is_float(t) ? 1 : 100;
    return array(s, random_values(static_cast<std::size_t>(s.count()), least, most, t, seed), t);
  };
  const Array b = random({k, n}, 2), bias = random({n}, 3);
  for (const auto& e : tails) {
    if (e.floats && !is_float(t)) continue;
    for (const Array& a : {random(sa, 1), scattered(random(sa, 1))})
      for (const Array& other : {random(sr, 4), scattered(random(sr, 4))}) {
        const std::size_t before = epilogue_count();
        const Array together = e.make(matmul(a, b), bias, other);
        const auto bytes = bytes_from(together);
        const bool done = !large || (e.chain && (e.name != std::string_view("residual") || node_of(other)->contiguous));
        const bool one_plan = e.matched && done && has_epilogues();
        EXPECT_EQ(epilogue_count() - before, one_plan) << e.name << ", batch " << batch << ", " << name_of(t) << ", " << m;
        const Array product = matmul(a, b);
        evaluate(product);
        const Array apart = e.make(product, bias, other);
        ASSERT_TRUE(bytes == bytes_from(apart)) << e.name << ", batch " << batch << ", " << name_of(t) << ", " << m;
      }
  }
}

TEST(Matmul, EpiloguesHaveTheBitsOfSeparateSteps) {
  on_each_backend([] {
    for (dtype t : {dtype::f32, dtype::f64, dtype::f16, dtype::bf16, dtype::i8, dtype::u8, dtype::i32, dtype::i64}) {
      for (std::int64_t batch : {0, 1, 3}) check_epilogues(t, batch, 5, 7, 6);
      check_epilogues(t, 0, 49, 48, 50);
    }
  });
}

TEST(Matmul, AnEpilogueIsNoPlanOfItsOwn) {
  if (std::getenv("MUSHIN_EAGER")) GTEST_SKIP() << "every op is evaluated at once";
  if (!mushin::default_device().host_memory()) GTEST_SKIP() << "not every device has epilogues";
  const Array a = array({2, 2}, {1, 2, 3, 4}), bias = array({2}, {10, 20});
  auto rare = [&](const Array& p) { return sub(mul(p, bias), add(tanh(p), mul(bias, bias))); };
  evaluate(matmul(a, a));
  evaluate(mul(bias, bias));
  std::size_t before = plan_count();
  const Array together = rare(matmul(a, a));
  evaluate(together);
  EXPECT_EQ(plan_count(), before + 1);
  const Array product = matmul(a, a);
  evaluate(product);
  before = plan_count();
  const Array apart = rare(product);
  evaluate(apart);
  EXPECT_EQ(plan_count(), before + 1);  // the program alone
}

TEST(Matmul, AnEpilogueFeedsASumAndWhoeverElseReadsIt) {
  if (std::getenv("MUSHIN_EAGER")) GTEST_SKIP() << "every op is evaluated at once";
  if (!mushin::default_device().host_memory()) GTEST_SKIP() << "not every device has epilogues";
  const Array a = array({2, 2}, {1, 2, 3, 4}), bias = array({2}, {10, 20});
  auto rare = [&](const Array& p) { return sub(add(p, bias), mul(p, add(p, p))); };
  const Array together = rare(matmul(a, a)), held_elsewhere = together;
  const Values sums = values(sum(together, 0b10, false)), stored = values(together);
  const Array product = matmul(a, a);
  evaluate(product);
  const std::size_t before = plan_count();
  const Array apart = rare(product);
  EXPECT_EQ(values(apart), stored);
  EXPECT_EQ(sums, (Values{stored[0] + stored[1], stored[2] + stored[3]}));
  EXPECT_EQ(plan_count(), before + 1);  // the program alone: it was part of the product's plan before
}

TEST(Matmul, AProductThatOthersHoldIsComputedOnce) {
  const Array a = array({2, 2}, {1, 2, 3, 4}), bias = array({2}, {10, 20});
  const Array product = matmul(a, a);
  const Array sum_of_both = add(product, bias), later = neg(product);
  EXPECT_EQ(values(sum_of_both), (Values{17, 30, 25, 42}));
  EXPECT_TRUE(is_buffer(node_of(product)));
  EXPECT_EQ(values(later), (Values{-7, -10, -15, -22}));
  EXPECT_EQ(values(product), (Values{7, 10, 15, 22}));
}

TEST(Matmul, OperandsMayBeAssignedBeforeTheProductIsNeeded) {
  Array w = array({2, 2}, {1, 2, 3, 4});
  const Array product = matmul(w, w);
  Array* const to = &w;
  const Array doubled = add(w, w);
  assign(&to, &doubled, 1);
  EXPECT_EQ(values(product), (Values{7, 10, 15, 22}));
  EXPECT_EQ(values(w), (Values{2, 4, 6, 8}));
}

TEST(Matmul, EmptyProducts) {
  EXPECT_EQ(values(matmul(array({2, 0}, {}), array({0, 3}, {}))), Values(6, 0));
  EXPECT_EQ(values(matmul(array({0, 2}, {}), array({2, 3}, Values(6, 1)))), Values{});
}

TEST(Matmul, SaysWhichShapesDiffer) {
  const Array a = array({2, 3}, Values(6, 0)), b = array({4, 5}, Values(20, 0));
  EXPECT_EQ(error_of<ShapeError>([&] { matmul(a, array({}, {1})); }), "[matmul] needs an axis on both sides: (2, 3) and ()");
  EXPECT_EQ(error_of<ShapeError>([&] { matmul(a, b); }), "[matmul] inner extents differ at run time: a is (2, 3), b is (4, 5)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              matmul(array({2, 1, 1}, {1, 1}), array({3, 1, 1}, {1, 1, 1}));
            }),
            "[matmul] batch axes do not broadcast: (2, 1, 1) and (3, 1, 1)");
}

}  // namespace
}  // namespace mushin::core::test
