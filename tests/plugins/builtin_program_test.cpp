// Whole programs: thousands of random ones against the scalar interpreter, aliasing, and programs that break the rules.
#include <algorithm>
#include <memory>

#include "builtin.h"
#include "reference.hpp"

namespace backend_test {
namespace {

const mu_dtype types[] = {MU_F32, MU_F64, MU_F16, MU_BF16, MU_I8, MU_U8, MU_I32, MU_I64, MU_BOOL};
bool is_whole(mu_dtype t) { return (t & 0xFFu) < 2; }

// Opcodes with exact results that make a type, and the types of their operands.
struct Choice {
  int op;
  mu_dtype operand[3];
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_{seed} {}

  ProgramText program() {
    ProgramText p;
    const std::int64_t n_in = random_.below(5), n_const = random_.below(3) + (n_in == 0), n_inst = random_.below(14);
    for (std::int64_t i = 0; i < n_in; ++i) p.input(type());
    for (std::int64_t i = 0; i < n_const; ++i) {
      const mu_dtype t = type();
      p.constant_bits(value(t), t);
    }
    for (std::int64_t i = 0; i < n_inst; ++i) instruction(p);
    const std::int64_t n_out = 1 + random_.below(3);
    for (std::int64_t k = 0; k < n_out; ++k)
      p.out.push_back(static_cast<std::uint16_t>(k == 0 ? static_cast<std::int64_t>(p.type.size()) - 1
                                                        : random_.below(static_cast<std::int64_t>(p.type.size()))));
    return p;
  }

  Sizes dims() {
    static const Sizes known[] = {{},       {1},       {7},        {300},      {5000}, {3, 5},    {4, 100},
                                  {100, 4}, {2, 3, 4}, {2, 70, 3}, {5, 1, 80}, {0},    {3, 0, 2}, {2, 1, 3, 2, 1, 2, 2, 3}};
    return known[random_.below(static_cast<std::int64_t>(std::size(known)))];
  }

  // Dense, with gaps, transposed, or broadcast along some axes.
  Sizes strides(const Sizes& dims, bool may_repeat) {
    Sizes s = dense_strides(dims);
    switch (random_.below(may_repeat ? 5 : 3)) {
      case 1:
        for (std::int64_t& x : s) x *= 2;
        break;
      case 2: {
        Sizes turned(dims.rbegin(), dims.rend());
        const Sizes t = dense_strides(turned);
        s.assign(t.rbegin(), t.rend());
        break;
      }
      case 3:
        for (std::int64_t& x : s) x = random_.below(2) ? 0 : x;
        break;
      case 4:
        for (std::int64_t& x : s) x = 0;
        break;
      default:
        break;
    }
    return s;
  }

  Bits value(mu_dtype t) {
    if (t == MU_BOOL) return static_cast<Bits>(random_.below(2));
    if (is_whole(t)) {
      const Bits b = random_.below(4) ? static_cast<Bits>(random_.below(9) - 4) : random_.next();
      return mu_dtype_bytes(t) == 8 ? b : b & ((Bits{1} << 8 * mu_dtype_bytes(t)) - 1);
    }
    static const double special[] = {0.0, -0.0, 1.0, 0.5, -2.0, 1e30, -1e-30, 1e-40};
    const std::int64_t kind = random_.below(12);
    const double x = kind == 0   ? std::numeric_limits<double>::quiet_NaN()
                     : kind == 1 ? std::numeric_limits<double>::infinity()
                     : kind < 4  ? special[random_.below(8)]
                                 : random_.real(-4, 4);
    return element_of(t, x);
  }
  Random& random() { return random_; }

 private:
  mu_dtype type() { return random_.below(3) ? types[random_.below(9)] : MU_F32; }
  int any_of(const std::vector<int>& v) { return v[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(v.size())))]; }

  int operand(const ProgramText& p, mu_dtype t) {
    std::vector<int> fitting;
    for (std::size_t i = 0; i < p.type.size(); ++i)
      if (p.type[i] == t) fitting.push_back(static_cast<int>(i));
    if (fitting.empty()) return -1;
    return random_.below(2) ? fitting.back() : any_of(fitting);
  }

  void instruction(ProgramText& p) {
    static const std::vector<int> real = {MU_PW_ADD,   MU_PW_ADD,  MU_PW_ADD,   MU_PW_SUB,  MU_PW_MUL,  MU_PW_MUL,  MU_PW_MUL,
                                          MU_PW_DIV,   MU_PW_MIN,  MU_PW_MAX,   MU_PW_FMA,  MU_PW_NEG,  MU_PW_ABS,  MU_PW_SQRT,
                                          MU_PW_FLOOR, MU_PW_CEIL, MU_PW_TRUNC, MU_PW_RINT, MU_PW_RELU, MU_PW_STEP, MU_PW_REM};
    static const std::vector<int> whole = {MU_PW_ADD, MU_PW_SUB, MU_PW_MUL, MU_PW_DIV, MU_PW_REM, MU_PW_MIN, MU_PW_MAX, MU_PW_NEG,
                                           MU_PW_ABS, MU_PW_POW, MU_PW_AND, MU_PW_OR,  MU_PW_XOR, MU_PW_NOT, MU_PW_SHL, MU_PW_SHR};
    static const std::vector<int> truth = {MU_PW_ADD, MU_PW_MUL, MU_PW_MIN, MU_PW_MAX, MU_PW_AND, MU_PW_OR, MU_PW_XOR, MU_PW_NOT};
    const mu_dtype from = p.type[static_cast<std::size_t>(random_.below(static_cast<std::int64_t>(p.type.size())))];
    const int a = operand(p, from), b = operand(p, from), c = operand(p, from), condition = operand(p, MU_BOOL);
    switch (random_.below(10)) {
      case 0:
        p.add(MU_PW_EQ + static_cast<int>(random_.below(6)), MU_BOOL, a, b);
        return;
      case 1:
        p.add(MU_PW_CAST, type(), a);
        return;
      case 2:
        if (condition >= 0) p.add(MU_PW_SELECT, from, condition, b, c);
        return;
      case 3:
        if (random_.below(3) == 0) p.add(MU_PW_IOTA, MU_I64, MU_PW_NONE, MU_PW_NONE, MU_PW_NONE, 0);
        return;
      case 4:
        if (from != MU_BOOL && !is_whole(from)) p.add(MU_PW_ISNAN, MU_BOOL, a);
        return;
      default:
        p.add(any_of(from == MU_BOOL ? truth : is_whole(from) ? whole : real), from, a, b, c);
    }
  }

  Random random_;
};

// Memory for a view of these dims and strides, filled with values.
struct Operand {
  std::vector<std::uint64_t> memory;
  mu_tensor v;
  Operand(Generator& g, mu_dtype t, const Sizes& dims, const Sizes& strides) {
    std::int64_t last = 0;
    for (std::size_t i = 0; i < dims.size(); ++i) last += std::max<std::int64_t>(dims[i] - 1, 0) * strides[i];
    memory.resize(static_cast<std::size_t>(last + 1));
    v = view(memory.data(), t, dims, strides);
    for (std::int64_t o = 0; o <= last; ++o) write_element(v, o, g.value(t));
  }
};

std::string text_of(const ProgramText& p) {
  std::string s = std::to_string(p.in.size()) + " inputs, " + std::to_string(p.bits.size()) + " constants;";
  for (const mu_pw_inst& i : p.inst)
    s.append(" ")
        .append(std::to_string(i.op))
        .append("(")
        .append(std::to_string(i.a))
        .append(",")
        .append(std::to_string(i.b))
        .append(",")
        .append(std::to_string(i.c))
        .append(")");
  for (std::uint16_t o : p.out) s += " out " + std::to_string(o);
  return s;
}

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
