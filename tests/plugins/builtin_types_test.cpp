// Every opcode on every element type: all pairs of 8-bit integers, all 16-bit floats, and the ops that take all types.
#include <cmath>

#include "builtin.h"
#include "reference.hpp"

namespace backend_test {
namespace {

const mu_dtype all[] = {MU_F32, MU_F64, MU_F16, MU_BF16, MU_I8, MU_U8, MU_I32, MU_I64, MU_BOOL};
const mu_dtype halves[] = {MU_F16, MU_BF16};
bool is_whole(mu_dtype t) { return (t & 0xFFu) < 2; }

// Elements of one type, dense.
struct Elements {
  mu_dtype type;
  std::vector<std::uint64_t> memory;
  mu_tensor v;

  Elements(mu_dtype t, std::size_t n) : Elements(t, Sizes{static_cast<std::int64_t>(n)}) {}
  Elements(mu_dtype t, const Sizes& dims) : type(t), memory(static_cast<std::size_t>(count(dims)) + 1) {
    v = view(memory.data(), t, dims, dense_strides(dims));
  }
  Bits operator[](std::size_t i) const { return read_element(v, static_cast<std::int64_t>(i)); }
  void set(std::size_t i, Bits b) { write_element(v, static_cast<std::int64_t>(i), b); }
};

class Types : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{77};

  Elements run(int op, mu_dtype result, const std::vector<const Elements*>& operands) {
    ProgramText p;
    int id[3] = {MU_PW_NONE, MU_PW_NONE, MU_PW_NONE};
    std::vector<mu_tensor> in;
    for (std::size_t k = 0; k < operands.size(); ++k) id[k] = p.input(operands[k]->type), in.push_back(operands[k]->v);
    p.out = {p.add(op, result, id[0], id[1], id[2])};
    Elements out(result, static_cast<std::size_t>(operands[0]->v.dim[0]));
    EXPECT_EQ(backend.pointwise(p, in, {out.v}), MU_OK) << backend.message();
    return out;
  }

  // Every pattern of a type of 8 or 16 bits, some of the others.
  Elements patterns(mu_dtype t) {
    const bool few = mu_dtype_bytes(t) <= 2;
    Elements x(t, t == MU_BOOL ? 2 : few ? std::size_t{1} << 8 * mu_dtype_bytes(t) : 20000);
    for (std::size_t i = 0; i < static_cast<std::size_t>(x.v.dim[0]); ++i) x.set(i, few ? i : any(t, i));
    return x;
  }
  Bits any(mu_dtype t, std::size_t i) {
    static const double special[] = {0,       -0.0,   1,         -1,        0.5,    127.5, 128,        255.5,        256,
                                     32768,   65504,  65519.996, 65520,     -65536, 2e9,   2147483647, 2147483648.0, -2147483649.0,
                                     9.2e18,  9.3e18, -9.3e18,   1e30,      1e-7,   6e-8,  2.9e-8,     1e-40,        3.4e38,
                                     3.39e38, 1e39,   INFINITY,  -INFINITY, NAN};
    if (i < std::size(special)) return element_of(t, special[i]);
    if (i % 3 == 0) return element_of(t, random.real(-300, 300));
    // Bits of their own, of any size.
    const Bits b = random.next() >> (is_whole(t) ? random.below(60) : 0);
    return mu_dtype_bytes(t) == 8 ? b : b & 0xFFFFFFFFu;
  }
};

TEST_F(Types, CastsOfEveryPattern) {
  for (mu_dtype from : all) {
    const Elements x = patterns(from);
    for (mu_dtype to : all) {
      const Elements y = run(MU_PW_CAST, to, {&x});
      for (std::size_t i = 0; i < static_cast<std::size_t>(x.v.dim[0]); ++i)
        ASSERT_TRUE(same(to, y[i], apply(MU_PW_CAST, from, to, x[i], 0, 0)))
            << std::hex << from << " to " << to << ": " << x[i] << " gave " << y[i] << ", not " << apply(MU_PW_CAST, from, to, x[i], 0, 0);
    }
  }
}

TEST_F(Types, AllPairsOfSmallIntegers) {
  const int ops[] = {MU_PW_ADD, MU_PW_SUB, MU_PW_MUL, MU_PW_DIV, MU_PW_REM, MU_PW_MIN, MU_PW_MAX, MU_PW_POW,
                     MU_PW_AND, MU_PW_OR,  MU_PW_XOR, MU_PW_SHL, MU_PW_SHR, MU_PW_EQ,  MU_PW_NE,  MU_PW_LT,
                     MU_PW_LE,  MU_PW_GT,  MU_PW_GE,  MU_PW_NEG, MU_PW_ABS, MU_PW_NOT};
  for (mu_dtype t : {MU_I8, MU_U8, MU_I32}) {
    Elements a(t, 65536), b(t, 65536);
    for (std::size_t i = 0; i < 65536; ++i) a.set(i, t == MU_I32 ? any(t, i) : i & 255), b.set(i, t == MU_I32 ? any(t, 65535 - i) : i >> 8);
    for (int op : ops) {
      const mu_dtype result = op >= MU_PW_EQ && op <= MU_PW_GE ? MU_BOOL : t;
      const bool one = op == MU_PW_NEG || op == MU_PW_ABS || op == MU_PW_NOT;
      const Elements y = one ? run(op, result, {&a}) : run(op, result, {&a, &b});
      for (std::size_t i = 0; i < 65536; ++i)
        ASSERT_EQ(y[i], apply(op, t, result, a[i], b[i], 0))
            << "opcode " << op << std::hex << ", type " << t << ": " << a[i] << ", " << b[i];
    }
  }
}

// What an opcode gives for 16-bit floats is what it gives for float, rounded once.
TEST_F(Types, HalvesAreFloatRounded) {
  const int unary[] = {MU_PW_NEG,  MU_PW_ABS,  MU_PW_SQRT, MU_PW_RSQRT,   MU_PW_EXP,   MU_PW_LOG,   MU_PW_SIN,
                       MU_PW_COS,  MU_PW_TANH, MU_PW_ERF,  MU_PW_FLOOR,   MU_PW_CEIL,  MU_PW_TRUNC, MU_PW_RINT,
                       MU_PW_ASIN, MU_PW_ACOS, MU_PW_ATAN, MU_PW_SIGMOID, MU_PW_EXPM1, MU_PW_LOG1P, MU_PW_RELU};
  const int binary[] = {MU_PW_ADD, MU_PW_SUB, MU_PW_MUL, MU_PW_DIV, MU_PW_REM, MU_PW_MIN, MU_PW_MAX, MU_PW_POW, MU_PW_STEP};
  for (mu_dtype t : halves) {
    const Elements a = patterns(t);
    Elements b(t, 65536), wide_a(MU_F32, 65536), wide_b(MU_F32, 65536);
    for (std::size_t i = 0; i < 65536; ++i) {
      b.set(i, i % 2 ? element_of(t, random.real(-9, 9)) : static_cast<Bits>(random.below(65536)));
      wide_a.set(i, apply(MU_PW_CAST, t, MU_F32, a[i], 0, 0)), wide_b.set(i, apply(MU_PW_CAST, t, MU_F32, b[i], 0, 0));
    }
    const auto check = [&](int op, const Elements& got, const Elements& wide) {
      for (std::size_t i = 0; i < 65536; ++i) {
        const Bits want = apply(MU_PW_CAST, MU_F32, t, wide[i], 0, 0);
        ASSERT_TRUE(same(t, got[i], want)) << "opcode " << op << std::hex << ", type " << t << ": " << a[i] << ", " << b[i] << " gave "
                                           << got[i] << ", not " << want;
      }
    };
    for (int op : unary) check(op, run(op, t, {&a}), run(op, MU_F32, {&wide_a}));
    for (int op : binary) check(op, run(op, t, {&a, &b}), run(op, MU_F32, {&wide_a, &wide_b}));
    for (int op = MU_PW_EQ; op <= MU_PW_GE; ++op) {
      const Elements got = run(op, MU_BOOL, {&a, &b}), want = run(op, MU_BOOL, {&wide_a, &wide_b});
      for (std::size_t i = 0; i < 65536; ++i) ASSERT_EQ(got[i], want[i]) << op;
    }
    const Elements nan = run(MU_PW_ISNAN, MU_BOOL, {&a});
    for (std::size_t i = 0; i < 65536; ++i) ASSERT_EQ(nan[i], apply(MU_PW_ISNAN, t, MU_BOOL, a[i], 0, 0));
  }
}

TEST_F(Types, FillsGathersAndAdds) {
  for (mu_dtype t : all) {
    Elements x(t, Sizes{5, 40}), rows(t, Sizes{3, 40}), to(t, Sizes{5, 40}), index(MU_I64, Sizes{3, 1});
    for (std::size_t i = 0; i < 200; ++i) x.set(i, element_of(t, static_cast<double>(random.below(100))));
    for (std::size_t i = 0; i < 3; ++i) index.set(i, 4 - 2 * i);
    mu_tensor at = index.v;
    at.dim[1] = 40, at.stride[1] = 0;
    mu_op_gather gather{};
    ASSERT_EQ(backend.run(gather, MU_OP_GATHER, {x.v, at}, {rows.v}), MU_OK) << backend.message();
    for (std::size_t i = 0; i < 120; ++i) ASSERT_EQ(rows[i], x[(4 - 2 * (i / 40)) * 40 + i % 40]);
    mu_op_fill fill{};
    fill.bits = element_of(t, 1);
    ASSERT_EQ(backend.run(fill, MU_OP_FILL, {}, {to.v}), MU_OK);
    for (std::size_t i = 0; i < 200; ++i) ASSERT_EQ(to[i], fill.bits);
    mu_op_scatter_add add{};
    const mu_code code = backend.run(add, MU_OP_SCATTER_ADD, {at, rows.v}, {to.v});
    ASSERT_EQ(code, t == MU_F16 || t == MU_BF16 ? MU_UNSUPPORTED : MU_OK) << backend.message();
    for (std::size_t i = 0; i < 200 && code == MU_OK; ++i)
      ASSERT_EQ(to[i], i / 40 % 2 ? fill.bits : apply(MU_PW_ADD, t, t, fill.bits, x[i], 0)) << i;
    if (code != MU_OK) continue;
    // Element by element: each line's first three to its place 1.
    Elements line(MU_I64, Sizes{5, 3}), three(t, Sizes{5, 3});
    for (std::size_t i = 0; i < 15; ++i) line.set(i, 1), three.set(i, x[i]);
    ASSERT_EQ(backend.run(fill, MU_OP_FILL, {}, {to.v}), MU_OK);
    add.axis = 1;
    ASSERT_EQ(backend.run(add, MU_OP_SCATTER_ADD, {line.v, three.v}, {to.v}), MU_OK) << backend.message();
    for (std::size_t i = 0; i < 5; ++i) {
      Bits want = fill.bits;
      for (std::size_t k = 0; k < 3; ++k) want = apply(MU_PW_ADD, t, t, want, three[3 * i + k], 0);
      ASSERT_EQ(to[40 * i + 1], want) << i;
      ASSERT_EQ(to[40 * i], fill.bits) << i;
    }
  }
}

// Sums in the wider type, extremes in the type itself; along rows and columns, of programs and of plain inputs.
TEST_F(Types, Reductions) {
  const auto reduce = [&](std::uint32_t kind, mu_dtype acc, const Elements& x, bool twice, Elements& out, bool columns) {
    ProgramText p;
    const int a = p.input(x.type);
    p.out = {twice ? p.add(MU_PW_ADD, x.type, a, a) : static_cast<std::uint16_t>(a)};
    const mu_pw_program program = p.descriptor();
    mu_op_map_reduce op{};
    op.program = &program, op.kind = kind, op.acc = acc;
    mu_tensor to = out.v;
    to.rank = 2, to.dim[0] = x.v.dim[0], to.dim[1] = x.v.dim[1];
    to.stride[0] = columns ? 0 : 1, to.stride[1] = columns ? 1 : 0;
    return backend.run(op, MU_OP_MAP_REDUCE, {x.v}, {to});
  };
  for (mu_dtype t : all) {
    if (t == MU_BOOL) continue;
    const bool half = t == MU_F16 || t == MU_BF16;
    const mu_dtype acc = is_whole(t) ? MU_I64 : half ? MU_F32 : t;
    for (bool twice : {false, true})
      for (bool columns : {false, true}) {
        Elements x(t, Sizes{30, 70});
        for (std::size_t i = 0; i < 2100; ++i) x.set(i, element_of(t, static_cast<double>(random.below(100)) / (is_whole(t) ? 1 : 4)));
        const std::size_t results = columns ? 70 : 30, each = columns ? 30 : 70;
        Elements total(is_whole(t) ? MU_I64 : t, results), most(t, results), least(t, results), where(MU_I64, results);
        ASSERT_EQ(reduce(MU_REDUCE_SUM, acc, x, twice, total, columns), MU_OK) << backend.message();
        ASSERT_EQ(reduce(MU_REDUCE_MAX, t, x, twice, most, columns), MU_OK) << backend.message();
        ASSERT_EQ(reduce(MU_REDUCE_MIN, t, x, twice, least, columns), MU_OK) << backend.message();
        ASSERT_EQ(reduce(MU_REDUCE_ARGMAX, t, x, twice, where, columns), MU_OK) << backend.message();
        for (std::size_t k = 0; k < results; ++k) {
          Bits sum = element_of(acc, 0), high = 0, low = 0, at = 0;
          for (std::size_t i = 0; i < each; ++i) {
            const Bits v = x[columns ? i * 70 + k : k * 70 + i], w = twice ? apply(MU_PW_ADD, t, t, v, v, 0) : v;
            sum = apply(MU_PW_ADD, acc, acc, sum, apply(MU_PW_CAST, t, acc, w, 0, 0), 0);
            if (i == 0 || apply(MU_PW_GT, t, MU_BOOL, w, high, 0)) high = w, at = i;
            if (i == 0 || apply(MU_PW_LT, t, MU_BOOL, w, low, 0)) low = w;
          }
          ASSERT_EQ(total[k], apply(MU_PW_CAST, acc, total.type, sum, 0, 0)) << std::hex << t;
          ASSERT_EQ(most[k], high) << std::hex << t;
          ASSERT_EQ(least[k], low) << std::hex << t;
          ASSERT_EQ(where[k], at) << std::hex << t;
        }
      }
  }
}

TEST_F(Types, Products) {
  const auto check = [&](mu_dtype t, std::int64_t m, std::int64_t k, std::int64_t n, bool turned) {
    const mu_dtype acc = t == MU_F16 || t == MU_BF16 ? MU_F32 : t == MU_I8 || t == MU_U8 ? MU_I32 : t;
    Elements a(t, Sizes{m, k}), b(t, Sizes{k, n}), c(t, Sizes{m, n});
    for (std::int64_t i = 0; i < m * k; ++i) a.set(static_cast<std::size_t>(i), element_of(t, static_cast<double>(random.below(9) - 4)));
    for (std::int64_t i = 0; i < k * n; ++i) b.set(static_cast<std::size_t>(i), element_of(t, static_cast<double>(random.below(9) - 4)));
    if (turned) b.v.stride[0] = 1, b.v.stride[1] = k;
    mu_op_matmul op{};
    op.acc = acc;
    ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {a.v, b.v}, {c.v}), MU_OK) << backend.message();
    const auto wide = [&](Bits v) { return apply(MU_PW_CAST, t, acc, v, 0, 0); };
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        Bits sum = element_of(acc, 0);
        for (std::int64_t l = 0; l < k; ++l) {
          const Bits x = wide(read_element(a.v, i * k + l)), y = wide(read_element(b.v, l * b.v.stride[0] + j * b.v.stride[1]));
          sum = apply(MU_PW_ADD, acc, acc, sum, apply(MU_PW_MUL, acc, acc, x, y, 0), 0);
        }
        ASSERT_EQ(read_element(c.v, i * n + j), apply(MU_PW_CAST, acc, t, sum, 0, 0)) << std::hex << t << std::dec << " " << i << " " << j;
      }
    op.acc = t == MU_F64 ? MU_F32 : MU_F64;
    EXPECT_EQ(backend.run(op, MU_OP_MATMUL, {a.v, b.v}, {c.v}), MU_UNSUPPORTED);
  };
  for (mu_dtype t : all) {
    if (t == MU_BOOL) continue;
    for (bool turned : {false, true}) {
      check(t, 1, 1, 1, turned);
      check(t, 3, 5, 2, turned);
      check(t, 40, 33, 50, turned);
      check(t, 1, 300, 70, turned);
      check(t, 70, 300, 1, turned);
    }
  }
}

// A float16 epilogue takes the sums as float32, and says itself where they are rounded.
TEST_F(Types, EpilogueOfHalves) {
  Elements a(MU_F16, Sizes{4, 6}), b(MU_F16, Sizes{6, 5}), bias(MU_F16, Sizes{4, 5}), c(MU_F16, Sizes{4, 5});
  for (Elements* e : {&a, &b, &bias})
    for (std::size_t i = 0; i < e->memory.size() - 1; ++i) e->set(i, element_of(MU_F16, random.real(-2, 2)));
  ProgramText p;
  const int product = p.input(MU_F32), second = p.input(MU_F16);
  p.out = {p.add(MU_PW_ADD, MU_F16, p.add(MU_PW_CAST, MU_F16, product), second)};
  const mu_pw_program program = p.descriptor();
  mu_op_matmul op{};
  op.acc = MU_F32, op.epilogue = &program;
  ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {a.v, b.v, bias.v}, {c.v}), MU_OK) << backend.message();
  op.epilogue = nullptr;
  Elements plain(MU_F16, Sizes{4, 5});
  ASSERT_EQ(backend.run(op, MU_OP_MATMUL, {a.v, b.v}, {plain.v}), MU_OK);
  for (std::size_t i = 0; i < 20; ++i) ASSERT_EQ(c[i], apply(MU_PW_ADD, MU_F16, MU_F16, plain[i], bias[i], 0));
}

}  // namespace
}  // namespace backend_test
