// Emitted kernels, run on this CPU, against the builtin backend.
#include <sys/mman.h>

#include <cmath>
#include <limits>

#include "../../support/sanitized.hpp"
#include "builtin.h"
#include "case.hpp"

namespace cuda_program_test {
namespace {

// In the order of program::Type.
constexpr mu_dtype known[] = {MU_F32, MU_F64, MU_I64, MU_I32, MU_I8, MU_U8, MU_BOOL, MU_F16, MU_BF16};
using Cases = std::vector<std::unique_ptr<Case>>;

class Values : public testing::Test {
 protected:
  explicit Values(Blocks blocks = Blocks::whole) : kernels(blocks) {}
  void SetUp() override {
    if (const std::string missing = kernels.missing(); !missing.empty()) GTEST_SKIP() << "skipped: " << missing;
  }
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
    for (std::size_t k = 0; k < c.out.size(); ++k) c.expected[k]->memory = c.out[k]->memory;
    ASSERT_EQ(c.run_builtin(backend), MU_OK) << backend.message();
    kernels.run(c.source, c.launch);
  }

  // Elements, and that nothing else was written.
  void check_equal(const Case& c) {
    for (std::size_t k = 0; k < c.out.size(); ++k) {
      const mu_tensor &got = c.out[k]->v, &expected = c.expected[k]->v;
      const std::vector<std::int64_t> at = offsets(got);
      for (std::size_t i = 0; i < at.size(); ++i) {
        const Bits a = read_element(got, at[i]), b = read_element(expected, at[i]);
        ASSERT_TRUE(same(got.dtype, a, b)) << std::hex << a << ", not " << b << std::dec << ", " << c.where(k, i);
        write_element(got, at[i], b);
      }
      ASSERT_EQ(c.out[k]->memory, c.expected[k]->memory) << c.where(k, 0);
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

class Reductions : public Values {
 protected:
  using Values::Values;
  void random_ones(std::uint64_t seeds);
  void sums_of_every_layout();
};
void Reductions::random_ones(std::uint64_t seeds) {
  Cases cases;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    cases.push_back(random_reduce(seed));
    if (depends_on_order(*cases.back())) cases.pop_back();
  }
  prepare(cases);
  for (std::size_t i = 0; i < cases.size() && !HasFatalFailure(); ++i) {
    run(*cases[i]);
    if (!HasFatalFailure()) check_equal(*cases[i]);
  }
}
TEST_F(Reductions, OfRandomPrograms) { random_ones(250); }

// The device's own code of a block. What sanitizers watch is one stack.
class ReductionsByThreads : public Reductions {
 protected:
  ReductionsByThreads() : Reductions(Blocks::of_threads) {}
  void SetUp() override {
    if (mushin::test::address_sanitized) GTEST_SKIP() << "skipped: the sanitizer doesn't follow a thread from stack to stack";
    Values::SetUp();
  }
};
TEST_F(ReductionsByThreads, OfRandomPrograms) { random_ones(100); }

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
void Reductions::sums_of_every_layout() {
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
    c->seed = cases.size(), c->dims = l.dims,
    c->reduce = cases.size() % 5 == 4   ? MU_REDUCE_ARGMAX
                : cases.size() % 5 == 2 ? MU_REDUCE_MIN
                                        : MU_REDUCE_SUM;
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

TEST_F(Reductions, SumsOfEveryLayout) { sums_of_every_layout(); }
TEST_F(ReductionsByThreads, SumsOfEveryLayout) { sums_of_every_layout(); }

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

// Between all types: bounds of the integers, and what lies beside the middle of two 16-bit floats, which a second rounding would move.
TEST_F(Values, Conversions) {
  std::vector<double> hard = {0.0,           -0.0,          0.5,    -0.5,    127.5,  128,   -129,   255.5,  256,        -1,
                              65504,         65519.9,       65520,  1e-8,    6e-8,   1e300, -1e300, 1e-300, 2147483647, 2147483648,
                              -2147483648.0, -2147483649.0, 0x1p63, -0x1p63, 0x1p62, 3e38,  3.4e38, 3.5e38};
  hard.push_back(std::numeric_limits<double>::quiet_NaN());
  for (double x : {std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) hard.push_back(x);
  for (double tie : {1 + 0x1p-11, 1 + 0x3p-11, 1 + 0x1p-8, 1 + 0x3p-8})
    for (double scale : {1.0, -1.0, 0x1p-15, 0x1p12, 0x1p20, 0x1p40, 0x1p61})
      for (double beside : {-0x1p-45, 0.0, 0x1p-45}) hard.push_back((tie + beside) * scale);
  Generator g(29);
  Cases cases;
  for (mu_dtype from : known)
    for (mu_dtype to : known) {
      auto c = std::make_unique<Case>();
      c->seed = cases.size(), c->dims = {static_cast<std::int64_t>(hard.size())};
      const int x = c->text.input(from);
      c->text.out = {c->text.add(MU_PW_CAST, to, x)};
      c->in.push_back(std::make_unique<Operand>(g, from, c->dims, Sizes{1}));
      for (std::size_t i = 0; i < hard.size(); ++i) write_element(c->in[0]->v, static_cast<std::int64_t>(i), element_of(from, hard[i]));
      for (auto* out : {&c->out, &c->expected}) out->push_back(std::make_unique<Operand>(g, to, c->dims, Sizes{1}));
      cases.push_back(std::move(c));
    }
  prepare(cases);
  for (std::size_t i = 0; i < cases.size() && !HasFatalFailure(); ++i) {
    run(*cases[i]);
    if (!HasFatalFailure()) check_equal(*cases[i]);
  }
}

// One kernel serves all sizes of a form: what differs is in the arguments.
TEST_F(Values, OneKernelForManySizes) {
  const std::vector<std::vector<Sizes>> families = {
      {{64}, {7}, {1001}, {4096}}, {{8, 16}, {300, 4}, {3, 1000}}, {{5, 7, 9}, {31, 3, 2}, {2, 2, 1001}}};
  Generator g(17);
  Cases cases;
  std::vector<Case*> same_form;
  for (const std::vector<Sizes>& family : families)
    for (std::uint32_t reduce : {0u, std::uint32_t{MU_REDUCE_MIN}, std::uint32_t{MU_REDUCE_ARGMAX}}) {
      std::vector<Case*> of_family;
      for (const Sizes& dims : family) {
        auto c = std::make_unique<Case>();
        c->seed = cases.size(), c->dims = dims, c->reduce = reduce, c->acc = MU_F32;
        const int x = c->text.input(MU_F32), y = c->text.input(MU_F32);
        c->text.out = {c->text.add(MU_PW_SUB, MU_F32, x, y)};
        Sizes dense = dense_strides(dims), row = dense, to = dense;
        if (dims.size() > 1) row[0] = 0;
        if (reduce) to.assign(dims.size(), 0), to[0] = dims.size() > 1;
        c->in.push_back(std::make_unique<Operand>(g, MU_F32, dims, dense));
        c->in.push_back(std::make_unique<Operand>(g, MU_F32, dims, row));
        const mu_dtype result = reduce == MU_REDUCE_ARGMAX ? MU_I64 : MU_F32;
        c->out.push_back(std::make_unique<Operand>(g, result, dims, to));
        c->expected.push_back(std::make_unique<Operand>(g, result, dims, to));
        of_family.push_back(c.get());
        cases.push_back(std::move(c));
      }
      same_form.insert(same_form.end(), of_family.begin(), of_family.end());
    }
  prepare(cases);
  int shared = 0;
  for (Case* c : same_form) {
    // The kernel of the first case with this op and form is run for it.
    for (Case* other : same_form)
      if (other->reduce == c->reduce && other->launch.form == c->launch.form) {
        shared += other != c;
        c->source.entry = other->source.entry, c->source.second = other->source.second;
        break;
      }
    run(*c);
    if (!HasFatalFailure()) check_equal(*c);
    if (HasFatalFailure()) return;
  }
  EXPECT_GE(shared, 6);
}

// Offsets beyond 2^31 elements take indices of 64 bits. Of the memory only what is touched is there.
TEST_F(Values, FarElements) {
  constexpr std::int64_t far = std::int64_t{1} << 31;
  constexpr std::size_t bytes = static_cast<std::size_t>(2 * far) + 4096;
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) GTEST_SKIP() << "skipped: no address space for " << bytes << " bytes";
  Generator g(19);
  Cases cases;
  for (std::uint32_t reduce : {0u, std::uint32_t{MU_REDUCE_SUM}, std::uint32_t{MU_REDUCE_ARGMIN}}) {
    auto c = std::make_unique<Case>();
    c->seed = cases.size(), c->dims = {3, 40}, c->reduce = reduce, c->acc = reduce == MU_REDUCE_SUM ? MU_I64 : MU_U8;
    const int x = c->text.input(MU_U8);
    c->text.out = {c->text.add(MU_PW_ADD, MU_U8, x, c->text.constant_bits(3, MU_U8))};
    c->in.push_back(std::make_unique<Operand>(g, MU_U8, Sizes{1, 1}, Sizes{1, 1}));
    c->in[0]->v = view(memory, MU_U8, c->dims, {far - 8, 2});
    const mu_dtype result = reduce ? MU_I64 : MU_U8;
    for (auto* to : {&c->out, &c->expected})
      to->push_back(std::make_unique<Operand>(g, result, c->dims, reduce ? Sizes{1, 0} : Sizes{40, 1}));
    cases.push_back(std::move(c));
  }
  for (std::int64_t at : offsets(cases[0]->in[0]->v))
    static_cast<std::uint8_t*>(memory)[at] = static_cast<std::uint8_t>(g.random().below(256));
  prepare(cases);
  for (std::size_t i = 0; i < cases.size() && !HasFatalFailure(); ++i) {
    EXPECT_EQ(cases[i]->launch.form.wide, 1);
    run(*cases[i]);
    if (!HasFatalFailure()) check_equal(*cases[i]);
  }
  ::munmap(memory, bytes);
}

// Both judge programs alike, whatever bytes they are of.
TEST_F(Values, TheSameProgramsAreRefused) {
  Generator g(23);
  Random& r = g.random();
  std::vector<float> x(4);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    ProgramText p = g.program();
    auto* bytes = reinterpret_cast<unsigned char*>(p.inst.data());
    for (std::int64_t i = r.below(3); i-- > 0 && !p.inst.empty();)
      bytes[r.below(static_cast<std::int64_t>(p.inst.size() * sizeof p.inst[0]))] ^= static_cast<unsigned char>(1u << r.below(8));
    if (r.below(20) == 0) p.out.back() = static_cast<std::uint16_t>(r.below(30));
    const mu_pw_program d = p.descriptor();
    mu_code code = MU_OK;
    std::string text;
    program::Program verified;
    try {
      verified = program::verify(d);
    } catch (const program::Failure& f) {
      code = f.code, text = f.text;
    }
    std::vector<mu_tensor> in(p.in.size(), view(x, {4})), out(p.out.size(), view(x, {4}));
    for (std::size_t i = 0; i < in.size(); ++i) in[i].dtype = p.in[i];
    for (std::size_t k = 0; k < out.size(); ++k)
      if (code == MU_OK) out[k].dtype = known[static_cast<int>(verified.out_type(static_cast<int>(k)))];
    mu_op_pointwise op{};
    op.h = {sizeof op, MU_OP_POINTWISE}, op.program = &d;
    mu_plan_info info{};
    info.size = sizeof info;
    mu_error error{};
    error.size = sizeof error;
    mu_plan* plan = nullptr;
    const mu_code builtin =
        backend.plugin().compute->plan_create(backend.device(), &op.h, MU_PLAN_QUERY_ONLY, static_cast<std::uint32_t>(in.size()), in.data(),
                                              static_cast<std::uint32_t>(out.size()), out.data(), &plan, &info, &error);
    if (plan) backend.plugin().compute->plan_destroy(plan);
    ASSERT_EQ(code == MU_OK, builtin == MU_OK) << text << "; builtin: " << error.message << "; " << text_of(p);
    refused += code != MU_OK;
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace cuda_program_test
