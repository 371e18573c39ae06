#include <cmath>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;

constexpr auto& types = all_dtypes;

struct Case {
  Index data;
  unsigned axis;
  std::int64_t taken;
};
const Case cases[] = {{{5}, 0, 3},       {{5}, 0, 9},       {{4, 6}, 0, 2}, {{4, 6}, 1, 8},
                      {{3, 4, 5}, 1, 6}, {{128, 10}, 1, 1}, {{4, 6}, 1, 0}, {{1000, 3}, 0, 500}};

Ref indices_for(const Case& c) {
  Index shape = c.data;
  shape[c.axis] = c.taken;
  return random_integers(shape, 110, c.data[c.axis]);
}
Ref values(const Index& shape, dtype type, std::uint64_t stream) { return random_integers(shape, stream, type == dtype::b8 ? 2 : 100); }

TEST(Gather, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Case& c : cases) {
        const Ref x = values(c.data, type, 111), i = indices_for(c);
        EXPECT_TRUE(equal(core::gather(array(x, type), c.axis, array(i, dtype::i64)), gather(x, c.axis, i)))
            << name_of(type) << " " << text_of(c.data);
      }
  });
}

TEST(Gather, OfViews) {
  const Ref x = random({6, 8}, 112), i = random_integers({8, 2}, 113, 6);
  on_every_device([&] {
    EXPECT_TRUE(equal(core::gather(core::transpose(array(x, dtype::f32)), 1, array(i, dtype::i64)), gather(permute(x, {1, 0}), 1, i)));
    const Ref j = random_integers({1, 8}, 114, 6);
    EXPECT_TRUE(equal(core::gather(array(x, dtype::f32), 0, core::broadcast_to(array(j, dtype::i64), {3, 8})),
                      gather(x, 0, broadcast_to(j, {3, 8}))));
  });
}

TEST(ScatterAdd, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64, dtype::f16, dtype::i32, dtype::i64})
      for (const Case& c : cases) {
        const Ref base = values(c.data, type, 115), i = indices_for(c), updates = values(i.shape, type, 116);
        Ref want = base;
        for_each_index(i.shape, [&](Index p) {
          const double u = updates.at(p);
          p[c.axis] = static_cast<std::int64_t>(i.at(p));
          want.at(p) += u;
        });
        const Array before = array(base, type);
        EXPECT_TRUE(equal(core::scatter_add(before, c.axis, array(i, dtype::i64), array(updates, type), false), want)) << "in any order";
        EXPECT_TRUE(equal(core::scatter_add(before, c.axis, array(i, dtype::i64), array(updates, type)), want))
            << name_of(type) << " " << text_of(c.data);
        EXPECT_TRUE(equal(before, base)) << "arrays don't change";
      }
  });
}

// Numbers whose sum depends on the order, more of them than one thread takes: the sum is that of the row-major order, every time.
TEST(ScatterAdd, DeterministicIsTheRowMajorOrder) {
  constexpr std::int64_t n = 200000;
  Ref updates = random({n, 2}, 127, -1, 1);
  for (std::size_t k = 0; k < updates.values.size(); ++k)
    updates.values[k] = static_cast<double>(static_cast<float>(std::ldexp(updates.values[k], static_cast<int>(k % 41) - 20)));
  const Ref i = random_integers({n, 2}, 128, 3);
  std::vector<float> want(6);
  for (std::size_t k = 0; k < updates.values.size(); ++k)
    want[static_cast<std::size_t>(i.values[k]) * 2 + k % 2] += static_cast<float>(updates.values[k]);
  on_every_device([&] {
    const core::Array base = array(full({3, 2}, 0), dtype::f32), at = array(i, dtype::i64), from = array(updates, dtype::f32);
    for (int round = 0; round < 3; ++round) {
      std::vector<float> got(6);
      core::read_all(core::scatter_add(base, 0, at, from, true), got.data());
      EXPECT_EQ(got, want);
    }
  });
}

TEST(OneHot, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : {Index{}, Index{7}, Index{2, 3}, Index{0}}) {
        const Ref i = random_integers(shape, 117, 5);
        Index wide = shape;
        wide.push_back(5);
        EXPECT_TRUE(equal(core::one_hot(array(i, dtype::i64), 5, type), generate(wide,
                                                                                 [&](Index p) {
                                                                                   const auto k = static_cast<double>(p.back());
                                                                                   p.pop_back();
                                                                                   return i.at(p) == k ? 1.0 : 0.0;
                                                                                 })))
            << name_of(type) << " " << text_of(shape);
      }
  });
}

TEST(Index, OutsideIsAnErrorWithTheValues) {
  on_every_device([&] {
    const Array x = array(random({4}, 118), dtype::f32);
    const auto finish = [](const Array& a) {  // some devices find out later
      core::evaluate(a);
      synchronize(default_device());
    };
    for (double wrong : {4.0, -1.0, 1e9}) {
      const Array i = array(Ref{{2}, {0, wrong}}, dtype::i64);
      const std::string value = std::to_string(static_cast<std::int64_t>(wrong));
      EXPECT_TRUE(throws<ShapeError>([&] { finish(core::gather(x, 0, i)); }, value));
      EXPECT_TRUE(throws<ShapeError>([&] { finish(core::scatter_add(x, 0, i, array(random({2}, 119), dtype::f32))); }, value));
      EXPECT_TRUE(throws<ShapeError>([&] { finish(core::one_hot(i, 4, dtype::f32)); }, value));
    }
    EXPECT_TRUE(equal(core::gather(x, 0, array(Ref{{1}, {3}}, dtype::i64)), slice(ref(x), 0, 3, 4))) << "afterwards all is well";
  });
}

TEST(Take, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& data : {Index{5}, Index{5, 3}, Index{5, 2, 0}, Index{5, 2, 3}})
        for (const Index& shape : {Index{}, Index{4}, Index{2, 3}, Index{0}}) {
          const Ref x = values(data, type, 123), i = random_integers(shape, 124, 5);
          Index to = shape;
          to.insert(to.end(), data.begin() + 1, data.end());
          const Ref want = generate(to, [&](const Index& p) {
            const auto rest = p.begin() + static_cast<std::ptrdiff_t>(shape.size());
            Index q(rest, p.end());
            q.insert(q.begin(), static_cast<std::int64_t>(i.at(Index(p.begin(), rest))));
            return x.at(q);
          });
          EXPECT_TRUE(equal(core::take(array(x, type), array(i, dtype::i64)), want))
              << name_of(type) << " " << text_of(data) << " " << text_of(shape);
        }
    const Array x = array(random({2, 2}, 125), dtype::f32);
    EXPECT_TRUE(throws<ShapeError>(
        [&] {
          core::evaluate(core::take(x, array(Ref{{1}, {2}}, dtype::i64)));
          synchronize(default_device());
        },
        "2 in an axis of extent 2"));
    EXPECT_TRUE(throws<ShapeError>(
        [&] {
          core::take(core::at(core::at(x, 0, 0), 0, 0), array(Ref{{1}, {0}}, dtype::i64));
        },
        "[take] no rows of () by indices (1)"));
  });
  const Ref i = random_integers({2, 3}, 126, 4);
  check_gradients([&](const auto& in) { return core::take(core::mul(in[0], in[0]), array(i, dtype::i64)); }, {random({4, 2}, 127)});
  const auto w = variable(from<2, 2>(std::vector<float>{1, 2, 3, 4}));
  const auto rows = take(w, tensor<std::int64_t, 2, 1>({1, 1}));
  static_assert(std::same_as<decltype(rows), const Traced<float, 2, 1, 2>>);
  EXPECT_TRUE(equal(grad(rows, w), Ref{{2, 2}, {0, 0, 2, 2}}));
}

TEST(Index, TypedScatterAdd) {
  const auto a = zeros<2, 3>();
  const auto w = variable(from<2, 2>(std::vector<float>{1, 2, 3, 4}));
  const auto i = tensor<std::int64_t, 2, 2>({2, 2, 0, 1});
  EXPECT_TRUE(equal(scatter_add<1>(a, i, w), Ref{{2, 3}, {0, 0, 3, 3, 4, 0}}));
  EXPECT_TRUE(equal(scatter_add<-1>(a, i, w.value(), deterministic), Ref{{2, 3}, {0, 0, 3, 3, 4, 0}}));
  EXPECT_TRUE(equal(grad(scatter_add<1>(a, i, w * w), w), Ref{{2, 2}, {2, 4, 6, 8}}));
  const auto outside = [&] {
    scatter_add<1>(a, i + 2, w);
    synchronize(default_device());
  };
  // A device that finds out later tells the index, but not the op.
  const bool later = default_device().plugin() == std::string("cuda");
  EXPECT_TRUE(
      throws<ShapeError>(outside, later ? "4 in an axis of extent 3" : "[scatter_add] index out of range: 4 in an axis of extent 3"));
}

TEST(Index, Gradients) {
  const Case c{{3, 4}, 1, 5};
  const Ref i = indices_for(c);
  check_gradients([&](const auto& in) { return core::gather(core::mul(in[0], in[0]), 1, array(i, dtype::i64)); }, {random(c.data, 120)});
  check_gradients(
      [&](const auto& in) { return core::scatter_add(core::mul(in[0], in[0]), 1, array(i, dtype::i64), core::mul(in[1], in[1])); },
      {random(c.data, 121), random(i.shape, 122)});
}

}  // namespace
}  // namespace mushin::test
