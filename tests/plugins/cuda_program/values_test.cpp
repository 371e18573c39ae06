// Emitted kernels, run on this CPU, against the builtin backend.
#include <cmath>
#include <limits>

#include "builtin.h"
#include "case.hpp"

namespace cuda_program_test {
namespace {

using Cases = std::vector<std::unique_ptr<Case>>;

class Values : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  HostKernels kernels;

  void prepare(Cases& cases) {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      try {
        cases[i]->emit("k" + std::to_string(i));
      } catch (const program::Failure& f) {
        FAIL() << f.text << "\n" << text_of(cases[i]->text);
      }
      kernels.add(cases[i]->source, cases[i]->reduce != 0);
      if (HasFatalFailure()) return;
    }
    kernels.compile();
  }
  void run(Case& c) {
    ASSERT_EQ(c.run_builtin(backend), MU_OK) << backend.message();
    kernels.run(c.source, c.launch);
  }

  void check_equal(const Case& c) {
    for (std::size_t k = 0; k < c.out.size(); ++k) {
      const mu_tensor &got = c.out[k]->v, &expected = c.expected[k]->v;
      const std::vector<std::int64_t> at = offsets(got);
      for (std::size_t i = 0; i < at.size(); ++i) {
        const Bits a = read_element(got, at[i]), b = read_element(expected, at[i]);
        ASSERT_TRUE(same(got.dtype, a, b)) << std::hex << a << ", not " << b << std::dec << ", " << c.where(k, i);
      }
    }
  }
};

TEST_F(Values, RandomPointwisePrograms) {
  Cases cases;
  for (std::uint64_t seed = 1; seed <= 250; ++seed) cases.push_back(random_pointwise(seed));
  prepare(cases);
  for (std::size_t i = 0; i < cases.size() && !HasFatalFailure(); ++i) {
    run(*cases[i]);
    if (!HasFatalFailure()) check_equal(*cases[i]);
  }
}

// Sums and products of floats differ by how they are bracketed: by little against the sum of sizes.
bool depends_on_order(const Case& c) { return c.reduce <= MU_REDUCE_PROD && (c.acc == MU_F32 || c.acc == MU_F64); }

TEST_F(Values, RandomReductions) {
  Cases cases;
  for (std::uint64_t seed = 1; seed <= 250; ++seed) {
    cases.push_back(random_reduce(seed));
    if (depends_on_order(*cases.back())) cases.pop_back();
  }
  prepare(cases);
  for (std::size_t i = 0; i < cases.size() && !HasFatalFailure(); ++i) {
    run(*cases[i]);
    if (!HasFatalFailure()) check_equal(*cases[i]);
  }
}

double number(const mu_tensor& v, std::int64_t at) {
  const Bits b = read_element(v, at);
  if (v.dtype == MU_F32) {
    float x;
    std::memcpy(&x, &b, sizeof x);
    return static_cast<double>(x);
  }
  if (v.dtype == MU_F64) {
    double x;
    std::memcpy(&x, &b, sizeof x);
    return x;
  }
  const Bits wide = apply(MU_PW_CAST, v.dtype, MU_F64, b, 0, 0);
  double x;
  std::memcpy(&x, &wide, sizeof x);
  return x;
}

std::unique_ptr<Operand> numbers(Generator& g, mu_dtype t, const Sizes& dims, const Sizes& strides, double low, double high) {
  auto o = std::make_unique<Operand>(g, t, dims, strides);
  const std::size_t n = o->memory.size() * 8 / mu_dtype_bytes(t);
  for (std::size_t i = 0; i < n; ++i) write_element(o->v, static_cast<std::int64_t>(i), element_of(t, g.random().real(low, high)));
  return o;
}

// Every way that a reduction is laid out: short rows to long ones, parts, columns, several axes of each kind, empty ones.
TEST_F(Values, SumsOfEveryLayout) {
  struct Layout {
    Sizes dims;
    unsigned reduced;
    int order;  // 0 dense, 1 axes turned, 2 with gaps, 3 off by one element
  };
  std::vector<Layout> layouts;
  for (int order = 0; order < 4; ++order)
    for (const Sizes& dims : {Sizes{}, Sizes{3}, Sizes{70, 7}, Sizes{9, 1024}, Sizes{5, 64, 33}, Sizes{3, 4, 40, 8}, Sizes{0, 4}})
      for (unsigned axes = 0; axes < 1u << dims.size(); ++axes) layouts.push_back({dims, axes, order});
  for (const Sizes& dims : {Sizes{200003}, Sizes{40000, 20}, Sizes{2, 100000}})
    for (int order : {0, 1}) layouts.push_back({dims, 1u << (dims.size() - 1), order}), layouts.push_back({dims, 1, order});
  Cases cases;
  Generator g(5);
  for (const Layout& l : layouts) {
    const mu_dtype t = cases.size() % 3 == 0 ? MU_F32 : cases.size() % 3 == 1 ? MU_F64 : MU_F16;
    auto c = std::make_unique<Case>();
    c->seed = cases.size(), c->dims = l.dims, c->reduce = cases.size() % 5 == 4 ? MU_REDUCE_ARGMAX : MU_REDUCE_SUM;
    c->acc = t == MU_F16 ? MU_F32 : t;
    const int x = c->text.input(t);
    c->text.out = {c->text.add(MU_PW_MUL, t, x, x)};
    Sizes strides = dense_strides(l.dims), to(l.dims.size());
    if (l.order == 1) {
      const Sizes turned = dense_strides(Sizes(l.dims.rbegin(), l.dims.rend()));
      strides.assign(turned.rbegin(), turned.rend());
    }
    if (l.order == 2) {
      for (std::int64_t& s : strides) s *= 3;
    }
    std::int64_t step = 1;
    for (std::size_t i = l.dims.size(); i-- > 0;) {
      if (l.reduced >> i & 1u) continue;
      to[i] = step, step *= l.dims[i];
    }
    c->in.push_back(numbers(g, t, l.dims, strides, 0.25, 2));
    if (l.order == 3 && l.dims.size() == 2 && l.dims[1] > 1)
      c->in[0]->v.dim[1] -= 1, c->in[0]->v.byte_offset += mu_dtype_bytes(t), c->dims[1] -= 1;
    const mu_dtype result = c->reduce == MU_REDUCE_ARGMAX ? MU_I64 : c->acc;
    c->out.push_back(std::make_unique<Operand>(g, result, c->dims, to));
    c->expected.push_back(std::make_unique<Operand>(g, result, c->dims, to));
    cases.push_back(std::move(c));
  }
  prepare(cases);
  for (std::size_t i = 0; i < cases.size() && !HasFatalFailure(); ++i) {
    Case& c = *cases[i];
    run(c);
    const mu_tensor &got = c.out[0]->v, &expected = c.expected[0]->v;
    for (std::int64_t at : offsets(got)) {
      const double a = number(got, at), b = number(expected, at);
      const double limit = c.reduce == MU_REDUCE_ARGMAX ? 0 : (c.acc == MU_F32 ? 1e-6 : 2e-15) * std::abs(b);
      ASSERT_NEAR(a, b, limit) << c.where(0, static_cast<std::size_t>(at));
    }
  }
}

// Opcodes whose results have a bound, not a value: over numbers and special values, to a few units in the last place of the builtin ones.
TEST_F(Values, ElementaryFunctions) {
  const int functions[] = {MU_PW_RSQRT, MU_PW_EXP,  MU_PW_LOG,  MU_PW_SIN,  MU_PW_COS,     MU_PW_TANH,  MU_PW_ERF,
                           MU_PW_POW,   MU_PW_ASIN, MU_PW_ACOS, MU_PW_ATAN, MU_PW_SIGMOID, MU_PW_EXPM1, MU_PW_LOG1P};
  Cases cases;
  Generator g(11);
  for (int op : functions)
    for (mu_dtype t : {MU_F32, MU_F64, MU_F16, MU_BF16}) {
      auto c = std::make_unique<Case>();
      c->seed = cases.size(), c->dims = {500};
      const int x = c->text.input(t);
      c->text.out = {c->text.add(op, t, x, op == MU_PW_POW ? c->text.input(t) : static_cast<int>(MU_PW_NONE))};
      // pow's second input comes to be value 1.
      for (mu_dtype in : c->text.in) c->in.push_back(std::make_unique<Operand>(g, in, c->dims, Sizes{1}));
      c->out.push_back(std::make_unique<Operand>(g, t, c->dims, Sizes{1}));
      c->expected.push_back(std::make_unique<Operand>(g, t, c->dims, Sizes{1}));
      cases.push_back(std::move(c));
    }
  prepare(cases);
  for (std::size_t i = 0; i < cases.size() && !HasFatalFailure(); ++i) {
    Case& c = *cases[i];
    run(c);
    const mu_tensor &got = c.out[0]->v, &expected = c.expected[0]->v;
    const double unit = got.dtype == MU_F32 ? 0x1p-23 : got.dtype == MU_F64 ? 0x1p-52 : got.dtype == MU_F16 ? 0x1p-10 : 0x1p-7;
    const double least = got.dtype == MU_F32 ? 0x1p-149 : got.dtype == MU_F64 ? 0x1p-1074 : got.dtype == MU_F16 ? 0x1p-24 : 0x1p-133;
    for (std::int64_t at = 0; at < c.dims[0]; ++at) {
      const double a = number(got, at), b = number(expected, at);
      if (std::isnan(b) ? std::isnan(a) : a == b) continue;
      ASSERT_NEAR(a, b, 24 * unit * std::abs(b) + 2 * least) << c.where(0, static_cast<std::size_t>(at));
    }
  }
}

}  // namespace
}  // namespace cuda_program_test
