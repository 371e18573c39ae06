// What the CUDA plugin's own kernels compute at each position, on the host, against the builtin backend.
#include "arithmetic.hpp"

#include <algorithm>
#include <numeric>

#include "backend.hpp"
#include "builtin.h"
#include "indexing.hpp"
#include "product.hpp"

namespace mushin::cuda {
namespace {

using namespace backend_test;

struct CudaArithmetic : testing::Test {
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{17};
};

template <class T>
void same_random(Backend& backend, RandomKind kind, std::uint32_t asked, mu_dtype type) {
  for (const std::int64_t n : {0, 1, 3, 4, 5, 1023})
    for (const std::int64_t counter : {std::int64_t{0}, std::int64_t{7}, std::int64_t{0xFFFFFFFF}, std::int64_t{-2}}) {
      const std::vector<std::int64_t> seed{std::int64_t{-0x123456789ABCDEF}, 99, counter};  // the counter two elements behind the key
      std::vector<T> expected(static_cast<std::size_t>(n) + 1, T(55)), got = expected;
      mu_op_random op{};
      op.kind = asked;
      ASSERT_EQ(backend.run(op, MU_OP_RANDOM, {view(seed.data(), MU_I64, {2}, {2})}, {view(expected.data(), type, {n}, {1})}), MU_OK);
      const std::int64_t per_block = elements_per_block(kind);
      for (std::int64_t b = (n + per_block - 1) / per_block; b-- > 0;) random_block(kind, seed.data(), 2, got.data(), n, b);
      ASSERT_EQ(got, expected) << n << " elements from " << counter;
    }
}

TEST_F(CudaArithmetic, RandomNumbersAreBuiltinsToTheBit) {
  same_random<float>(backend, RandomKind::uniform_f32, MU_RANDOM_UNIFORM, MU_F32);
  same_random<double>(backend, RandomKind::uniform_f64, MU_RANDOM_UNIFORM, MU_F64);
  same_random<std::int64_t>(backend, RandomKind::bits_i64, MU_RANDOM_BITS, MU_I64);
}

// Data, indices and values in any order of axes.
struct Indexed {
  Sizes data_dims, dims;
  std::uint32_t axis;
  bool turned, repeated;
};
Sizes strides_of(const Sizes& dims, bool turned) {
  if (!turned) return dense_strides(dims);
  Sizes reversed(dims.rbegin(), dims.rend()), s = dense_strides(reversed);
  std::reverse(s.begin(), s.end());
  return s;
}
std::vector<Indexed> indexed_cases() {
  std::vector<Indexed> all;
  for (std::uint32_t axis = 0; axis < 3; ++axis)
    for (const bool turned : {false, true})
      for (const bool repeated : {false, true}) {
        Indexed c{{4, 3, 5}, {4, 3, 5}, axis, turned, repeated};
        c.dims[axis] = 7;
        all.push_back(c);
      }
  all.push_back({{6}, {0}, 0, false, false});
  return all;
}

TEST_F(CudaArithmetic, GatherAndScatterGoWhereBuiltinsGo) {
  for (const Indexed& c : indexed_cases()) {
    std::vector<float> data(60), out(140, -1.f), expected = out;
    for (auto& x : data) x = static_cast<float>(random.real(-1, 1));
    std::vector<std::int64_t> index(140);
    for (auto& i : index) i = random.below(c.data_dims[c.axis]);
    Sizes index_strides = strides_of(c.dims, !c.turned);
    if (c.repeated)
      for (std::size_t i = 0; i < c.dims.size(); ++i)
        if (i != c.axis) index_strides[i] = 0;
    const mu_tensor vd = view(data, c.data_dims, strides_of(c.data_dims, !c.turned)), vi = view(index, c.dims, index_strides);
    const mu_tensor vo = view(out, c.dims, strides_of(c.dims, c.turned)), ve = view(expected, c.dims, strides_of(c.dims, c.turned));
    mu_op_gather op{};
    op.axis = c.axis;
    ASSERT_EQ(backend.run(op, MU_OP_GATHER, {vd, vi}, {ve}), MU_OK) << backend.message();
    const auto bad = [](Index i) { ADD_FAILURE() << "index " << i; };
    const Lines l = lines_of(vd, vi, vo, c.axis);
    ASSERT_EQ(l.count(), count(c.dims));
    for (Index i = 0; i < l.count(); ++i)
      gather_element(l, reinterpret_cast<const char*>(data.data()), index.data(), reinterpret_cast<char*>(out.data()), 4, i, bad);
    ASSERT_EQ(out, expected);

    for (auto& x : out) x = static_cast<float>(random.real(-1, 1));  // so that the order of sums shows
    std::vector<float> sums = data, expected_sums = data;
    mu_op_scatter_add back{};
    back.axis = c.axis, back.deterministic = 1;
    const mu_tensor vs = view(expected_sums, c.data_dims, strides_of(c.data_dims, !c.turned));
    ASSERT_EQ(backend.run(back, MU_OP_SCATTER_ADD, {vi, vo}, {vs}), MU_OK) << backend.message();
    const Lines to = lines_of(vs, vi, vo, c.axis);
    for (Index i = to.walk.count; i-- > 0;) scatter_line(to, sums.data(), index.data(), out.data(), i, bad);
    ASSERT_EQ(sums, expected_sums);
  }
}

TEST_F(CudaArithmetic, IndicesOutsideAreToldAndNotFollowed) {
  std::vector<float> data(6, 1.f), out(4, -1.f);
  for (const std::int64_t bad : {std::int64_t{3}, std::int64_t{-1}, INT64_MIN}) {
    const std::vector<std::int64_t> index{0, bad};
    const Lines l = lines_of(view(data, {3, 2}), view(index, {2, 2}, {1, 0}), view(out, {2, 2}), 0);
    std::vector<Index> told;
    for (Index i = 0; i < l.count(); ++i)
      gather_element(l, reinterpret_cast<const char*>(data.data()), index.data(), reinterpret_cast<char*>(out.data()), 4, i,
                     [&](Index x) { told.push_back(x); });
    EXPECT_EQ(told, (std::vector<Index>{bad, bad}));
    EXPECT_EQ(out[2], -1.f);
    told.clear();
    for (Index i = 0; i < l.walk.count; ++i) scatter_line(l, data.data(), index.data(), out.data(), i, [&](Index x) { told.push_back(x); });
    EXPECT_EQ(told, (std::vector<Index>{bad, bad}));
  }
}

TEST_F(CudaArithmetic, SumsOfNarrowTypesWrap) {
  EXPECT_EQ(sum<std::int8_t>(127, 1), -128);
  EXPECT_EQ(sum<std::uint8_t>(255, 2), 1);
  EXPECT_EQ(sum<std::int32_t>(INT32_MAX, 1), INT32_MIN);
  EXPECT_EQ(sum<std::int64_t>(INT64_MAX, 1), INT64_MIN);
  EXPECT_EQ(sum<bool>(true, true), true);
}

template <class T>
void same_product(Backend& backend, Random& random, mu_dtype type, IntegerType integer, mu_dtype acc) {
  const Sizes a_dims{2, 3, 5, 7}, b_dims{2, 3, 7, 4}, dims{2, 3, 5, 4};
  std::vector<T> a(210), b(168);
  for (auto& x : a) x = static_cast<T>(random.next());
  for (auto& x : b) x = static_cast<T>(random.next());
  const mu_tensor va = view(a.data(), type, a_dims, strides_of(a_dims, true)), vb = view(b.data(), type, b_dims, {0, 28, 4, 1});
  std::vector<std::int64_t> expected(120), got(120);
  mu_op_matmul op{};
  op.acc = acc;
  ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {va, vb}, {view(expected.data(), acc, dims, strides_of(dims, true))}), MU_OK)
      << backend.message();
  const IntegerProduct p = product_of(va, vb, view(got.data(), acc, dims, strides_of(dims, true)), integer, acc == MU_I64);
  ASSERT_EQ(p.count(), 120);
  for (Index i = 0; i < p.count(); ++i)
    product_element(p, reinterpret_cast<const char*>(a.data()), reinterpret_cast<const char*>(b.data()),
                    reinterpret_cast<char*>(got.data()), i);
  ASSERT_EQ(got, expected);
}

TEST_F(CudaArithmetic, ProductsOfIntegersAreBuiltins) {
  same_product<std::int8_t>(backend, random, MU_I8, IntegerType::i8, MU_I32);
  same_product<std::uint8_t>(backend, random, MU_U8, IntegerType::u8, MU_I32);
  same_product<std::int32_t>(backend, random, MU_I32, IntegerType::i32, MU_I32);
  same_product<std::int64_t>(backend, random, MU_I64, IntegerType::i64, MU_I64);
}

// What cuBLASLt does with an operand: element (row, column) of op(matrix), by columns.
double element(const double* m, const Layout& l, std::int64_t row, std::int64_t column) {
  if (l.transposed) std::swap(row, column);
  EXPECT_LT(row, l.rows);
  EXPECT_LT(column, l.columns);
  EXPECT_GE(l.leading, l.rows);
  return m[row + column * l.leading];
}

struct Product {
  Sizes a_dims, b_dims, dims, a, b, out;  // strides
};

TEST_F(CudaArithmetic, ProductsAreToldToCublasByColumns) {
  const Product cases[] = {
      {{3, 5}, {5, 4}, {3, 4}, {5, 1}, {4, 1}, {4, 1}},                                            // dense
      {{3, 5}, {5, 4}, {3, 4}, {1, 3}, {1, 5}, {6, 1}},                                            // both turned, rows apart
      {{1, 5}, {5, 1}, {1, 1}, {9, 1}, {3, 1}, {1, 1}},                                            // a row, a column with gaps
      {{2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 6}, {60, 20, 5, 1}, {90, 30, 6, 1}, {72, 24, 6, 1}},  // one batch
      {{2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 6}, {60, 20, 5, 1}, {0, 0, 6, 1}, {72, 24, 6, 1}},    // b repeated
      {{2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 6}, {0, 20, 5, 1}, {30, 0, 1, 5}, {72, 24, 6, 1}},    // two calls
      {{2, 2, 3, 4, 5}, {2, 2, 3, 5, 6}, {2, 2, 3, 4, 6}, {60, 0, 20, 5, 1}, {0, 90, 30, 6, 1}, {144, 72, 24, 6, 1}},  // four calls
  };
  const std::int64_t calls[] = {1, 1, 1, 1, 1, 2, 4};
  for (std::size_t n = 0; n < std::size(cases); ++n) {
    const Product& c = cases[n];
    std::vector<double> a(400), b(400), expected(400, 7.0), got = expected;
    for (auto& x : a) x = random.real(-1, 1);
    for (auto& x : b) x = random.real(-1, 1);
    const mu_tensor va = view(a, c.a_dims, c.a), vb = view(b, c.b_dims, c.b), vo = view(got, c.dims, c.out);
    mu_op_matmul op{};
    op.acc = MU_F64;
    ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {va, vb}, {view(expected, c.dims, c.out)}), MU_OK) << backend.message();
    const Batch batch = batch_of(va, vb, vo);
    ASSERT_EQ(batch.calls(), calls[n]) << "case " << n;
    const int row = vo.rank - 2, column = vo.rank - 1;
    const auto layout = [&](const mu_tensor& v) { return layout_of(v.dim[row], v.dim[column], v.stride[row], v.stride[column]).value(); };
    const Layout la = layout(va), lb = layout(vb), lo = layout(vo);
    ASSERT_FALSE(lo.transposed);
    for (std::int64_t call = 0; call < batch.calls(); ++call)
      for (std::int64_t item = 0; item < batch.count; ++item)
        for (std::int64_t i = 0; i < lo.rows; ++i)
          for (std::int64_t j = 0; j < lo.columns; ++j) {
            double total = 0;
            for (std::int64_t k = 0; k < va.dim[column]; ++k)
              total += element(b.data() + batch.offset(1, call) + item * batch.step[1], lb, i, k) *
                       element(a.data() + batch.offset(0, call) + item * batch.step[0], la, k, j);
            got[static_cast<std::size_t>(batch.offset(2, call) + item * batch.step[2] + i + j * lo.leading)] = total;
          }
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-13) << "case " << n << " at " << i;
  }
}

TEST_F(CudaArithmetic, WhatCublasCannotBeToldIsRefused) {
  EXPECT_FALSE(layout_of(3, 4, 8, 2));
  EXPECT_FALSE(layout_of(3, 4, 0, 1));  // rows that repeat
  EXPECT_FALSE(layout_of(3, 4, 3, 1));  // rows that overlap
  EXPECT_FALSE(layout_of(3, 4, 1, 2));
}

}  // namespace
}  // namespace mushin::cuda
