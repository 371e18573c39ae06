// Whole programs: thousands of random ones against the scalar interpreter, aliasing, and programs that break the rules.
#include <algorithm>
#include <memory>

#include "builtin.h"
#include "program.hpp"
#include "random_program.hpp"

namespace backend_test {
namespace {

class Programs : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};

  void check(Generator& g, std::uint64_t seed) {
    const ProgramText p = g.program();
    const Sizes dims = g.dims();
    std::vector<std::unique_ptr<Operand>> in, out;
    std::vector<mu_tensor> in_views, out_views;
    for (mu_dtype t : p.in) {
      in.push_back(std::make_unique<Operand>(g, t, dims, g.strides(dims, true)));
      in_views.push_back(in.back()->v);
    }
    for (std::uint16_t o : p.out) {
      out.push_back(std::make_unique<Operand>(g, p.type[o], dims, g.strides(dims, false)));
      out_views.push_back(out.back()->v);
    }
    ASSERT_EQ(backend.pointwise(p, in_views, out_views), MU_OK) << seed << ": " << text_of(p) << ": " << backend.message();
    std::vector<std::vector<std::int64_t>> from, to;
    for (const mu_tensor& v : in_views) from.push_back(offsets(v));
    for (const mu_tensor& v : out_views) to.push_back(offsets(v));
    for (std::size_t i = 0; i < to[0].size(); ++i) {
      std::vector<Bits> operands;
      for (std::size_t k = 0; k < in.size(); ++k) operands.push_back(read_element(in_views[k], from[k][i]));
      const std::vector<Bits> exact = interpret(p, operands, static_cast<std::int64_t>(i), dims);
      for (std::size_t k = 0; k < out.size(); ++k) {
        const Bits got = read_element(out_views[k], to[k][i]);
        ASSERT_TRUE(same(out_views[k].dtype, got, exact[k]))
            << seed << ": " << text_of(p) << ", element " << i << " of output " << k << ": " << std::hex << got << ", not " << exact[k];
      }
    }
  }
};

TEST_F(Programs, RandomOnesAreBitEqual) {
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    Generator g(seed);
    set_host_threads(seed % 7 == 0 ? 2 : 1);
    check(g, seed);
    if (HasFatalFailure()) break;
  }
  set_host_threads(1);
}

TEST_F(Programs, BigOnesOnTwoThreads) {
  const std::int64_t n = 1 << 20;
  std::vector<float> x(static_cast<std::size_t>(n)), y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 1001) * 0.25f;
  ProgramText p;
  const int a = p.input(MU_F32), b = p.input(MU_F32);
  p.out = {p.add(MU_PW_SUB, MU_F32, p.add(MU_PW_MUL, MU_F32, a, a), b)};
  set_host_threads(2);
  for (const Sizes& dims : {Sizes{n}, Sizes{1024, 1024}, Sizes{n / 4, 4}}) {
    Sizes row = dense_strides(dims);
    if (dims.size() > 1) row[0] = 0;
    const mu_tensor vb = view(x, dims, row);
    ASSERT_EQ(backend.pointwise(p, {view(x, dims), vb}, {view(y, dims)}), MU_OK);
    const std::vector<std::int64_t> at = offsets(vb);
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], x[i] * x[i] - x[static_cast<std::size_t>(at[i])]);
  }
  set_host_threads(1);
}

TEST_F(Programs, IotaAlongEveryAxis) {
  for (const Sizes& dims : {Sizes{3, 4, 5}, Sizes{7, 100, 30}, Sizes{2, 5, 3000}})
    for (int axis = 0; axis <= 3; ++axis) {
      ProgramText p;
      p.out = {p.add(MU_PW_IOTA, MU_I64, MU_PW_NONE, MU_PW_NONE, MU_PW_NONE, axis)};
      std::vector<std::int64_t> y(static_cast<std::size_t>(count(dims)));
      ASSERT_EQ(backend.pointwise(p, {}, {view(y, dims)}), MU_OK) << backend.message();
      for (std::int64_t i = 0; i < count(dims); ++i) {
        const std::int64_t expected[] = {i, i / (dims[1] * dims[2]), i / dims[2] % dims[1], i % dims[2]};
        ASSERT_EQ(y[static_cast<std::size_t>(i)], expected[axis]);
      }
    }
}

// The header's law allows an output in an input's place once that is read for the last time; more is computed right as well.
TEST_F(Programs, OutputsMayTakeTheInputsPlace) {
  for (const Sizes& dims : {Sizes{5}, Sizes{3000}, Sizes{6, 100}, Sizes{50, 6}}) {
    const auto n = static_cast<std::size_t>(count(dims));
    std::vector<float> a(n), b(n);
    for (std::size_t i = 0; i < n; ++i) a[i] = static_cast<float>(i), b[i] = 2;
    const std::vector<float> a0 = a, b0 = b;
    ProgramText p;
    const int x = p.input(MU_F32), y = p.input(MU_F32), sum = p.add(MU_PW_ADD, MU_F32, x, y);
    p.out = {static_cast<std::uint16_t>(sum), p.add(MU_PW_MUL, MU_F32, sum, x)};
    ASSERT_EQ(backend.pointwise(p, {view(a, dims), view(b, dims)}, {view(a, dims), view(b, dims)}), MU_OK);
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(a[i], a0[i] + b0[i]);
      ASSERT_EQ(b[i], (a0[i] + b0[i]) * a0[i]);
    }
    a = a0, b = b0;
    ProgramText swap;
    swap.input(MU_F32), swap.input(MU_F32);
    swap.out = {1, 0};
    ASSERT_EQ(backend.pointwise(swap, {view(a, dims), view(b, dims)}, {view(a, dims), view(b, dims)}), MU_OK);
    EXPECT_EQ(a, b0);
    EXPECT_EQ(b, a0);
  }
}

// ---- formulas: programs that are one loop

struct AdamText {
  bool amsgrad;
  int decay;           // 1: of the gradient, 2: of the parameter
  bool baked = false;  // two of the single values are one constant

  int arrays() const { return amsgrad ? 5 : 4; }
  // Inputs: gradient, parameter, both averages and the greatest; then single values. As nn::Adam writes it.
  ProgramText program() const {
    ProgramText p;
    for (int i = 0; i < arrays(); ++i) p.input(MU_F32);
    std::vector<int> one;
    for (int k = 0; k < 6 + (decay != 0); ++k) one.push_back(baked && (k == 2 || k == 4) ? -1 : p.input(MU_F32));
    if (baked) one[2] = one[4] = p.constant(0.25f);
    const auto op = [&](int code, int a, int b) { return p.add(code, MU_F32, a, b); };
    const int g = decay == 1 ? op(MU_PW_ADD, 0, op(MU_PW_MUL, 1, one[6])) : 0;
    const int kept = decay == 2 ? op(MU_PW_MUL, 1, one[6]) : 1;
    const int m = op(MU_PW_ADD, 2, op(MU_PW_MUL, op(MU_PW_SUB, g, 2), one[0]));
    const int v = op(MU_PW_ADD, op(MU_PW_MUL, 3, one[1]), op(MU_PW_MUL, op(MU_PW_MUL, g, g), one[2]));
    const int top = amsgrad ? op(MU_PW_MAX, 4, v) : v;
    const int divisor = op(MU_PW_ADD, op(MU_PW_MUL, op(MU_PW_SQRT, top, MU_PW_NONE), one[3]), one[4]);
    const int next = op(MU_PW_SUB, kept, op(MU_PW_MUL, op(MU_PW_DIV, m, divisor), one[5]));
    for (int o : {m, v}) p.out.push_back(static_cast<std::uint16_t>(o));
    if (amsgrad) p.out.push_back(static_cast<std::uint16_t>(top));
    p.out.push_back(static_cast<std::uint16_t>(next));
    return p;
  }
  std::vector<int> replaced() const { return amsgrad ? std::vector{2, 3, 4, 1} : std::vector{2, 3, 1}; }
};

class Formulas : public Programs {
 protected:
  // In place, from values of every kind; bit for bit what the instructions give. Input `array` is no single value, input `gaps` not dense.
  void check_adam(const AdamText& adam, std::int64_t n, int array = -1, int gaps = -1) {
    Generator g(static_cast<std::uint64_t>(n) + adam.amsgrad);
    const ProgramText p = adam.program();
    std::vector<std::unique_ptr<Operand>> in;
    std::vector<mu_tensor> views, out;
    for (int i = 0; i < static_cast<int>(p.in.size()); ++i) {
      const std::int64_t stride = i == gaps ? 2 : i < adam.arrays() || i == array ? 1 : 0;
      in.push_back(std::make_unique<Operand>(g, MU_F32, Sizes{n}, Sizes{stride}));
      views.push_back(in.back()->v);
    }
    for (int i : adam.replaced()) out.push_back(views[static_cast<std::size_t>(i)]);
    std::vector<std::vector<Bits>> exact;
    for (std::int64_t i = 0; i < n; ++i) {
      std::vector<Bits> operands;
      for (const mu_tensor& v : views) operands.push_back(read_element(v, i * v.stride[0]));
      exact.push_back(interpret(p, operands, i, {n}));
    }
    ASSERT_EQ(backend.pointwise(p, views, out), MU_OK) << backend.message();
    for (std::int64_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < out.size(); ++k)
        ASSERT_TRUE(same(MU_F32, read_element(out[k], i * out[k].stride[0]), exact[static_cast<std::size_t>(i)][k]))
            << "amsgrad " << adam.amsgrad << ", decay " << adam.decay << ", element " << i << " of " << n << ", output " << k;
  }
};

TEST_F(Formulas, StepsOfAdamAreOneLoop) {
  for (const AdamText& adam : {AdamText{false, 0}, {true, 0}, {false, 1}, {true, 1}, {false, 2}, {true, 2}, {false, 0, true}}) {
    const ProgramText p = adam.program();
    EXPECT_NE(mushin::builtin::compile(p.descriptor(), mushin::builtin::Outputs::stored).formula.loop, nullptr) << adam.decay;
    for (std::int64_t n : {1, 2, 5, 48, 300, 3001}) check_adam(adam, n);
    check_adam(adam, 700, adam.arrays());
    check_adam(adam, 700, -1, 1), check_adam(adam, 700, -1, 0);
    if (HasFatalFailure()) return;
  }
  set_host_threads(2);
  check_adam({true, 1}, 40'000);
  set_host_threads(1);
}

TEST_F(Formulas, AreOfThatProgramAlone) {
  const auto found = [](const ProgramText& p) {
    return mushin::builtin::compile(p.descriptor(), mushin::builtin::Outputs::stored).formula.loop != nullptr;
  };
  const ProgramText good = AdamText{false, 0}.program();
  ASSERT_TRUE(found(good));
  for (std::size_t i = 0; i < good.inst.size(); ++i) {
    ProgramText other = good;  // in one instruction
    other.inst[i].op = good.inst[i].op == MU_PW_SQRT ? MU_PW_ABS : MU_PW_MIN;
    EXPECT_FALSE(found(other)) << i;
    other = good, other.inst[i].a = 5;
    EXPECT_FALSE(found(other)) << i;
  }
  ProgramText doubled = good;
  for (mu_dtype& t : doubled.in) t = MU_F64;
  for (mu_pw_inst& i : doubled.inst) i.type = MU_F64;
  EXPECT_FALSE(found(doubled));
  ProgramText turned = good;
  std::swap(turned.out[0], turned.out[1]);
  EXPECT_FALSE(found(turned));
  ProgramText both = good;  // the gradient is one of the single values too
  for (mu_pw_inst& i : both.inst) i.b = i.b == 9 ? std::uint16_t{0} : i.b;
  EXPECT_FALSE(found(both));
}

// ---- programs against the rules

class Malformed : public Programs {
 protected:
  std::vector<float> x = std::vector<float>(4);
  ProgramText good() {
    ProgramText p;
    const int a = p.input(MU_F32), b = p.input(MU_F32);
    p.out = {p.add(MU_PW_ADD, MU_F32, a, b)};
    return p;
  }
  mu_code plan(const mu_pw_program& p, std::size_t n_in = 2) {
    mu_op_pointwise op{};
    op.program = &p;
    return backend.run(op, MU_OP_POINTWISE, std::vector<mu_tensor>(n_in, view(x, {4})), {view(x, {4})});
  }
};

TEST_F(Malformed, HeadersAndCounts) {
  ProgramText p = good();
  EXPECT_EQ(plan(p.descriptor()), MU_OK);
  mu_pw_program d = p.descriptor();
  d.magic = 1;
  EXPECT_EQ(plan(d), MU_INVALID);
  d = p.descriptor(), d.version = 9;
  EXPECT_EQ(plan(d), MU_UNSUPPORTED);
  d = p.descriptor(), d.n_out = 0;
  EXPECT_EQ(plan(d), MU_INVALID);
  d = p.descriptor(), d.n_out = 17;
  EXPECT_EQ(plan(d), MU_INVALID);
  d = p.descriptor(), d.inst = nullptr;
  EXPECT_EQ(plan(d), MU_INVALID);
  d = p.descriptor(), d.out[0] = 3;
  EXPECT_EQ(plan(d), MU_INVALID);
  EXPECT_EQ(plan(p.descriptor(), 1), MU_INVALID);
  mu_op_pointwise none{};
  EXPECT_EQ(backend.run(none, MU_OP_POINTWISE, {}, {view(x, {4})}), MU_INVALID);
}

TEST_F(Malformed, Instructions) {
  const auto with = [&](mu_pw_inst inst) {
    ProgramText p = good();
    p.inst[0] = inst;
    return plan(p.descriptor());
  };
  EXPECT_EQ(with({MU_PW_ADD, 0, MU_F32, 0, 2, MU_PW_NONE, 0}), MU_INVALID) << "reads itself";
  EXPECT_EQ(with({MU_PW_ADD, 0, MU_F32, 0, MU_PW_NONE, MU_PW_NONE, 0}), MU_INVALID) << "an operand is missing";
  EXPECT_EQ(with({MU_PW_ADD, 0, MU_F64, 0, 1, MU_PW_NONE, 0}), MU_INVALID) << "types differ";
  EXPECT_EQ(with({MU_PW_AND, 0, MU_F32, 0, 1, MU_PW_NONE, 0}), MU_INVALID) << "bitwise on floats";
  EXPECT_EQ(with({MU_PW_EQ, 0, MU_F32, 0, 1, MU_PW_NONE, 0}), MU_INVALID) << "a comparison is bool";
  EXPECT_EQ(with({MU_PW_SELECT, 0, MU_F32, 0, 1, 1, 0}), MU_INVALID) << "the condition is bool";
  EXPECT_EQ(with({0, 0, MU_F32, 0, 1, MU_PW_NONE, 0}), MU_INVALID);
  EXPECT_EQ(with({MU_PW_CORE_END, 0, MU_F32, 0, 1, MU_PW_NONE, 0}), MU_INVALID);
  EXPECT_EQ(with({MU_PW_OPTIONAL_END, 0, MU_F32, 0, 1, MU_PW_NONE, 0}), MU_UNSUPPORTED);
  EXPECT_EQ(with({MU_PW_ADD, 0, MU_U64, 0, 1, MU_PW_NONE, 0}), MU_UNSUPPORTED);
  EXPECT_NE(backend.message(), "");
  EXPECT_EQ(with({MU_PW_CAST, 0, MU_F64, 0, MU_PW_NONE, MU_PW_NONE, 0}), MU_INVALID) << "the output's type is another";
}

TEST_F(Malformed, RandomBytesNeverCrash) {
  Random r{99};
  for (int round = 0; round < 20000; ++round) {
    ProgramText p = good();
    for (std::int64_t i = r.below(4); i-- > 0;)
      p.add(static_cast<int>(r.below(140)), types[r.below(4)], static_cast<int>(r.below(6)), static_cast<int>(r.below(6)),
            static_cast<int>(r.below(6)));
    auto* bytes = reinterpret_cast<unsigned char*>(p.inst.data());
    for (std::int64_t i = r.below(3); i-- > 0;)
      bytes[r.below(static_cast<std::int64_t>(p.inst.size() * sizeof p.inst[0]))] ^= static_cast<unsigned char>(1u << r.below(8));
    p.out = {static_cast<std::uint16_t>(r.below(8))};
    const mu_code code = plan(p.descriptor());
    ASSERT_TRUE(code == MU_OK || code == MU_INVALID || code == MU_UNSUPPORTED) << code;
  }
}

}  // namespace
}  // namespace backend_test
