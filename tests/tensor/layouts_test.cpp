// Values in layouts of a device's own: fakegpu:1 lays out results of products and right operands its own way, and says when it reorders.
#include <barrier>
#include <cstdio>
#include <thread>

#include "../support/files.hpp"
#include "core/evaluate.hpp"
#include "core/node.hpp"
#include "core/plans.hpp"
#include "fakegpu.hpp"
#include "mushin/tensor/io/npy.hpp"
#include "mushin/tensor/io/safetensors.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/softmax.hpp"
#include "mushin/tensor/ops/transfer.hpp"
#include "mushin/tensor/print.hpp"
#include "raw_device.hpp"

namespace mushin::core::test {
namespace {

// How often fakegpu:1 has reordered.
long reorders() {
  long n = 0;
  for (const PluginMessage& m : plugin_messages()) std::sscanf(m.text, "fakegpu:1 reorder %ld:", &n);
  return n;
}
bool opaque(const Array& a) { return is_opaque(node_of(a)); }
std::uint64_t token(const Array& a) { return opaque(a) ? node_of(a)->layout.id : 0; }
Array number(double v, dtype t = dtype::f32) { return literal(v, t); }

Array identity(std::int64_t n, dtype t) {
  Values v(static_cast<std::size_t>(n * n), 0);
  for (std::int64_t i = 0; i < n; ++i) v[static_cast<std::size_t>(i * (n + 1))] = 1;
  return array({n, n}, v, t);
}

class Layouts : public testing::Test {
 protected:
  void SetUp() override { set_default_device(device_of(gpu)); }
  void TearDown() override {
    set_eager(false);
    synchronize(device_of(gpu));
    set_default_device("builtin");
  }
  // Reorders since the last look.
  long reordered() {
    const long now = reorders();
    return now - std::exchange(seen_, now);
  }
  // A product of these values: 5 x 6, which no tile divides.
  Array product(const Values& wanted = five_by_six(), dtype t = dtype::f32) {
    const Array made = matmul(array({5, 6}, wanted, t), identity(6, t));
    evaluate(made);
    reordered();
    return made;
  }
  static Values five_by_six() {
    Values v(30);
    for (std::size_t i = 0; i < v.size(); ++i) v[i] = static_cast<double>(i) - 12;
    return v;
  }
  static Values map(const Values& v, double (*f)(double)) {
    Values r;
    for (double x : v) r.push_back(f(x));
    return r;
  }
  core::Device* const gpu = fake(1);
  const Values v = five_by_six();

 private:
  long seen_ = reorders();
};

TEST_F(Layouts, ResultsOfEveryTypeAndRankComeBackAsTheyWere) {
  for (const dtype t : all_dtypes) {
    if (t == dtype::b8) continue;  // has no products
    for (unsigned rank = 2; rank <= max_rank; ++rank) {
      Sizes a, eye;
      for (unsigned i = 0; i + 2 < rank; ++i) a.push(i % 3 == 1 ? 2 : 1), eye.push(a[i]);
      a.push(5), a.push(6), eye.push(6), eye.push(6);
      const Values values_of_a = random_values(static_cast<std::size_t>(a.count()), -50, 50, t, rank);
      const Array made = matmul(array(a, values_of_a, t), broadcast_to(identity(6, t), eye));
      evaluate(made);
      EXPECT_TRUE(opaque(made)) << name_of(t) << " of rank " << rank;
      reordered();
      EXPECT_EQ(values(made), values_of_a) << name_of(t) << " of rank " << rank;
      EXPECT_EQ(values(made), values_of_a);
      EXPECT_EQ(reordered(), 1) << "once, for all who read it";
      EXPECT_FALSE(opaque(made));
    }
  }
}

TEST_F(Layouts, ReorderingThereAndBackIsIdentity) {
  for (const dtype t : all_dtypes)
    for (unsigned rank = 2; rank <= max_rank; ++rank)
      for (const unsigned which : {1u, 2u}) {
        Sizes s;
        for (unsigned i = 0; i + 2 < rank; ++i) s.push(i % 3 ? 1 : 2);
        s.push(7), s.push(7);
        Raw raw(gpu);
        const mu_tensor from = raw.rows(s, static_cast<mu_dtype>(t)), back = raw.rows(s, static_cast<mu_dtype>(t));
        mu_tensor laid = raw.chosen(from, which);
        std::vector<std::byte> bytes(from.bytes);
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(t == dtype::b8 ? i % 3 == 0 : i * 37 + rank);
        raw.write(from, bytes);
        ASSERT_EQ(raw.reorder(from, laid), MU_OK);
        ASSERT_EQ(raw.reorder(laid, back), MU_OK);
        EXPECT_TRUE(raw.read(back) == bytes) << name_of(t) << " of rank " << rank;
        std::vector<std::byte> inside = raw.read(laid);
        inside.resize(bytes.size());
        EXPECT_FALSE(inside == bytes) << "it would be no layout of its own";
        laid.layout_id = 12345;
        EXPECT_EQ(raw.reorder(laid, back), MU_UNSUPPORTED);
      }
}

TEST_F(Layouts, ProgramsRunOverThem) {
  const Array p = product(), q = product(map(v, [](double x) { return 3 * x; })), scalar = array({1}, {0.5});
  const Array both[] = {maximum(sub(mul(p, number(2.5)), q), number(-3)), mul(add(q, scalar), full({5, 6}, dtype::f32, 1.25))};
  evaluate(both, 2);
  EXPECT_EQ(token(both[0]), token(p));
  EXPECT_EQ(token(both[1]), token(p));
  const Array again = add(both[0], both[1]);
  evaluate(again);
  EXPECT_TRUE(opaque(again));
  EXPECT_EQ(reordered(), 0);
  const auto first = [](double x) { return std::max(2.5 * x - 3 * x, -3.); };
  const auto second = [](double x) { return (3 * x + 0.5) * 1.25; };
  EXPECT_EQ(values(both[0]), map(v, first));
  EXPECT_EQ(values(both[1]), map(v, second));
  EXPECT_EQ(values(again), map(v, [](double x) { return std::max(2.5 * x - 3 * x, -3.) + (3 * x + 0.5) * 1.25; }));
  EXPECT_EQ(reordered(), 3) << "one each, to be read";
  EXPECT_TRUE(opaque(p));
}

TEST_F(Layouts, ProgramsOfOtherOperandsNeedThemStrided) {
  const Values twice = map(v, [](double x) { return 2 * x; });
  const Array plain = array({5, 6}, v), row = array({6}, {0, 0, 0, 0, 0, 1});
  {
    const Array p = product();
    EXPECT_EQ(values(add(p, plain)), twice);
    EXPECT_FALSE(opaque(p)) << "reordered for good";
    EXPECT_EQ(reordered(), 1);
  }
  {
    const Array p = product(), made = add(p, row);
    evaluate(made);
    EXPECT_FALSE(opaque(made));
    EXPECT_EQ(values(made)[29], v[29] + 1);
    EXPECT_EQ(reordered(), 1);
  }
  {
    const Array p = product(), positive = greater(p, number(0)), whole = cast(p, dtype::i32);
    EXPECT_EQ(values(positive), map(v, [](double x) { return x > 0 ? 1. : 0.; }));
    EXPECT_EQ(values(whole), v);
    EXPECT_EQ(reordered(), 1);
  }
  {  // the condition isn't of the results' type
    const Array p = product(), made = where(greater(p, number(0)), p, number(7));
    evaluate(made);
    EXPECT_TRUE(opaque(made)) << "inside of the program types may differ";
    EXPECT_EQ(values(made), map(v, [](double x) { return x > 0 ? x : 7; }));
  }
  {  // results of several types
    const Array p = product(), both[] = {mul(p, number(2)), cast(p, dtype::f64)};
    evaluate(both, 2);
    EXPECT_FALSE(opaque(both[0]) || opaque(both[1]));
    EXPECT_EQ(values(both[0]), twice);
    EXPECT_EQ(values(both[1]), v);
  }
  {  // a layout that programs may not run over
    const Array p = product(v, dtype::f64);
    ASSERT_TRUE(opaque(p));
    EXPECT_EQ(values(add(p, p)), twice);
    EXPECT_EQ(reordered(), 1);
  }
  {  // of a part of the sizes
    const Array p = product(), made = add(p, array({2, 5, 6}, Values(60, 1)));
    EXPECT_EQ(values(made)[59], v[29] + 1);
    EXPECT_EQ(reordered(), 1);
  }
}

TEST_F(Layouts, MixedTokensReorder) {
  const Array a = array({5, 6}, v), w = identity(6, dtype::f32);
  const Array first = matmul(a, w), second = [&] {
    evaluate(first);
    return matmul(a, w);  // of a right operand in its own layout
  }();
  evaluate(second);
  ASSERT_TRUE(opaque(first) && opaque(second));
  ASSERT_NE(token(first), token(second));
  reordered();
  const Array made = mul(first, second);
  evaluate(made);
  EXPECT_FALSE(opaque(made));
  EXPECT_EQ(reordered(), 2);
  EXPECT_EQ(values(made), map(v, [](double x) { return x * x; }));
}

TEST_F(Layouts, ProductsFollowProducts) {
  const Array w = array({6, 6}, random_values(36, -1, 1)), u = array({6, 3}, random_values(18, -1, 1, dtype::f32, 2));
  const Array x = array({5, 6}, v), h = maximum(matmul(x, w), number(0)), y = matmul(h, u);
  evaluate(y);
  EXPECT_TRUE(opaque(h) && opaque(y));
  EXPECT_EQ(reordered(), 0);
  const Values got = values(y), at_h = values(h);
  set_default_device("builtin");
  const Array on_host =
      maximum(matmul(to_device(x, mushin::device("builtin").raw()), to_device(w, mushin::device("builtin").raw())), number(0));
  expect_near(at_h, values(on_host), 1e-5);
  expect_near(got, values(matmul(on_host, to_device(u, mushin::device("builtin").raw()))), 1e-5);
}

TEST_F(Layouts, WhatAProductDoesNotTakeBecomesStrided) {
  const Array p = product();  // as a right operand
  EXPECT_EQ(values(matmul(identity(5, dtype::f32), p)), v);
  EXPECT_FALSE(opaque(p));
  const Array wide = product(v, dtype::f64);  // as a left one
  EXPECT_EQ(values(matmul(wide, identity(6, dtype::f64))), v);
  EXPECT_FALSE(opaque(wide));
  const Array seen = product();  // repeated along a batch
  EXPECT_EQ(values(slice(matmul(seen, broadcast_to(identity(6, dtype::f32), {2, 6, 6})), 0, 1, 2)), v);
  EXPECT_FALSE(opaque(seen));
  const Array eye = broadcast_to(identity(6, dtype::f32), {1, 6, 6}), single = matmul(array({1, 5, 6}, v), eye);
  evaluate(single);
  EXPECT_TRUE(opaque(single));
  EXPECT_EQ(values(slice(matmul(single, broadcast_to(eye, {2, 6, 6})), 0, 1, 2)), v);
  EXPECT_FALSE(opaque(single));
  const Array row = matmul(array({6}, {1, 2, 3, 4, 5, 6}), identity(6, dtype::f32));
  evaluate(row);
  EXPECT_FALSE(opaque(row)) << "a vector is seen as a matrix";
  EXPECT_EQ(values(row), (Values{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(value(matmul(row, row)), 91);
}

TEST_F(Layouts, RightOperandsArePackedWhenTheyComeBack) {
  const Array x = array({5, 6}, v);
  const auto before = memory_stats(device_of(gpu)).in_use;
  {
    const Array w = transpose(identity(6, dtype::f32));
    const std::vector<long> expected{0, 1, 0, 0};
    for (const long n : expected) {
      reordered();
      const Array y = matmul(x, w);
      evaluate(y);
      EXPECT_EQ(reordered(), n);
      EXPECT_EQ(values(y), v);
    }
    const Array made = maximum(add(matmul(x, w), array({6}, Values(6, 1))), number(0));
    reordered();
    evaluate(made);
    EXPECT_TRUE(opaque(made));
    EXPECT_EQ(reordered(), 0);
    EXPECT_EQ(values(made), map(v, [](double z) { return std::max(z + 1, 0.); }));
    EXPECT_EQ(values(w), values(identity(6, dtype::f32))) << "it lies as it did, too";
  }
  EXPECT_EQ(memory_stats(device_of(gpu)).in_use, before);
}

TEST_F(Layouts, EpiloguesMakeThem) {
  const Array x = array({5, 6}, v), w = identity(6, dtype::f32), bias = array({6}, Values(6, 1)), rest = product();
  const auto compute = [&](const Array& right, long reorders_wanted) {
    reordered();
    const Array made = maximum(add(matmul(x, right), bias), number(0));
    evaluate(made);
    EXPECT_TRUE(opaque(made)) << "a program of its own would have needed it strided, for the bias";
    EXPECT_EQ(reordered(), reorders_wanted);
    EXPECT_EQ(values(made), map(v, [](double z) { return std::max(z + 1, 0.); }));
  };
  compute(w, 0);
  compute(w, 1);
  compute(w, 0);
  compute(identity(6, dtype::f32), 0);
  const Array other = identity(6, dtype::f32);
  const Array made = add(matmul(x, other), rest);  // two plans, but none to reorder
  reordered();
  evaluate(made);
  EXPECT_TRUE(opaque(made));
  EXPECT_EQ(reordered(), 0);
  EXPECT_EQ(values(made), map(v, [](double z) { return 2 * z; }));
}

TEST_F(Layouts, SurviveEverythingThatLooksAtThem) {
  const std::vector<std::function<void(const Array&)>> looks = {
      [&](const Array& p) { EXPECT_EQ(values(transpose(p))[5], v[1]); },
      [&](const Array& p) {
        EXPECT_EQ(values(slice(p, 1, 5, 6)), (Values{v[5], v[11], v[17], v[23], v[29]}));
      },
      [&](const Array& p) {
        EXPECT_EQ(values(reshape(p, {3, 10})), v);
      },
      [&](const Array& p) {
        EXPECT_EQ(values(broadcast_to(p, {2, 5, 6}))[59], v[29]);
      },
      [&](const Array& p) { EXPECT_EQ(values(place(p, 0, 1, 6))[6], v[0]); },
      [&](const Array& p) { EXPECT_EQ(value(sum(mul(p, p), 3, false)), 2435); },
      [&](const Array& p) { EXPECT_EQ(values(argmax(p, 2, false)), Values(5, 5)); },
      [&](const Array& p) {
        EXPECT_EQ(values(gather(p, 1, array({5, 1}, Values(5, 2), dtype::i64)))[4], v[26]);
      },
      [&](const Array& p) { EXPECT_NEAR(value(sum(softmax(p, 1), 3, false)), 5, 1e-5); },
      [&](const Array& p) { EXPECT_EQ(values(to_device(p, fake(0))), v); },
      [&](const Array& p) { EXPECT_EQ(values(to_device(p, mushin::device("builtin").raw())), v); },
      [&](const Array& p) {
        const Text text = spell_values(p);
        const std::string all(text.data(), text.size());
        EXPECT_EQ(all.find("[[-12. -11. -10."), 0u) << all;
      },
      [&](const Array& p) {
        float one = 0;
        const std::int64_t at[] = {4, 5};
        read_one("at", p, at, &one);
        EXPECT_EQ(one, v[29]);
      }};
  for (std::size_t i = 0; i < looks.size(); ++i) {
    SCOPED_TRACE(i);
    const Array p = product();
    ASSERT_TRUE(opaque(p));
    looks[i](p);
    EXPECT_EQ(reordered(), 1);
    EXPECT_FALSE(opaque(p));
    EXPECT_EQ(values(p), v);
    EXPECT_EQ(reordered(), 0);
  }
}

TEST_F(Layouts, FilesHoldThemByRows) {
  const mushin::test::Folder folder;
  const Array p = product(), q = product(v, dtype::i64);
  save_npy((folder / "p.npy").c_str(), p);
  save_safetensors((folder / "q.safetensors").c_str(), {{"q", q}});
  EXPECT_EQ(values(load_npy((folder / "p.npy").c_str())), v);
  EXPECT_EQ(values(load_safetensors((folder / "q.safetensors").c_str()).read("q")), v);
}

TEST_F(Layouts, AreTargetsInPlace) {
  Array p = product();
  const auto assign_one = [](Array& to, Array from) {
    Array* const target = &to;
    assign(&target, &from, 1);
  };
  const mu_buffer* before = node_of(p)->block->buffer;
  for (int i = 0; i < 3; ++i) {
    assign_one(p, mul(p, number(2)));
    EXPECT_EQ(node_of(p)->block->buffer, before);
  }
  assign_one(p, add(p, number(7)));
  EXPECT_TRUE(opaque(p));
  const Array kept = p;
  assign_one(p, add(p, p));
  EXPECT_NE(node_of(p)->block->buffer, before) << "somebody holds the old value";
  EXPECT_EQ(reordered(), 0);
  const auto moved = [](double x) { return 8 * x + 7; };
  EXPECT_EQ(values(kept), map(v, moved));
  Array plain = array({5, 6}, v);
  assign_one(plain, mul(p, number(0.5)));  // not where its memory is, which is too small
  EXPECT_TRUE(opaque(plain));
  EXPECT_EQ(values(plain), map(v, moved));
  assign_one(p, add(plain, array({5, 6}, v)));
  EXPECT_FALSE(opaque(p));
  EXPECT_EQ(values(p), map(v, [](double x) { return 9 * x + 7; }));
}

TEST_F(Layouts, EagerValuesAreTheSame) {
  set_eager(true);
  const Array p = matmul(array({5, 6}, v), identity(6, dtype::f32)), made = maximum(mul(p, number(2)), number(-3));
  EXPECT_TRUE(opaque(p) && opaque(made));
  EXPECT_EQ(values(made), map(v, [](double x) { return std::max(2 * x, -3.); }));
}

TEST_F(Layouts, SeveralThreadsUseOne) {
  constexpr int threads = 4;
  const Array w = identity(6, dtype::f32);
  for (int round = 0; round < 40; ++round) {
    const Array p = product(), pending = matmul(p, w);
    std::barrier together(threads);
    std::vector<std::thread> team;
    for (int t = 0; t < threads; ++t)
      team.emplace_back([&, t] {
        together.arrive_and_wait();
        switch ((round + t) % 4) {
          case 0:
            EXPECT_EQ(values(p), v);
            break;
          case 1:
            EXPECT_EQ(values(add(p, p)), map(v, [](double x) { return 2 * x; }));
            break;
          case 2:
            EXPECT_EQ(values(matmul(p, w)), v);
            break;
          default:
            EXPECT_EQ(values(add(pending, number(1))), map(v, [](double x) { return x + 1; }));
        }
        EXPECT_EQ(values(pending), v);
      });
    for (std::thread& t : team) t.join();
  }
}

TEST_F(Layouts, AnAnswerWithoutRoomIsThePluginsError) {
  const Fault fault("WRONG_LAYOUT", 1, 1);
  const Array made = matmul(array({3, 31}, Values(93, 1)), array({31, 3}, Values(93, 1)));
  EXPECT_EQ(error_of<PluginError>([&] { values(made); }),
            "[matmul] device fakegpu:1 answers with a layout of 63 bytes, which have no room for view 2");
  EXPECT_EQ(values(made), Values(9, 31)) << "the next answer is right";
}

TEST_F(Layouts, OtherDevicesAreNotAsked) {
  for (core::Device* d : {fake(0), mushin::device("builtin").raw()}) {
    set_default_device(device_of(d));
    const Array x = array({5, 6}, v), w = identity(6, dtype::f32);
    const std::size_t plans = plan_count();
    for (int i = 0; i < 3; ++i) {
      const Array p = matmul(x, w);
      evaluate(p);
      EXPECT_FALSE(opaque(p));
      EXPECT_EQ(values(p), v);
    }
    EXPECT_LE(plan_count(), plans + 1) << "refusals are remembered as plans";
  }
  EXPECT_EQ(reordered(), 0);
}

op_support reorder_support(core::Device* d) {
  for (const OpSupport& s : supported_ops(device_of(d)))
    if (std::string(s.op) == "reorder") return s.by;
  return op_support::decomposed;
}

TEST_F(Layouts, AreListedWithTheOps) {
  EXPECT_EQ(reorder_support(gpu), op_support::native);
  EXPECT_EQ(reorder_support(fake(0)), op_support::native);
}

// Run with MUSHIN_FAKEGPU_REFUSE=9, and MUSHIN_FALLBACK=allow: the host cannot help.
TEST(LayoutsWithoutReorder, AreAnErrorToRead) {
  set_default_device(device_of(fake(1)));
  const Array p = matmul(identity(2, dtype::f32), array({2, 2}, {1, 2, 3, 4})), q = add(p, p);
  evaluate(q);
  EXPECT_TRUE(opaque(q));
  EXPECT_EQ(error_of<DeviceError>([&] { values(q); }),
            "[reorder] device fakegpu:1 does not reorder what it has laid out: layout 0x7115 of 64 bytes");
  EXPECT_TRUE(opaque(q));
  EXPECT_EQ(reorder_support(fake(1)), op_support::absent);
}

}  // namespace
}  // namespace mushin::core::test
