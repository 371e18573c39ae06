// Reductions over every subset of axes, against plain loops in long double.
#include <cmath>
#include <limits>

#include "backend.hpp"
#include "builtin.h"

namespace backend_test {
namespace {

struct Folded {
  long double value;
  std::int64_t index;
};

Folded fold(std::uint32_t kind, const std::vector<long double>& v, bool real) {
  constexpr long double inf = std::numeric_limits<long double>::infinity();
  const auto whole_min = static_cast<long double>(std::numeric_limits<std::int64_t>::min());
  const auto whole_max = static_cast<long double>(std::numeric_limits<std::int64_t>::max());
  const bool up = kind == MU_REDUCE_MAX || kind == MU_REDUCE_ARGMAX;
  if (kind == MU_REDUCE_SUM || kind == MU_REDUCE_PROD) {
    long double s = kind == MU_REDUCE_SUM ? 0 : 1;
    for (long double x : v) s = kind == MU_REDUCE_SUM ? s + x : s * x;
    return {s, 0};
  }
  Folded best{up ? (real ? -inf : whole_min) : (real ? inf : whole_max), 0};
  for (std::size_t i = 0; i < v.size(); ++i) {
    const bool better = up ? v[i] > best.value : v[i] < best.value;
    if (!std::isnan(best.value) && (better || std::isnan(v[i]))) best = {v[i], static_cast<std::int64_t>(i)};
  }
  return best;
}

template <class T>
class Reduce : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{23};

  std::vector<T> numbers(std::int64_t n) {
    std::vector<T> v(static_cast<std::size_t>(n));
    for (T& x : v) x = static_cast<T>(std::is_integral_v<T> ? static_cast<double>(random.below(41) - 20) : random.real(-1, 1));
    return v;
  }

  static ProgramText identity() {
    ProgramText p;
    p.out = {p.input(dtype_of<T>)};
    return p;
  }
  // Something that is more than its input: the square of the difference of two inputs.
  static ProgramText square_difference() {
    ProgramText p;
    const int a = p.input(dtype_of<T>), b = p.input(dtype_of<T>), d = p.add(MU_PW_SUB, dtype_of<T>, a, b);
    p.out = {p.add(MU_PW_MUL, dtype_of<T>, d, d)};
    return p;
  }

  void check(std::uint32_t kind, const ProgramText& text, const std::vector<mu_tensor>& in, unsigned axes, const std::string& what) {
    const bool arg = kind >= MU_REDUCE_ARGMAX;
    const mu_tensor& space = in[0];
    Sizes dims(space.dim, space.dim + space.rank), strides(dims.size()), kept;
    std::int64_t step = 1;
    for (std::size_t i = dims.size(); i-- > 0;) {
      const bool reduced = axes >> i & 1;
      strides[i] = reduced ? 0 : step;
      if (!reduced) step *= dims[i];
    }
    std::vector<std::vector<long double>> groups(static_cast<std::size_t>(step));
    const std::vector<std::int64_t> to = offsets(view(nullptr, MU_F32, dims, strides));
    std::vector<std::vector<std::int64_t>> from;
    for (const mu_tensor& v : in) from.push_back(offsets(v));
    for (std::size_t i = 0; i < to.size(); ++i) {
      const auto value = [&](std::size_t k) { return reinterpret_cast<const T*>(in[k].buffer)[from[k][i]]; };
      const T d = in.size() == 1 ? value(0) : static_cast<T>(value(0) - value(1));
      groups[static_cast<std::size_t>(to[i])].push_back(static_cast<long double>(in.size() == 1 ? d : static_cast<T>(d * d)));
    }
    std::vector<T> out(groups.size());
    std::vector<std::int64_t> index(groups.size());
    const mu_pw_program program = text.descriptor();
    mu_op_map_reduce op{};
    op.program = &program, op.kind = kind, op.acc = dtype_of<T>;
    const mu_tensor result = arg ? view(index, dims, strides) : view(out, dims, strides);
    ASSERT_EQ(backend.run(op, MU_OP_MAP_REDUCE, in, {result}), MU_OK) << what << backend.message();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const Folded exact = fold(kind, groups[g], !std::is_integral_v<T>);
      const std::string where = what + " kind " + std::to_string(kind) + " axes " + std::to_string(axes) + " group " + std::to_string(g);
      if (arg) {
        ASSERT_EQ(index[g], exact.index) << where;
      } else if (std::isnan(exact.value)) {
        ASSERT_NE(out[g], out[g]) << where;
      } else if (kind == MU_REDUCE_PROD && std::isinf(exact.value)) {
        continue;  // infinity times what underflowed on the way
      } else if (!std::isinf(exact.value) && (kind == MU_REDUCE_SUM || kind == MU_REDUCE_PROD)) {
        const double limit =
            std::is_integral_v<T> ? 0 : (sizeof(T) == 4 ? 8e-7 : 4e-15) * std::sqrt(static_cast<double>(groups[g].size() + 4));
        const auto value = static_cast<double>(exact.value);
        ASSERT_NEAR(static_cast<double>(out[g]), value, limit * std::max(1.0, std::abs(value))) << where;
      } else {
        ASSERT_EQ(out[g], static_cast<T>(exact.value)) << where;
      }
    }
  }

  void check_all(const std::vector<mu_tensor>& in, const std::string& what) {
    const ProgramText text = in.size() == 1 ? identity() : square_difference();
    for (std::uint32_t kind = MU_REDUCE_SUM; kind <= MU_REDUCE_ARGMIN; ++kind)
      for (unsigned axes = 0; axes < 1u << in[0].rank; ++axes) {
        if (kind == MU_REDUCE_PROD && std::is_integral_v<T>) continue;  // beyond long double; has its own test
        check(kind, text, in, axes, what);
        if (testing::Test::HasFatalFailure()) return;
      }
  }
};
using Types = testing::Types<float, double, std::int64_t>;
TYPED_TEST_SUITE(Reduce, Types);

TYPED_TEST(Reduce, EveryAxisSubset) {
  for (const Sizes& dims :
       {Sizes{5}, Sizes{4, 70}, Sizes{3, 5, 7}, Sizes{2, 3, 130, 4}, Sizes{2, 1, 3, 66}, Sizes{3, 2, 2, 2, 1, 2, 2, 3}}) {
    const std::vector<TypeParam> a = this->numbers(count(dims)), b = this->numbers(count(dims));
    this->check_all({view(a, dims)}, "dense");
    Sizes broadcast = dense_strides(dims);
    broadcast.back() = 0;
    this->check_all({view(a, dims), view(b, dims, broadcast)}, "with a broadcast operand");
    if (this->HasFatalFailure()) return;
  }
}

TYPED_TEST(Reduce, StridedInputs) {
  const std::vector<TypeParam> a = this->numbers(4000);
  this->check_all({view(a, {9, 11}, {1, 9})}, "transposed");
  this->check_all({view(a, {3, 4, 5}, {1, 15, 3})}, "permuted");
  this->check_all({view(a, {3, 4, 5}, {200, 40, 2})}, "with gaps");
  this->check_all({view(a, {70, 6}, {0, 1})}, "one row, repeated");
  this->check_all({view(a, {6, 70}, {1, 0})}, "one column, repeated");
  this->check_all({view(a, {4, 5}, {0, 0})}, "one value");
  this->check_all({view(a, {})}, "rank 0");
}

TYPED_TEST(Reduce, BigOnesAreCutAlikeForAnyNumberOfThreads) {
  const ProgramText one = this->identity(), two = this->square_difference();
  const std::vector<TypeParam> a = this->numbers(150000), b = this->numbers(150000);
  for (const Sizes& dims :
       {Sizes{90000}, Sizes{150000}, Sizes{1, 4, 22500}, Sizes{4500, 20}, Sizes{200, 450}, Sizes{10, 900, 10}, Sizes{2, 15000, 3}}) {
    const std::vector<mu_tensor> in{view(a, dims), view(b, dims)};
    for (unsigned axes = 1; axes < 1u << dims.size(); ++axes) {
      std::vector<TypeParam> results[2];
      for (int threads : {1, 2}) {
        set_host_threads(threads);
        if (threads == 2) {
          this->check(MU_REDUCE_SUM, one, {in[0]}, axes, "sum");
          this->check(MU_REDUCE_SUM, two, in, axes, "sum of squares");
          this->check(MU_REDUCE_ARGMIN, one, {in[0]}, axes, "argmin");
        }
        mu_op_map_reduce op{};
        const mu_pw_program program = two.descriptor();
        op.program = &program, op.kind = MU_REDUCE_SUM, op.acc = dtype_of<TypeParam>;
        results[threads - 1].resize(150000);
        Sizes strides(dims.size());
        std::int64_t step = 1;
        for (std::size_t i = dims.size(); i-- > 0;) strides[i] = axes >> i & 1 ? 0 : step, step *= axes >> i & 1 ? 1 : dims[i];
        ASSERT_EQ(this->backend.run(op, MU_OP_MAP_REDUCE, in, {view(results[threads - 1], dims, strides)}), MU_OK);
      }
      set_host_threads(1);
      EXPECT_EQ(results[0], results[1]);
      if (this->HasFatalFailure()) return;
    }
  }
}

TYPED_TEST(Reduce, OverNothing) {
  const std::vector<TypeParam> none(8);
  const std::vector<mu_tensor> in{view(none, {3, 0, 2})};
  this->check_all(in, "empty axis");
  this->check_all({view(none, {0})}, "empty");
}

TYPED_TEST(Reduce, NanWinsAndTheFirstOfEqualsIsTaken) {
  if constexpr (!std::is_integral_v<TypeParam>) {
    const TypeParam nan = std::numeric_limits<TypeParam>::quiet_NaN(), inf = std::numeric_limits<TypeParam>::infinity();
    for (std::int64_t n : {2, 5, 17, 64, 129, 300}) {
      std::vector<TypeParam> a = this->numbers(3 * n);
      a[static_cast<std::size_t>(n / 2)] = nan, a[static_cast<std::size_t>(n - 1)] = nan;
      a[static_cast<std::size_t>(n)] = inf, a[static_cast<std::size_t>(2 * n - 1)] = inf;
      for (std::int64_t i = 2 * n; i < 3 * n; ++i) a[static_cast<std::size_t>(i)] = -inf;
      this->check_all({view(a, {3, n})}, "rows");
      this->check_all({view(a, {3, n}), view(a, {3, n}, {0, 0})}, "through a program");
      this->check_all({view(a, {n, 3}, {1, n})}, "columns");
    }
  }
}

TYPED_TEST(Reduce, ProductsWrap) {
  if constexpr (std::is_integral_v<TypeParam>) {
    const std::vector<TypeParam> a{3, INT64_MAX, 5, -7};
    std::vector<TypeParam> out(1);
    const ProgramText text = this->identity();
    const mu_pw_program program = text.descriptor();
    mu_op_map_reduce op{};
    op.program = &program, op.kind = MU_REDUCE_PROD, op.acc = MU_I64;
    ASSERT_EQ(this->backend.run(op, MU_OP_MAP_REDUCE, {view(a, {4})}, {view(out, {4}, {0})}), MU_OK);
    std::uint64_t expect = 1;
    for (TypeParam x : a) expect *= static_cast<std::uint64_t>(x);
    EXPECT_EQ(static_cast<std::uint64_t>(out[0]), expect);
  }
}

TEST(ReduceTypes, AccumulatorMayBeWider) {
  Backend backend(mushin_builtin_entry(test_host(), nullptr));
  std::vector<std::uint8_t> truth(5000);
  std::vector<float> small(5000, 0.1f);
  std::int64_t expected = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) expected += truth[i] = i % 3 == 0;
  ProgramText p, q;
  p.out = {p.input(MU_BOOL)}, q.out = {q.input(MU_F32)};
  const mu_pw_program of_bool = p.descriptor(), of_float = q.descriptor();
  mu_op_map_reduce op{};
  op.program = &of_bool, op.kind = MU_REDUCE_SUM, op.acc = MU_I64;
  std::vector<std::int64_t> n(1);
  ASSERT_EQ(backend.run(op, MU_OP_MAP_REDUCE, {view(truth, {5000})}, {view(n, {5000}, {0})}), MU_OK) << backend.message();
  EXPECT_EQ(n[0], expected);
  std::vector<std::int64_t> columns(50);
  ASSERT_EQ(backend.run(op, MU_OP_MAP_REDUCE, {view(truth, {100, 50})}, {view(columns, {100, 50}, {0, 1})}), MU_OK) << backend.message();
  std::int64_t total = 0;
  for (std::int64_t c : columns) total += c;
  EXPECT_EQ(total, expected);
  op.program = &of_float, op.acc = MU_F64;
  std::vector<float> s(1);
  ASSERT_EQ(backend.run(op, MU_OP_MAP_REDUCE, {view(small, {5000})}, {view(s, {5000}, {0})}), MU_OK) << backend.message();
  EXPECT_EQ(s[0], static_cast<float>(5000 * static_cast<double>(0.1f)));
  op.program = &of_bool, op.kind = MU_REDUCE_MAX, op.acc = MU_BOOL;
  std::vector<std::uint8_t> any(1);
  ASSERT_EQ(backend.run(op, MU_OP_MAP_REDUCE, {view(truth, {5000})}, {view(any, {5000}, {0})}), MU_OK) << backend.message();
  EXPECT_EQ(any[0], 1);
}

// Channels that are cut into pieces, lines of many and one long line, have the sums of long doubles, and the bits of one thread.
TEST(Normalize, FewLongChannels) {
  Backend backend(mushin_builtin_entry(test_host(), nullptr));
  Random random{29};
  for (const Sizes& dims : {Sizes{60, 1, 301}, Sizes{1, 2, 20011}, Sizes{5, 3, 3500}}) {
    const std::int64_t channels = dims[1], n = count(dims), each = n / channels;
    std::vector<float> x(static_cast<std::size_t>(n)), dy(x.size()), gain(static_cast<std::size_t>(channels), 1.5f),
        bias(gain.size(), -0.5f);
    for (float& v : x) v = static_cast<float>(random.real(2, 4));
    for (float& v : dy) v = static_cast<float>(random.real(-1, 1));
    const auto run = [&](int threads) {
      std::vector<std::vector<float>> out(6, std::vector<float>(gain.size()));
      out[0].resize(x.size()), out[3].resize(x.size());
      const mu_tensor of_x = view(x, dims), g = view(gain, {channels}), mean = view(out[1], {channels}),
                      variance = view(out[2], {channels});
      mu_op_normalize op{{}, MU_NORMALIZE_BATCH, 0, 1e-5};
      set_host_threads(threads);
      EXPECT_EQ(backend.run(op, MU_OP_NORMALIZE, {of_x, g, view(bias, {channels})}, {view(out[0], dims), mean, variance}), MU_OK);
      op.kind = MU_NORMALIZE_BATCH_BACKWARD;
      EXPECT_EQ(backend.run(op, MU_OP_NORMALIZE, {of_x, g, view(dy, dims), mean, variance},
                            {view(out[3], dims), view(out[4], {channels}), view(out[5], {channels})}),
                MU_OK);
      set_host_threads(1);
      return out;
    };
    const auto got = run(1);
    EXPECT_EQ(run(3), got);
    for (std::int64_t c = 0; c < channels; ++c) {
      const auto at = static_cast<std::size_t>(c);
      const auto place = [&](std::int64_t k) { return static_cast<std::size_t>((k / dims[2] * channels + c) * dims[2] + k % dims[2]); };
      long double mean = 0, variance = 0, total = 0, along = 0;
      for (std::int64_t k = 0; k < each; ++k) mean += x[place(k)];
      mean /= static_cast<long double>(each);
      for (std::int64_t k = 0; k < each; ++k) {
        const long double d = x[place(k)] - mean;
        variance += d * d, total += dy[place(k)], along += dy[place(k)] * d;
      }
      variance /= static_cast<long double>(each);
      const long double inverse = 1 / std::sqrt(variance + 1e-5L), count = static_cast<long double>(each);
      EXPECT_NEAR(got[1][at], static_cast<double>(mean), 1e-6);
      EXPECT_NEAR(got[2][at], static_cast<double>(variance), 1e-6);
      EXPECT_NEAR(got[4][at], static_cast<double>(along * inverse), 2e-3);
      EXPECT_NEAR(got[5][at], static_cast<double>(total), 2e-3);
      for (std::int64_t k = 0; k < each; ++k) {
        const long double d = x[place(k)] - mean, slope = total / count + d * inverse * inverse * along / count;
        ASSERT_NEAR(got[0][place(k)], static_cast<double>(d * inverse * 1.5L - 0.5L), 1e-5) << k;
        ASSERT_NEAR(got[3][place(k)], static_cast<double>((dy[place(k)] - slope) * inverse * 1.5L), 1e-5) << k;
      }
    }
  }
}

}  // namespace
}  // namespace backend_test
