#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <limits>

#include "onednn_support.hpp"

namespace {

using driver::row_major;
using driver::view;
using namespace onednn_test;

mu_op_matmul matmul_op(const mu_pw_program* epilogue = nullptr) {
  return {{sizeof(mu_op_matmul), MU_OP_MATMUL}, MU_F32, MU_MATH_EXACT, epilogue};
}

struct Product {
  const char* name;
  std::int64_t batch, m, n, k;
  bool a_transposed, b_transposed, a_shared, b_shared;  // shared: stride 0 along the batch
};

class MatmulTest : public testing::TestWithParam<Product> {};

TEST_P(MatmulTest, EqualsTheDoubleOracle) {
  const Product& p = GetParam();
  const auto a = random_values(static_cast<std::size_t>(p.batch * p.m * p.k), 1),
             b = random_values(static_cast<std::size_t>(p.batch * p.k * p.n), 2);
  std::vector<float> c(static_cast<std::size_t>(p.batch * p.m * p.n), std::numeric_limits<float>::signaling_NaN());
  const std::vector<std::int64_t> sa{p.a_shared ? 0 : p.m * p.k, p.a_transposed ? 1 : p.k, p.a_transposed ? p.m : 1};
  const std::vector<std::int64_t> sb{p.b_shared ? 0 : p.k * p.n, p.b_transposed ? 1 : p.n, p.b_transposed ? p.k : 1};
  const auto op = matmul_op();
  std::string error;
  ASSERT_EQ(driver::run(module(), op.h, {view(a.data(), MU_F32, {p.batch, p.m, p.k}, sa), view(b.data(), MU_F32, {p.batch, p.k, p.n}, sb)},
                        view(c.data(), MU_F32, {p.batch, p.m, p.n}, row_major({p.batch, p.m, p.n})), &error),
            MU_OK)
      << error;
  const auto at = [](const std::vector<float>& v, const std::vector<std::int64_t>& s, std::int64_t i, std::int64_t j, std::int64_t l) {
    return static_cast<double>(v[static_cast<std::size_t>(i * s[0] + j * s[1] + l * s[2])]);
  };
  double worst = 0;
  for (std::int64_t i = 0; i < p.batch; ++i)
    for (std::int64_t r = 0; r < p.m; ++r)
      for (std::int64_t col = 0; col < p.n; ++col) {
        double sum = 0;
        for (std::int64_t l = 0; l < p.k; ++l) sum += at(a, sa, i, r, l) * at(b, sb, i, l, col);
        const double error_here = std::abs(sum - static_cast<double>(c[static_cast<std::size_t>((i * p.m + r) * p.n + col)]));
        worst = std::max(worst, std::isnan(error_here) ? 1e9 : error_here);
      }
  EXPECT_LT(worst, 4e-6 * std::sqrt(static_cast<double>(p.k)));
}

INSTANTIATE_TEST_SUITE_P(Shapes, MatmulTest,
                         testing::Values(Product{"plain", 1, 64, 64, 64, false, false, false, false},
                                         Product{"block_edges", 1, 49, 97, 65, false, false, false, false},
                                         Product{"b_transposed", 1, 128, 255, 161, false, true, false, false},
                                         Product{"a_transposed", 1, 255, 129, 64, true, false, false, false},
                                         Product{"both_transposed", 1, 100, 101, 102, true, true, false, false},
                                         Product{"rows_are_split", 1, 401, 160, 150, false, false, false, false},
                                         Product{"columns_are_split", 1, 33, 700, 401, false, false, false, false},
                                         Product{"columns_of_transposed", 1, 33, 701, 400, true, true, false, false},
                                         Product{"narrow", 1, 1000, 2, 300, false, false, false, false},
                                         Product{"flat", 1, 2, 1000, 300, false, false, false, false},
                                         Product{"batch", 7, 60, 61, 62, false, false, false, false},
                                         Product{"batch_transposed", 5, 60, 61, 62, true, true, false, false},
                                         Product{"batch_of_two_is_split", 2, 300, 160, 151, false, false, false, false},
                                         Product{"shared_right", 6, 50, 64, 65, false, false, false, true},
                                         Product{"shared_left", 6, 50, 64, 65, false, false, true, false}),
                         case_name<Product>);

TEST(Matmul, TwoBatchAxesInAnyOrder) {
  constexpr std::int64_t m = 50, n = 51, k = 52;
  const auto a = random_values(2 * 3 * m * k, 3), b = random_values(2 * 3 * k * n, 4);
  std::vector<float> c(2 * 3 * m * n);
  const auto op = matmul_op();
  ASSERT_EQ(
      driver::run(module(), op.h,
                  {view(a.data(), MU_F32, {2, 3, m, k}, {m * k, 2 * m * k, k, 1}), view(b.data(), MU_F32, {2, 3, k, n}, {0, k * n, n, 1})},
                  view(c.data(), MU_F32, {2, 3, m, n}, row_major({2, 3, m, n}))),
      MU_OK);
  for (std::size_t i : {0u, 1u})
    for (std::size_t j : {0u, 1u, 2u}) {
      double sum = 0;
      for (std::size_t l = 0; l < k; ++l)
        sum += static_cast<double>(a[(i + 2 * j) * m * k + 7 * k + l]) * static_cast<double>(b[j * k * n + l * n + 9]);
      EXPECT_NEAR(c[((i * 3 + j) * m + 7) * n + 9], sum, 1e-4);
    }
}

TEST(Matmul, RowsOfTheOutputMayHaveGaps) {
  constexpr std::int64_t m = 64, n = 50, k = 70;
  const auto a = random_values(m * k, 5), b = random_values(k * n, 6);
  std::vector<float> c(m * (n + 3), 42);
  const auto op = matmul_op();
  ASSERT_EQ(driver::run(module(), op.h, {view(a.data(), MU_F32, {m, k}, {k, 1}), view(b.data(), MU_F32, {k, n}, {n, 1})},
                        view(c.data(), MU_F32, {m, n}, {n + 3, 1})),
            MU_OK);
  for (std::size_t r = 0; r < m; ++r)
    for (std::size_t gap = n; gap < n + 3; ++gap) EXPECT_EQ(c[r * (n + 3) + gap], 42);
  double sum = 0;
  for (std::size_t l = 0; l < k; ++l) sum += static_cast<double>(a[63 * k + l]) * static_cast<double>(b[l * n + 49]);
  EXPECT_NEAR(c[63 * (n + 3) + 49], sum, 1e-4);
}

struct Refused {
  const char* name;
  std::int64_t m, n, k;
  mu_dtype type;
  std::int64_t column_stride;
  mu_code code;
  const char* text;
};
class RefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, WithAReason) {
  const Refused& p = GetParam();
  const std::vector<double> memory(static_cast<std::size_t>(std::max<std::int64_t>(1, 4 * (p.m * p.k + p.k * p.n + p.m * p.n))));
  const auto op = matmul_op();
  std::string error;
  const std::int64_t s = p.column_stride;
  EXPECT_EQ(driver::run(module(), op.h,
                        {view(memory.data(), p.type, {p.m, p.k}, {p.k * s, s}), view(memory.data(), p.type, {p.k, p.n}, {p.n, 1})},
                        view(memory.data(), p.type, {p.m, p.n}, {p.n, 1}), &error),
            p.code);
  EXPECT_NE(error.find(p.text), std::string::npos) << error;
}
INSTANTIATE_TEST_SUITE_P(Reasons, RefusedTest,
                         testing::Values(Refused{"small", 48, 48, 48, MU_F32, 1, MU_UNSUPPORTED,
                                                 "[onednn matmul] the builtin kernel is faster for products this small"},
                                         Refused{"matrix_vector", 1000, 1, 1000, MU_F32, 1, MU_UNSUPPORTED,
                                                 "[onednn matmul] the builtin kernel is faster for products this small"},
                                         Refused{"vector_matrix", 1, 1000, 1000, MU_F32, 1, MU_UNSUPPORTED,
                                                 "[onednn matmul] the builtin kernel is faster for products this small"},
                                         Refused{"empty", 0, 100, 100, MU_F32, 1, MU_UNSUPPORTED,
                                                 "[onednn matmul] the builtin kernel is faster for products this small"},
                                         Refused{"nothing_to_sum", 100, 100, 0, MU_F32, 1, MU_UNSUPPORTED,
                                                 "[onednn matmul] the builtin kernel is faster for products this small"},
                                         Refused{"f64", 100, 100, 100, MU_F64, 1, MU_UNSUPPORTED,
                                                 "[onednn matmul] operands are strided f32"},
                                         Refused{"gaps_in_rows_and_columns", 100, 100, 100, MU_F32, 2, MU_UNSUPPORTED,
                                                 "[onednn matmul] neither rows nor columns of an operand are contiguous"}),
                         case_name<Refused>);

TEST(Malformed, IsRefusedAndNotRead) {
  const std::vector<float> memory(100 * 100);
  const auto square = view(memory.data(), MU_F32, {100, 100}, {100, 1});
  auto op = matmul_op();
  const auto refused = [&](mu_code code, const std::vector<mu_tensor>& in, const mu_tensor& out, const char* sentence) {
    expect_refused(op.h, code, in, {out}, sentence);
  };
  op.h.size = sizeof(mu_op);
  refused(MU_INVALID, {square, square}, square, "[onednn matmul] the descriptor isn't one of this version");
  op = matmul_op();
  refused(MU_INVALID, {square, view(memory.data(), MU_F32, {99, 100}, {100, 1})}, square, "[onednn matmul] extents don't fit together");
  refused(MU_INVALID, {square, view(memory.data(), MU_F32, {1, 99, 100}, {0, 100, 1})}, square, "[onednn matmul] operands differ in rank");
  const auto row = view(memory.data(), MU_F32, {100}, {1});
  refused(MU_INVALID, {row, row}, row, "[onednn matmul] operands need a rank from 2 to 8");
  refused(MU_UNSUPPORTED, {square, square}, view(memory.data(), MU_F32, {100, 100}, {1, 100}),
          "[onednn matmul] the output's rows aren't contiguous");
  op.acc = MU_F64;
  refused(MU_UNSUPPORTED, {square, square}, square, "[onednn matmul] sums are in f32");
  op = matmul_op();
  const auto batch = [&](std::int64_t n) { return view(memory.data(), MU_F32, {n, 50, 50}, {2500, 50, 1}); };
  refused(MU_INVALID, {batch(4), batch(3)}, batch(4), "[onednn matmul] operands differ in a batch extent");
  op.h.id = 4711;
  refused(MU_UNSUPPORTED, {square, square}, square, "[onednn] this backend has no such op");
  struct {
    mu_op_matmul known = matmul_op();
    std::uint64_t later = 1;
  } longer;
  longer.known.h.size = sizeof longer;
  EXPECT_EQ(driver::run(module(), longer.known.h, {square, square}, square), MU_UNSUPPORTED) << "an option that it doesn't know";
  longer.later = 0;
  std::vector<float> c(100 * 100);
  EXPECT_EQ(driver::run(module(), longer.known.h, {square, square}, view(c.data(), MU_F32, {100, 100}, {100, 1})), MU_OK);
}

struct Tail {
  const char* name;
  Program program;
  std::vector<std::pair<std::int64_t, std::int64_t>> strides;  // of the further inputs; -1: as in row-major order
  double (*oracle)(double x, const double* y);
};
class EpilogueTest : public testing::TestWithParam<Tail> {};

TEST_P(EpilogueTest, IsDoneToEveryElement) {
  const Tail& p = GetParam();
  for (const auto& [m, n] : {std::pair<std::int64_t, std::int64_t>{301, 103}, {33, 1500}}) {
    constexpr std::int64_t k = 200;
    const auto a = random_values(static_cast<std::size_t>(m * k), 7), b = random_values(static_cast<std::size_t>(k * n), 8),
               extra = random_values(static_cast<std::size_t>(m * n), 9);
    std::vector<float> c(static_cast<std::size_t>(m * n));
    std::vector<mu_tensor> in{view(a.data(), MU_F32, {m, k}, {k, 1}), view(b.data(), MU_F32, {k, n}, {n, 1})};
    for (auto [row, column] : p.strides) in.push_back(view(extra.data(), MU_F32, {m, n}, {row < 0 ? n : row, column}));
    const auto text = p.program.text();
    const auto op = matmul_op(&text);
    std::string error;
    ASSERT_EQ(driver::run(module(), op.h, in, view(c.data(), MU_F32, {m, n}, {n, 1}), &error), MU_OK) << error;
    for (std::int64_t r = 0; r < m; ++r)
      for (std::int64_t col = 0; col < n; ++col) {
        double sum = 0, y[3] = {};
        for (std::int64_t l = 0; l < k; ++l)
          sum +=
              static_cast<double>(a[static_cast<std::size_t>(r * k + l)]) * static_cast<double>(b[static_cast<std::size_t>(l * n + col)]);
        for (std::size_t i = 0; i < p.strides.size(); ++i)
          y[i] = static_cast<double>(extra[static_cast<std::size_t>(r * in[i + 2].stride[0] + col * in[i + 2].stride[1])]);
        ASSERT_NEAR(c[static_cast<std::size_t>(r * n + col)], p.oracle(sum, y), 2e-4) << r << ", " << col;
      }
  }
}
INSTANTIATE_TEST_SUITE_P(
    Chains, EpilogueTest,
    testing::Values(Tail{"bias", {2, {}, {inst(MU_PW_ADD, 0, 1)}}, {{0, 1}}, [](double x, const double* y) { return x + y[0]; }},
                    Tail{"bias_first", {2, {}, {inst(MU_PW_ADD, 1, 0)}}, {{0, 1}}, [](double x, const double* y) { return x + y[0]; }},
                    Tail{"bias_relu",
                         {2, {}, {inst(MU_PW_ADD, 0, 1), inst(MU_PW_RELU, 2)}},
                         {{0, 1}},
                         [](double x, const double* y) { return std::max(x + y[0], 0.0); }},
                    Tail{"bias_max_zero",
                         {2, {0}, {inst(MU_PW_ADD, 0, 1), inst(MU_PW_MAX, 3, 2)}},
                         {{0, 1}},
                         [](double x, const double* y) { return std::max(x + y[0], 0.0); }},
                    Tail{"column_and_residual",
                         {3, {}, {inst(MU_PW_MUL, 0, 1), inst(MU_PW_ADD, 3, 2)}},
                         {{1, 0}, {-1, 1}},
                         [](double x, const double* y) { return x * y[0] + y[1]; }},
                    Tail{"scalar_minus", {2, {}, {inst(MU_PW_SUB, 1, 0)}}, {{0, 0}}, [](double x, const double* y) { return y[0] - x; }},
                    Tail{"constant_over",
                         {1, {2}, {inst(MU_PW_ABS, 0), inst(MU_PW_MIN, 2, 1), inst(MU_PW_SUB, 3, 1), inst(MU_PW_NEG, 4)}},
                         {},
                         [](double x, const double*) { return 2 - std::min(std::abs(x), 2.0); }},
                    Tail{"gradient_of_relu",
                         {2, {}, {inst(MU_PW_STEP, 1, 0)}},
                         {{-1, 1}},
                         [](double x, const double* y) { return y[0] > 0 ? x : 0.0; }}),
    case_name<Tail>);

TEST(Epilogue, OthersAreLeftToTheHost) {
  const std::vector<float> memory(100 * 100);
  const auto square = view(memory.data(), MU_F32, {100, 100}, {100, 1});
  const Program square_of_product(1, {}, {inst(MU_PW_MUL, 0, 0)});
  const Program earlier_value(2, {}, {inst(MU_PW_ADD, 0, 1), inst(MU_PW_ADD, 0, 1)});
  const Program unknown(1, {}, {inst(MU_PW_ERF, 0)});
  const auto refused = [&](const mu_pw_program& text, const std::vector<mu_tensor>& in, const char* sentence) {
    const auto op = matmul_op(&text);
    expect_refused(op.h, MU_UNSUPPORTED, in, {square}, sentence);
  };
  for (const Program* p : {&square_of_product, &unknown})
    refused(p->text(), {square, square}, "[onednn] the epilogue is no chain of known opcodes");
  const auto text = earlier_value.text();
  refused(text, {square, square, square}, "[onednn] the epilogue is no chain of known opcodes");
  refused(text, {square, square}, "[onednn] the epilogue's inputs don't match the op's");
  const Program sum(2, {}, {inst(MU_PW_ADD, 0, 1)}), scaled(1, {2}, {inst(MU_PW_MUL, 0, 1)});
  auto other = sum.text();
  other.version = 2;
  refused(other, {square, square, square}, "[onednn] the epilogue is no program of a known version");
  other = sum.text(), other.out[0] = 0;
  refused(other, {square, square, square}, "[onednn] the epilogue's output isn't the end of a chain");
  const mu_dtype doubles[] = {MU_F64, MU_F64};
  other = sum.text(), other.in_type = doubles;
  refused(other, {square, square, square}, "[onednn] epilogues are of f32");
  other = scaled.text(), other.const_type = doubles;
  refused(other, {square, square}, "[onednn] epilogues are of f32");
  refused(sum.text(), {square, square, view(memory.data(), MU_F32, {100, 100}, {1, 100})}, "[onednn] an epilogue input has gaps");
  const std::vector<mu_dtype> types(40, MU_F32);
  other = sum.text(), other.n_in = 34, other.in_type = types.data();
  const mu_pw_inst last = inst(MU_PW_ADD, 0, 1);
  other.inst = &last, other.out[0] = 34;
  refused(other, std::vector<mu_tensor>(35, square), "[onednn matmul] the epilogue has too many inputs");
}

TEST(Epilogue, NanStaysNan) {
  std::vector<float> a(64 * 64, 1), c(64 * 64);
  a[5 * 64] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> b(64 * 64, 1);
  const Program relu(1, {}, {inst(MU_PW_RELU, 0)}), at_most(1, {3}, {inst(MU_PW_MIN, 0, 1)});
  for (const Program* p : {&relu, &at_most}) {
    const auto text = p->text();
    const auto op = matmul_op(&text);
    ASSERT_EQ(driver::run(module(), op.h, {view(a.data(), MU_F32, {64, 64}, {64, 1}), view(b.data(), MU_F32, {64, 64}, {64, 1})},
                          view(c.data(), MU_F32, {64, 64}, {64, 1})),
              MU_OK);
    EXPECT_TRUE(std::isnan(c[5 * 64 + 3]));
    EXPECT_FALSE(std::isnan(c[6 * 64 + 3]));
  }
}

struct SoftmaxCase {
  const char* name;
  std::uint32_t kind;
  std::vector<std::int64_t> dim;
};
class SoftmaxTest : public testing::TestWithParam<SoftmaxCase> {};

void softmax_oracle(std::uint32_t kind, std::size_t n, const float* x, const float* dy, double* out) {
  double top = -std::numeric_limits<double>::infinity(), sum = 0, dot = 0, total = 0;
  for (std::size_t i = 0; i < n; ++i) top = std::max(top, static_cast<double>(x[i]));
  for (std::size_t i = 0; i < n; ++i) {
    sum += std::exp(static_cast<double>(x[i]) - top);
    dot += static_cast<double>(x[i]) * static_cast<double>(dy[i]);
    total += static_cast<double>(dy[i]);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double v = x[i], d = dy[i];
    const double by_kind[] = {std::exp(v - top) / sum, v - top - std::log(sum), v * (d - dot), d - std::exp(v) * total};
    out[i] = by_kind[kind];
  }
}

TEST_P(SoftmaxTest, EqualsTheDoubleOracle) {
  const SoftmaxCase& p = GetParam();
  std::size_t count = 1;
  for (auto d : p.dim) count *= static_cast<std::size_t>(d);
  const auto n = static_cast<std::size_t>(p.dim.back());
  auto x = random_values(count, 10);
  const auto dy = random_values(count, 11);
  for (auto& v : x) v *= p.kind < 2 ? 80.0f : 1.0f;
  std::vector<float> y(count, std::numeric_limits<float>::signaling_NaN());
  std::vector<mu_tensor> in{view(x.data(), MU_F32, p.dim, row_major(p.dim))};
  if (p.kind >= 2) in.push_back(view(dy.data(), MU_F32, p.dim, row_major(p.dim)));
  const mu_op_softmax op{{sizeof op, MU_OP_SOFTMAX}, p.kind, static_cast<std::uint32_t>(p.dim.size() - 1)};
  std::string error;
  const mu_code code = driver::run(module(), op.h, in, view(y.data(), MU_F32, p.dim, row_major(p.dim)), &error);
  if (code == MU_UNSUPPORTED && p.kind >= 2 && !__builtin_cpu_supports("avx512bw")) {
    EXPECT_EQ(error, "[onednn softmax] oneDNN has only its reference code for this");
    GTEST_SKIP() << "oneDNN 3 has backward kernels with AVX-512 only";
  }
  ASSERT_EQ(code, MU_OK) << error;
  std::vector<double> wanted(n);
  for (std::size_t row = 0; row < count / n; ++row) {
    softmax_oracle(p.kind, n, x.data() + row * n, dy.data() + row * n, wanted.data());
    for (std::size_t i = 0; i < n; ++i)
      ASSERT_NEAR(y[row * n + i], wanted[i], p.kind == MU_SOFTMAX ? 1e-6 : 3e-5 + 4e-6 * std::abs(wanted[i])) << row << ", " << i;
  }
}
INSTANTIATE_TEST_SUITE_P(Kinds, SoftmaxTest,
                         testing::Values(SoftmaxCase{"plain", MU_SOFTMAX, {1333, 250}}, SoftmaxCase{"log", MU_SOFTMAX_LOG, {1333, 250}},
                                         SoftmaxCase{"backward", MU_SOFTMAX_BACKWARD, {333, 1000}},
                                         SoftmaxCase{"log_backward", MU_SOFTMAX_LOG_BACKWARD, {1333, 250}},
                                         SoftmaxCase{"short_rows", MU_SOFTMAX, {5, 2000, 10}},
                                         SoftmaxCase{"one_long_row", MU_SOFTMAX_BACKWARD, {100001}},
                                         SoftmaxCase{"log_of_short_rows", MU_SOFTMAX_LOG, {5, 2000, 10}}),
                         case_name<SoftmaxCase>);

TEST(Softmax, RefusesWithAReason) {
  const std::vector<float> x(200 * 200);
  std::vector<float> y(200 * 200);
  const auto from = view(x.data(), MU_F32, {200, 200}, {200, 1}), to = view(y.data(), MU_F32, {200, 200}, {200, 1});
  mu_op_softmax op{{sizeof op, MU_OP_SOFTMAX}, MU_SOFTMAX, 0};
  const auto refused = [&](mu_code code, const std::vector<mu_tensor>& in, const mu_tensor& out, const char* sentence) {
    expect_refused(op.h, code, in, {out}, sentence);
  };
  refused(MU_UNSUPPORTED, {from}, to, "[onednn softmax] the axis isn't the innermost one");
  op.axis = 2;
  refused(MU_INVALID, {from}, to, "[onednn softmax] the axis is out of range");
  op.axis = 1;
  refused(MU_UNSUPPORTED, {view(x.data(), MU_F32, {200, 200}, {1, 200})}, to, "[onednn softmax] operands are contiguous f32");
  refused(MU_INVALID, {view(x.data(), MU_F32, {100, 200}, {200, 1})}, to, "[onednn softmax] operands differ in extents");
  refused(MU_INVALID, {from, from}, to, "[onednn softmax] wrong number of operands");
  refused(MU_UNSUPPORTED, {view(x.data(), MU_F32, {40, 1000}, {1000, 1})}, view(y.data(), MU_F32, {40, 1000}, {1000, 1}),
          "[onednn softmax] the builtin kernel is faster for rows this long");
  refused(MU_UNSUPPORTED, {view(x.data(), MU_F32, {4, 100}, {100, 1})}, view(y.data(), MU_F32, {4, 100}, {100, 1}),
          "[onednn softmax] the builtin kernel is faster for operands this small");
  op.kind = 17;
  refused(MU_UNSUPPORTED, {from}, to, "[onednn softmax] the kind is unknown");
  op.h.size = sizeof(mu_op);
  refused(MU_INVALID, {from}, to, "[onednn softmax] the descriptor isn't one of this version");
}

TEST(Tables, AreComplete) {
  const mu_plugin* p = module().plugin;
  EXPECT_STREQ(p->name, "onednn");
  std::uint32_t n = 0;
  EXPECT_EQ(p->device_count(&n, nullptr), MU_OK);
  EXPECT_EQ(n, 1u);
  mu_device* second = nullptr;
  mu_error e{};
  e.size = sizeof e;
  EXPECT_EQ(p->device_open(1, &second, &e), MU_INVALID);
  EXPECT_STREQ(e.message, "[onednn] there is one device, number 0");
  mu_device_info info{};
  info.size = 8;
  EXPECT_EQ(p->device->info(module().device, &info, &e), MU_INVALID);
  EXPECT_STREQ(e.message, "[onednn] mu_device_info is too short");
  info.size = sizeof info;
  ASSERT_EQ(p->device->info(module().device, &info, nullptr), MU_OK);
  EXPECT_EQ(info.kind, MU_KIND_CPU);
  EXPECT_TRUE(info.caps & MU_CAP_HOST_MEMORY);
  EXPECT_NE(std::string(info.driver).find("oneDNN"), std::string::npos);
  EXPECT_EQ(p->memory, nullptr);
  EXPECT_EQ(p->device->synchronize(module().device, nullptr), MU_OK);
}

TEST(Tables, AShortHostIsRefused) {
  void* library = dlopen(MUSHIN_ONEDNN_MODULE, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr);
  const auto entry = reinterpret_cast<mu_entry_fn>(dlsym(library, MU_ENTRY_SYMBOL));
  mu_host old = *driver::host();
  old.size = 16;
  mu_error e{};
  e.size = sizeof e;
  EXPECT_EQ(entry(&old, &e), nullptr);
  EXPECT_EQ(e.code, MU_INVALID);
  EXPECT_STREQ(e.message, "[onednn] the host's table is shorter than this plugin needs");
  EXPECT_NE(entry(driver::host(), nullptr), nullptr);
}

}  // namespace
