// The tables themselves, and the ops without a program: copies, fills, random numbers, indexing, softmax.
#include "builtin.h"

#if __has_include(<Random123/philox.h>)
#include <Random123/philox.h>
#define MUSHIN_HAVE_RANDOM123 1
#endif

#include <algorithm>
#include <cmath>
#include <numeric>

#include "reference.hpp"

namespace backend_test {
namespace {

class Builtin : public testing::Test {
 protected:
  Backend backend{mushin_builtin_entry(test_host(), nullptr)};
  Random random{31};

  std::vector<float> floats(std::int64_t n) {
    std::vector<float> v(static_cast<std::size_t>(n));
    for (float& x : v) x = static_cast<float>(random.real(-3, 3));
    return v;
  }
};

TEST_F(Builtin, TablesAndDevice) {
  const mu_plugin& p = backend.plugin();
  EXPECT_EQ(p.size, sizeof(mu_plugin));
  EXPECT_STREQ(p.name, "builtin");
  EXPECT_EQ(p.memory, nullptr);
  EXPECT_EQ(p.stream, nullptr);
  std::uint32_t n = 0;
  EXPECT_EQ(p.device_count(&n, nullptr), MU_OK);
  EXPECT_EQ(n, 1u);
  mu_device* none = nullptr;
  EXPECT_EQ(p.device_open(1, &none, nullptr), MU_INVALID);
  mu_device_info info{};
  info.size = sizeof info;
  EXPECT_EQ(p.device->info(backend.device(), &info, nullptr), MU_OK);
  EXPECT_EQ(info.kind, MU_KIND_CPU);
  EXPECT_EQ(info.caps & MU_CAP_HOST_MEMORY, MU_CAP_HOST_MEMORY);
  EXPECT_GE(info.pw_max_in, 12u);
  EXPECT_GE(info.pw_max_out, 4u);
  EXPECT_GE(info.pw_max_inst, 64u);
  const char* isa = test_host()->config(nullptr, "builtin", "ISA");
  EXPECT_STRNE(info.arch, "");
  if (isa && std::string(isa) == "baseline") {
    EXPECT_STREQ(info.arch, "baseline");
  }
}

TEST_F(Builtin, DescriptorsAreChecked) {
  std::vector<float> x(4);
  const mu_tensor v = view(x, {4});
  mu_op short_one{sizeof(mu_op), MU_OP_FILL};
  EXPECT_EQ(backend.run_op(&short_one, {}, {v}), MU_INVALID);
  struct Longer {
    mu_op_fill op;
    std::uint64_t more;
  } longer{{{sizeof(Longer), MU_OP_FILL}, 0}, 0};
  EXPECT_EQ(backend.run_op(&longer.op.h, {}, {v}), MU_OK);
  longer.more = 1;
  EXPECT_EQ(backend.run_op(&longer.op.h, {}, {v}), MU_UNSUPPORTED);
  mu_op unknown{sizeof(mu_op), MU_OP_VENDOR};
  EXPECT_EQ(backend.run_op(&unknown, {v}, {v}), MU_UNSUPPORTED);
  EXPECT_EQ(backend.run(mu_op_copy{}, MU_OP_COPY, {v, v}, {v}), MU_INVALID);
}

// Below a grain size an op is the caller's alone; above it there is work for everybody.
TEST_F(Builtin, SmallOpsAskForNoThreads) {
  std::vector<float> x(1 << 20), y(1 << 20);
  ProgramText text;
  const auto in = text.input(MU_F32);
  text.out = {text.add(MU_PW_TANH, MU_F32, in)};
  const mu_pw_program program = text.descriptor();
  mu_op_map_reduce sum{};
  sum.program = &program, sum.kind = MU_REDUCE_SUM, sum.acc = MU_F32;
  mu_op_matmul product{};
  product.acc = MU_F32;
  mu_op_softmax softmax{};
  softmax.axis = 1;
  const auto chunks_of = [&](std::int64_t n, int which) {
    const mu_tensor from = view(x, {n, n}), to = view(y, {n, n});
    chunks_asked_for();
    mu_code code = MU_OK;
    if (which == 0) code = backend.pointwise(text, {from}, {to});
    if (which == 1) code = backend.run(sum, MU_OP_MAP_REDUCE, {from}, {view(y, {n, n}, {0, 0})});
    if (which == 2) code = backend.run(product, MU_OP_MATMUL, {from, from}, {to});
    if (which == 3) code = backend.run(softmax, MU_OP_SOFTMAX, {from}, {to});
    EXPECT_EQ(code, MU_OK) << backend.message();
    return chunks_asked_for();
  };
  for (const int which : {0, 1, 2, 3}) {
    EXPECT_EQ(chunks_of(8, which), 0u) << which;
    EXPECT_GE(chunks_of(1024, which), 8u) << which;
  }
}

TEST_F(Builtin, AQueryMakesNoPlan) {
  std::vector<float> x(4);
  const mu_tensor v = view(x, {4});
  mu_op_fill op{{sizeof op, MU_OP_FILL}, 0};
  mu_plan* plan = reinterpret_cast<mu_plan*>(&op);
  mu_plan_info info{};
  info.size = sizeof info;
  const mu_compute_table& c = *backend.plugin().compute;
  EXPECT_EQ(c.plan_create(backend.device(), &op.h, MU_PLAN_QUERY_ONLY, 0, nullptr, 1, &v, &plan, &info, nullptr), MU_OK);
  EXPECT_EQ(plan, nullptr);
  EXPECT_EQ(info.specialized, 0u);
  EXPECT_NE(info.flags & MU_PLAN_DETERMINISTIC, 0u);
  ASSERT_EQ(c.plan_create(backend.device(), &op.h, 0, 0, nullptr, 1, &v, &plan, &info, nullptr), MU_OK);
  EXPECT_EQ(c.plan_run(plan, nullptr, 1, &v, 1, &v, nullptr, 0, nullptr), MU_INVALID) << "another number of views";
  c.plan_destroy(plan);
}

TEST_F(Builtin, CopiesBetweenStridesAndTypes) {
  const mu_dtype types[] = {MU_F32, MU_F64, MU_F16, MU_BF16, MU_I8, MU_U8, MU_I32, MU_I64, MU_BOOL};
  const auto check = [&](const Sizes& d, mu_dtype from, mu_dtype to, const Sizes& out_strides) {
    const auto n = static_cast<std::size_t>(count(d));
    std::vector<std::uint64_t> a(n + 1), b(2 * n + 1);
    Sizes s = dense_strides(Sizes(d.rbegin(), d.rend()));
    std::reverse(s.begin(), s.end());
    const mu_tensor in = view(a.data(), from, d, s), out = view(b.data(), to, d, out_strides);
    for (std::size_t i = 0; i < n; ++i) {
      write_element(in, static_cast<std::int64_t>(i), element_of(from, random.real(-300, 300)));
    }
    ASSERT_EQ(backend.run(mu_op_copy{}, MU_OP_COPY, {in}, {out}), MU_OK) << backend.message();
    const std::vector<std::int64_t> o = offsets(in), p = offsets(out);
    for (std::size_t i = 0; i < o.size(); ++i)
      ASSERT_TRUE(same(to, read_element(out, p[i]), apply(MU_PW_CAST, from, to, read_element(in, o[i]), 0, 0))) << i;
    ASSERT_EQ(backend.run(mu_op_reorder{}, MU_OP_REORDER, {in}, {out}), MU_OK);
  };
  for (const Sizes& d : {Sizes{}, Sizes{7}, Sizes{3, 5}, Sizes{40, 70}, Sizes{300, 200}, Sizes{4, 1, 6, 5}, Sizes{20, 3, 50},
                         Sizes{2, 3, 2, 1, 2, 3, 2, 2}, Sizes{0, 3}})
    for (mu_dtype from : types)
      for (mu_dtype to : types) {
        Sizes twice = dense_strides(d);
        for (std::int64_t& x : twice) x *= 2;
        check(d, from, to, dense_strides(d));
        check(d, from, to, twice);
      }
}

TEST_F(Builtin, FloatsToIntegersSaturate) {
  const float inf = INFINITY;
  const std::vector<float> x{1e30f, -1e30f, NAN, inf, -inf, 2.9f, -2.9f, 9.2233720e18f};
  std::vector<std::int64_t> y(x.size());
  ASSERT_EQ(backend.run(mu_op_copy{}, MU_OP_COPY, {view(x, {8})}, {view(y, {8})}), MU_OK);
  EXPECT_EQ(y, (std::vector<std::int64_t>{INT64_MAX, INT64_MIN, 0, INT64_MAX, INT64_MIN, 2, -2, INT64_MAX}));
}

TEST_F(Builtin, FillsAndLeavesTheRest) {
  std::vector<double> x(24, 1.0);
  mu_op_fill op{};
  const double seven = 7;
  std::memcpy(&op.bits, &seven, sizeof seven);
  ASSERT_EQ(backend.run(op, MU_OP_FILL, {}, {view(x, {3, 4}, {8, 2})}), MU_OK);
  for (std::size_t i = 0; i < x.size(); ++i) EXPECT_EQ(x[i], i % 2 ? 1.0 : 7.0);
  std::vector<std::uint8_t> big(100000);
  op.bits = 1;
  set_host_threads(2);
  ASSERT_EQ(backend.run(op, MU_OP_FILL, {}, {view(big, {100000})}), MU_OK);
  set_host_threads(1);
  EXPECT_EQ(std::accumulate(big.begin(), big.end(), 0), 100000);
}

#ifdef MUSHIN_HAVE_RANDOM123
TEST_F(Builtin, RandomWordsAreThoseOfRandom123) {
  r123::Philox4x32 oracle;
  for (std::int64_t n : {1, 2, 3, 63, 64, 65, 5000, 70001})
    for (std::uint64_t key : {std::uint64_t{0}, std::uint64_t{0xdeadbeefcafef00d}}) {
      const std::uint64_t counter = key ? 0xFFFFFFFFFFFFFFF0u : 0;
      const std::vector<std::int64_t> seed{static_cast<std::int64_t>(key), static_cast<std::int64_t>(counter)};
      std::vector<std::int64_t> bits(static_cast<std::size_t>(n));
      std::vector<float> uniform(bits.size());
      std::vector<double> wide(bits.size());
      mu_op_random op{};
      set_host_threads(2);
      ASSERT_EQ(backend.run(op, MU_OP_RANDOM, {view(seed, {2})}, {view(bits, {n})}), MU_OK);
      op.kind = MU_RANDOM_UNIFORM;
      ASSERT_EQ(backend.run(op, MU_OP_RANDOM, {view(seed, {2})}, {view(uniform, {n})}), MU_OK);
      ASSERT_EQ(backend.run(op, MU_OP_RANDOM, {view(seed, {2})}, {view(wide, {n})}), MU_OK);
      set_host_threads(1);
      const auto word = [&](std::uint64_t block, std::size_t k) {
        const std::uint64_t c = counter + block;
        const r123::Philox4x32::ctr_type at{{static_cast<std::uint32_t>(c), static_cast<std::uint32_t>(c >> 32), 0, 0}};
        return oracle(at, {{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}})[k];
      };
      for (std::size_t i = 0; i < bits.size(); ++i) {
        const std::uint64_t low = word(i / 2, 2 * (i % 2)), full = low | static_cast<std::uint64_t>(word(i / 2, 2 * (i % 2) + 1)) << 32;
        ASSERT_EQ(static_cast<std::uint64_t>(bits[i]), full);
        ASSERT_EQ(wide[i], std::ldexp(static_cast<double>(full >> 11), -53));
        ASSERT_EQ(uniform[i], std::ldexp(static_cast<float>(word(i / 4, i % 4) >> 8), -24));
      }
    }
}
#endif

// The first block of the published test vectors of Random123 for key and counter zero.
TEST_F(Builtin, RandomKnownAnswer) {
  const std::vector<std::int64_t> seed{0, 0};
  std::vector<std::int64_t> bits(2);
  ASSERT_EQ(backend.run(mu_op_random{}, MU_OP_RANDOM, {view(seed, {2})}, {view(bits, {2})}), MU_OK);
  EXPECT_EQ(static_cast<std::uint64_t>(bits[0]), 0xe169c58d6627e8d5u);
  EXPECT_EQ(static_cast<std::uint64_t>(bits[1]), 0x9b00dbd8bc57ac4cu);
}

TEST_F(Builtin, GatherAlongEveryAxis) {
  const Sizes data_dims{4, 5, 6};
  const std::vector<float> data = floats(240);
  for (std::uint32_t axis = 0; axis < 3; ++axis)
    for (bool broadcast : {false, true})
      for (const Sizes& data_strides : {Sizes{30, 6, 1}, Sizes{1, 4, 20}, Sizes{60, 12, 2}}) {
        Sizes dims = data_dims;
        dims[axis] = 7;
        std::vector<std::int64_t> index(static_cast<std::size_t>(count(dims)));
        for (std::int64_t& i : index) i = random.below(data_dims[axis]);
        Sizes s = dense_strides(dims);
        if (broadcast) s = {0, 0, 0}, s[axis] = 1;
        std::vector<float> out(index.size());
        const mu_tensor vd = view(data, data_dims, data_strides), vi = view(index, dims, s), vo = view(out, dims);
        mu_op_gather op{};
        op.axis = axis;
        ASSERT_EQ(backend.run(op, MU_OP_GATHER, {vd, vi}, {vo}), MU_OK) << backend.message();
        const std::vector<std::int64_t> at = offsets(vi);
        for (std::int64_t p = 0; p < count(dims); ++p) {
          std::int64_t c[3] = {p / (dims[1] * dims[2]), p / dims[2] % dims[1], p % dims[2]};
          c[axis] = index[static_cast<std::size_t>(at[static_cast<std::size_t>(p)])];
          ASSERT_EQ(out[static_cast<std::size_t>(p)],
                    data[static_cast<std::size_t>(c[0] * data_strides[0] + c[1] * data_strides[1] + c[2] * data_strides[2])]);
        }
        // and back: sums of ones count how often each was taken
        std::vector<float> sums(240, 0.5f), expected = sums;
        for (std::int64_t p = 0; p < count(dims); ++p) {
          std::int64_t c[3] = {p / (dims[1] * dims[2]), p / dims[2] % dims[1], p % dims[2]};
          c[axis] = index[static_cast<std::size_t>(at[static_cast<std::size_t>(p)])];
          expected[static_cast<std::size_t>(c[0] * data_strides[0] + c[1] * data_strides[1] + c[2] * data_strides[2])] +=
              out[static_cast<std::size_t>(p)];
        }
        mu_op_scatter_add back{};
        back.axis = axis, back.deterministic = 1;
        ASSERT_EQ(backend.run(back, MU_OP_SCATTER_ADD, {vi, vo}, {view(sums, data_dims, data_strides)}), MU_OK) << backend.message();
        ASSERT_EQ(sums, expected);
      }
}

TEST_F(Builtin, IndicesOutsideAreErrors) {
  std::vector<float> data(6), out(4);
  std::vector<std::int64_t> index{0, 2};
  const mu_tensor vd = view(data, {3, 2}), vi = view(index, {2, 2}, {1, 0}), vo = view(out, {2, 2});
  for (std::int64_t bad : {std::int64_t{3}, std::int64_t{-1}, INT64_MIN}) {
    index[1] = bad;
    EXPECT_EQ(backend.run(mu_op_gather{}, MU_OP_GATHER, {vd, vi}, {vo}), MU_INVALID);
    EXPECT_NE(backend.message().find(std::to_string(bad) + " in an axis of extent 3"), std::string::npos) << backend.message();
    EXPECT_EQ(backend.run(mu_op_scatter_add{}, MU_OP_SCATTER_ADD, {vi, vo}, {vd}), MU_INVALID);
    EXPECT_NE(backend.message().find(std::to_string(bad) + " in an axis of extent 3"), std::string::npos) << backend.message();
  }
  mu_op_gather op{};
  op.axis = 2;
  EXPECT_EQ(backend.run(op, MU_OP_GATHER, {vd, vi}, {vo}), MU_INVALID);
}

template <class T>
class Softmax : public Builtin {};
using Floats = testing::Types<float, double>;
TYPED_TEST_SUITE(Softmax, Floats);

TYPED_TEST(Softmax, FourKindsAlongEveryAxis) {
  using T = TypeParam;
  for (const Sizes& dims :
       {Sizes{5}, Sizes{3, 1}, Sizes{4, 33}, Sizes{3, 200, 5}, Sizes{2, 70, 40}, Sizes{2, 3, 1030}, Sizes{0, 3}, Sizes{3, 0}})
    for (std::uint32_t axis = 0; axis < dims.size(); ++axis)
      for (std::uint32_t kind = MU_SOFTMAX; kind <= MU_SOFTMAX_LOG_BACKWARD; ++kind)
        for (bool turned : {false, true}) {
          const auto n = static_cast<std::size_t>(count(dims));
          std::vector<T> a(n), b(n), y(n);
          for (std::size_t i = 0; i < n; ++i)
            a[i] = static_cast<T>(this->random.real(-3, 3)), b[i] = static_cast<T>(this->random.real(-1, 1));
          Sizes s = dense_strides(dims), r(dims.rbegin(), dims.rend());
          if (turned) s = dense_strides(r), std::reverse(s.begin(), s.end());
          const mu_tensor va = view(a, dims, s), vb = view(b, dims), vy = view(y, dims, s);
          mu_op_softmax op{};
          op.kind = kind, op.axis = axis;
          const std::vector<mu_tensor> in = kind >= MU_SOFTMAX_BACKWARD ? std::vector<mu_tensor>{va, vb} : std::vector<mu_tensor>{va};
          ASSERT_EQ(this->backend.run(op, MU_OP_SOFTMAX, in, {vy}), MU_OK) << this->backend.message();
          mu_tensor lines = va;
          lines.dim[axis] = dims[axis] ? 1 : 0;
          mu_tensor lines_b = vb;
          lines_b.dim[axis] = lines.dim[axis];
          const std::vector<std::int64_t> first = offsets(lines), first_b = offsets(lines_b);
          for (std::size_t l = 0; l < first.size(); ++l) {
            const auto at = [&](std::int64_t i) { return static_cast<std::size_t>(first[l] + i * va.stride[axis]); };
            const auto at_b = [&](std::int64_t i) { return static_cast<std::size_t>(first_b[l] + i * vb.stride[axis]); };
            double top = -1e300, sum = 0, dot = 0, total = 0;
            for (std::int64_t i = 0; i < dims[axis]; ++i) top = std::max(top, static_cast<double>(a[at(i)]));
            for (std::int64_t i = 0; i < dims[axis]; ++i) {
              const auto x = static_cast<double>(a[at(i)]), g = static_cast<double>(b[at_b(i)]);
              sum += std::exp(x - top), dot += x * g, total += g;
            }
            for (std::int64_t i = 0; i < dims[axis]; ++i) {
              const auto x = static_cast<double>(a[at(i)]), g = static_cast<double>(b[at_b(i)]);
              const double exact[] = {std::exp(x - top) / sum, x - top - std::log(sum), x * (g - dot), g - std::exp(x) * total};
              ASSERT_NEAR(static_cast<double>(y[at(i)]), exact[kind],
                          (sizeof(T) == 4 ? 1e-5 : 1e-13) * (1 + std::abs(exact[kind])) * (kind >= MU_SOFTMAX_BACKWARD ? 20 : 1))
                  << "kind " << kind << " axis " << axis << " of rank " << dims.size();
            }
          }
        }
}

TYPED_TEST(Softmax, ExtremeLines) {
  using T = TypeParam;
  const T inf = std::numeric_limits<T>::infinity(), nan = std::numeric_limits<T>::quiet_NaN();
  std::vector<T> x{T(1000), T(1000), -inf, 0, nan, 1, -inf, T(5), T(5)}, y(9);
  ASSERT_EQ(this->backend.run(mu_op_softmax{{}, MU_SOFTMAX, 1}, MU_OP_SOFTMAX, {view(x, {3, 3})}, {view(y, {3, 3})}), MU_OK);
  EXPECT_EQ(y[0], T(0.5));
  EXPECT_EQ(y[2], T(0));
  for (std::size_t i = 3; i < 6; ++i) EXPECT_TRUE(std::isnan(y[i]));
  EXPECT_EQ(y[6], T(0));
  EXPECT_EQ(y[8], T(0.5));
}

}  // namespace
}  // namespace backend_test
