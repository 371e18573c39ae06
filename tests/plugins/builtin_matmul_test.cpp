// Products against a plain triple loop in double: sizes around the edges of every block, strides, batches, epilogues.
#include <cmath>

#include "backend.hpp"
#include "builtin.h"

namespace backend_test {
namespace {

template <class T>
class Matmul : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{17};

  std::vector<T> numbers(std::int64_t n) {
    std::vector<T> v(static_cast<std::size_t>(n));
    for (T& x : v) x = static_cast<T>(std::is_integral_v<T> ? static_cast<double>(random.below(19) - 9) : random.real(-1, 1));
    return v;
  }
  static double tolerance(std::int64_t k) {
    return std::is_integral_v<T> ? 0 : (sizeof(T) == 4 ? 4e-7 : 1e-15) * static_cast<double>(k + 4);
  }

  static std::vector<double> expected(const mu_tensor& a, const mu_tensor& b, const mu_tensor& out) {
    const int r = out.rank;
    const std::int64_t m = out.dim[r - 2], n = out.dim[r - 1], k = a.dim[r - 1];
    const auto at = [](const mu_tensor& v, std::int64_t o) { return static_cast<double>(reinterpret_cast<const T*>(v.buffer)[o]); };
    mu_tensor ma = a, mb = b;
    ma.rank = mb.rank = static_cast<std::uint16_t>(r - 2);
    for (int i = 0; i < r - 2; ++i) ma.dim[i] = mb.dim[i] = out.dim[i];
    const std::vector<std::int64_t> base_a = offsets(ma), base_b = offsets(mb);
    std::vector<double> c;
    for (std::size_t batch = 0; batch < base_a.size(); ++batch)
      for (std::int64_t i = 0; i < m; ++i)
        for (std::int64_t j = 0; j < n; ++j) {
          double s = 0;
          for (std::int64_t l = 0; l < k; ++l)
            s += at(a, base_a[batch] + i * a.stride[r - 2] + l * a.stride[r - 1]) *
                 at(b, base_b[batch] + l * b.stride[r - 2] + j * b.stride[r - 1]);
          c.push_back(s);
        }
    return c;
  }

  // out of `memory`, whose other elements must stay as they are.
  void check(const mu_tensor& a, const mu_tensor& b, mu_tensor out, std::int64_t out_size, const std::string& what) {
    const T untouched = static_cast<T>(77);
    std::vector<T> memory(static_cast<std::size_t>(out_size), untouched);
    out.buffer = reinterpret_cast<mu_buffer*>(memory.data());
    mu_op_matmul op{};
    op.acc = dtype_of<T>;
    ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {a, b}, {out}), MU_OK) << what << backend.message();
    const std::vector<double> c = expected(a, b, out);
    const std::vector<std::int64_t> at = offsets(out);
    const double limit = tolerance(a.dim[out.rank - 1]);
    std::vector<bool> written(memory.size(), false);
    for (std::size_t i = 0; i < at.size(); ++i) {
      const auto o = static_cast<std::size_t>(at[i]);
      written[o] = true;
      ASSERT_NEAR(static_cast<double>(memory[o]), c[i], limit) << what << " element " << i;
    }
    for (std::size_t o = 0; o < memory.size(); ++o)
      ASSERT_TRUE(written[o] || memory[o] == untouched) << what << ": wrote outside of its view";
  }

  void check_sizes(std::int64_t m, std::int64_t n, std::int64_t k) {
    const std::vector<T> a = numbers(m * k + 1), b = numbers(k * n + 1);
    const std::string what = std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
    for (int layout = 0; layout < 8; ++layout) {
      const mu_tensor va = view(a, {m, k}, layout & 1 ? Sizes{1, m} : Sizes{k, 1}),
                      vb = view(b, {k, n}, layout & 2 ? Sizes{1, k} : Sizes{n, 1});
      const mu_tensor vc = view(b, {m, n}, layout & 4 ? Sizes{1, m} : Sizes{n, 1});
      check(va, vb, vc, m * n + 1, what + " layout " + std::to_string(layout));
      if (this->HasFatalFailure()) return;
    }
  }
};
using Types = testing::Types<float, double, std::int64_t>;
TYPED_TEST_SUITE(Matmul, Types);

TYPED_TEST(Matmul, SizesAroundTheSmallBlocks) {
  const std::int64_t sizes[] = {1, 2, 3, 7, 12, 13, 17, 33};
  for (std::int64_t m : sizes)
    for (std::int64_t n : sizes)
      for (std::int64_t k : {0, 1, 5, 16, 33}) {
        this->check_sizes(m, n, k);
        if (this->HasFatalFailure()) return;
      }
}

TYPED_TEST(Matmul, SizesAroundTheBigBlocks) {
  const Sizes sizes[] = {{97, 129, 321}, {200, 64, 640}, {96, 33, 700}, {5, 300, 400}, {300, 5, 400},  {3, 700, 90},   {700, 2, 90},
                         {1, 1000, 500}, {1000, 1, 500}, {1, 1, 5000},  {64, 64, 64},  {50, 70, 1100}, {13, 4200, 30}, {400, 300, 1}};
  for (int threads : {1, 2}) {
    set_host_threads(threads);
    for (const Sizes& s : sizes) {
      this->check_sizes(s[0], s[1], s[2]);
      if (this->HasFatalFailure()) break;
    }
  }
  set_host_threads(1);
}

TYPED_TEST(Matmul, EmptyExtents) {
  const std::vector<TypeParam> none(4, TypeParam(1));
  this->check(view(none, {0, 3}, {3, 1}), view(none, {3, 2}, {0, 1}), view(none, {0, 2}, {2, 1}), 2, "no rows");
  this->check(view(none, {2, 0}, {0, 1}), view(none, {0, 2}, {2, 1}), view(none, {2, 2}, {2, 1}), 4, "nothing to sum");
}

TYPED_TEST(Matmul, BatchesBroadcastAndStrides) {
  const std::vector<TypeParam> a = this->numbers(3 * 4 * 6 * 5 * 4), b = this->numbers(3 * 4 * 6 * 5 * 4);
  // (3, 4, m, k) with every axis strided by two or broadcast
  const mu_tensor plain = view(a, {3, 4, 6, 5}), twice = view(a, {3, 4, 6, 5}, {480, 120, 10, 2});
  const mu_tensor shared = view(a, {3, 4, 6, 5}, {0, 30, 5, 1}), one = view(a, {3, 4, 6, 5}, {0, 0, 1, 6});
  const mu_tensor right[] = {view(b, {3, 4, 5, 7}, {140, 35, 7, 1}), view(b, {3, 4, 5, 7}, {0, 70, 2, 10}),
                             view(b, {3, 4, 5, 7}, {35, 0, 1, 5})};
  for (const mu_tensor& va : {plain, twice, shared, one})
    for (const mu_tensor& vb : right)
      for (const Sizes& out : {Sizes{168, 42, 7, 1}, Sizes{336, 84, 14, 2}, Sizes{42, 126, 1, 6}}) {
        this->check(va, vb, view(a, {3, 4, 6, 7}, out), 4 * 3 * 4 * 42, "batched");
        if (this->HasFatalFailure()) return;
      }
  const mu_tensor many = view(a, {5, 1, 4, 3, 2, 1, 2, 3}), many_b = view(b, {5, 1, 4, 3, 2, 1, 3, 2});
  this->check(many, many_b, view(a, {5, 1, 4, 3, 2, 1, 2, 2}), 480, "rank 8");
}

class MatmulEpilogue : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
};

TEST_F(MatmulEpilogue, BiasReluAndResidual) {
  for (const Sizes& s : {Sizes{7, 9, 5}, Sizes{150, 200, 400}, Sizes{1, 300, 700}, Sizes{300, 1, 700}}) {
    const std::int64_t m = s[0], n = s[1], k = s[2];
    Random r{3};
    std::vector<float> a(static_cast<std::size_t>(m * k)), b(static_cast<std::size_t>(k * n)), bias(static_cast<std::size_t>(n)),
        residual(static_cast<std::size_t>(m * n)), out(static_cast<std::size_t>(m * n));
    for (auto* v : {&a, &b, &bias, &residual})
      for (float& x : *v) x = static_cast<float>(r.real(-1, 1));
    ProgramText p;
    const int product = p.input(MU_F32), p1 = p.input(MU_F32), p2 = p.input(MU_F32);
    const int sum = p.add(MU_PW_ADD, MU_F32, product, p1);
    p.out = {p.add(MU_PW_ADD, MU_F32, p.add(MU_PW_RELU, MU_F32, sum), p2)};
    const mu_pw_program program = p.descriptor();
    mu_op_matmul op{};
    op.acc = MU_F32, op.epilogue = &program;
    const mu_tensor va = view(a, {m, k}, {1, m}), vb = view(b, {k, n});
    ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {va, vb, view(bias, {m, n}, {0, 1}), view(residual, {m, n})}, {view(out, {m, n})}), MU_OK)
        << backend.message();
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        double x = bias[static_cast<std::size_t>(j)];
        for (std::int64_t l = 0; l < k; ++l)
          x += static_cast<double>(a[static_cast<std::size_t>(l * m + i)]) * static_cast<double>(b[static_cast<std::size_t>(l * n + j)]);
        const auto at = static_cast<std::size_t>(i * n + j);
        ASSERT_NEAR(out[at], (x > 0 ? x : 0) + static_cast<double>(residual[at]), 1e-4);
      }
  }
}

TEST_F(MatmulEpilogue, MayChangeTheElementType) {
  const std::vector<float> a{1, 2, 3, 4}, b{1, 0, -1, 1};
  std::vector<double> wide(4);
  mu_op_matmul op{};
  op.acc = MU_F32;
  ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {view(a, {2, 2}), view(b, {2, 2})}, {view(wide, {2, 2})}), MU_OK) << backend.message();
  EXPECT_EQ(wide, (std::vector<double>{-1, 2, -1, 4}));
  std::vector<std::uint8_t> positive(4);
  ProgramText p;
  const int product = p.input(MU_F32), zero = p.constant(0.0f);
  p.out = {p.add(MU_PW_GT, MU_BOOL, product, zero)};
  const mu_pw_program program = p.descriptor();
  op.epilogue = &program;
  ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {view(a, {2, 2}), view(b, {2, 2})}, {view(positive, {2, 2})}), MU_OK) << backend.message();
  EXPECT_EQ(positive, (std::vector<std::uint8_t>{0, 1, 0, 1}));
}

TEST_F(MatmulEpilogue, RefusesWhatDoesNotFit) {
  const std::vector<float> a(6, 1.f);
  const std::vector<double> d(6, 1.0);
  mu_op_matmul op{};
  op.acc = MU_F32;
  EXPECT_EQ(backend.run(op, MU_OP_MATMUL, {view(a, {2, 3}), view(a, {2, 3})}, {view(a, {2, 3})}), MU_INVALID);
  EXPECT_NE(backend.message().find("(2, 3) times (2, 3)"), std::string::npos) << backend.message();
  EXPECT_EQ(backend.run(op, MU_OP_MATMUL, {view(a, {2, 3}), view(d, {3, 2})}, {view(a, {2, 2})}), MU_INVALID);
  EXPECT_EQ(backend.run(op, MU_OP_MATMUL, {view(a, {6}), view(a, {6})}, {view(a, {1})}), MU_INVALID);
  EXPECT_EQ(backend.run(op, MU_OP_MATMUL, {view(a, {2, 3}), view(a, {3, 2}), view(a, {2, 2})}, {view(a, {2, 2})}), MU_INVALID);
}

}  // namespace
}  // namespace backend_test
