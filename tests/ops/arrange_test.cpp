#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::Traced;

constexpr auto& types = all_dtypes;

Ref values(const Index& shape, dtype type, std::uint64_t stream = 130) {
  return random_integers(shape, stream, type == dtype::b8 ? 2 : 100);
}
core::Sizes sizes(const Index& shape) {
  core::Sizes out;
  for (auto n : shape) out.push(n);
  return out;
}

Ref concat(const std::vector<Ref>& parts, std::size_t axis) {
  Index shape = parts[0].shape;
  for (std::size_t k = 1; k < parts.size(); ++k) shape[axis] += parts[k].shape[axis];
  return generate(shape, [&](Index p) {
    std::size_t k = 0;
    while (p[axis] >= parts[k].shape[axis]) p[axis] -= parts[k++].shape[axis];
    return parts[k].at(p);
  });
}
Ref stack(std::vector<Ref> parts, std::size_t axis) {
  for (Ref& r : parts) r.shape.insert(r.shape.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  return concat(parts, axis);
}

struct Join {
  Index shape;
  std::size_t axis;
  std::vector<std::int64_t> along;
};
const Join joins[] = {{{4}, 0, {4, 1, 3}},       {{2, 3}, 0, {1, 5}},         {{2, 3}, 1, {3, 0, 2}},
                      {{2, 3, 4}, 1, {3, 1}},    {{0, 3}, 1, {2, 2}},         {{2, 1, 3, 1, 2, 1, 2, 2}, 4, {1, 2}},
                      {{70, 50}, 1, {1, 20, 3}}, {{5, 2}, 0, {2, 3, 4, 5, 6}}};

std::vector<Ref> parts_of(const Join& j, dtype type) {
  std::vector<Ref> out;
  for (std::size_t k = 0; k < j.along.size(); ++k) {
    Index shape = j.shape;
    shape[j.axis] = j.along[k];
    out.push_back(values(shape, type, 131 + k));
  }
  return out;
}

TEST(Concat, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Join& j : joins) {
        const std::vector<Ref> parts = parts_of(j, type);
        std::vector<Array> arrays;
        for (const Ref& r : parts) arrays.push_back(array(r, type));
        EXPECT_TRUE(
            equal(core::concat(arrays.data(), static_cast<unsigned>(arrays.size()), static_cast<unsigned>(j.axis)), concat(parts, j.axis)))
            << name_of(type) << " " << text_of(j.shape);
      }
  });
}

TEST(Concat, OfViewsLiteralsAndPendingValues) {
  const Ref a = random({3, 4}, 132), b = random({4, 2}, 133);
  on_every_device([&] {
    const Array x = array(a, dtype::f64),
                parts[] = {core::transpose(x), core::full({4, 1}, dtype::f64, 7), core::neg(array(b, dtype::f64))};
    EXPECT_TRUE(equal(core::concat(parts, 3, 1), concat({permute(a, {1, 0}), full({4, 1}, 7), map(b, std::negate<>())}, 1)));
    EXPECT_TRUE(equal(core::concat(parts, 1, 0), permute(a, {1, 0}))) << "one part is itself";
  });
}

TEST(Concat, RefusesWhatDoesNotFit) {
  const Array a = array(full({2, 3}, 1), dtype::f32), b = array(full({3, 3}, 1), dtype::f32), c = array(full({2, 3}, 1), dtype::f64);
  const Array differ[] = {a, b}, typed[] = {a, c};
  EXPECT_TRUE(throws<ShapeError>([&] { core::concat(differ, 2, 1); }, "[concat] sizes differ elsewhere than in axis 1: (2, 3) and (3, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::concat(differ, 2, 2); }, "[concat] axis 2 is outside (2, 3)"));
  EXPECT_TRUE(throws<Error>([&] { core::concat(typed, 2, 0); }, "[concat] element types differ: float and double"));
  EXPECT_TRUE(
      throws<ShapeError>([&] { core::stack(differ, 2, 0); }, "[stack] sizes differ elsewhere than in axis 0: (1, 2, 3) and (1, 3, 3)"));
}

TEST(Stack, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : {Index{}, Index{3}, Index{2, 3}, Index{0, 2}})
        for (std::size_t axis = 0; axis <= shape.size(); ++axis) {
          const std::vector<Ref> parts = {values(shape, type, 134), values(shape, type, 135), values(shape, type, 136)};
          const Array arrays[] = {array(parts[0], type), array(parts[1], type), array(parts[2], type)};
          EXPECT_TRUE(equal(core::stack(arrays, 3, static_cast<unsigned>(axis)), stack(parts, axis))) << text_of(shape) << " " << axis;
        }
  });
}

TEST(Flip, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : {Index{}, Index{1}, Index{7}, Index{3, 4}, Index{2, 0, 3}, Index{2, 3, 2, 2}, Index{300, 5}})
        for (unsigned axes = 0; axes < 1u << shape.size(); ++axes) {
          const Ref x = values(shape, type);
          const Ref want = generate(shape, [&](Index p) {
            for (std::size_t i = 0; i < p.size(); ++i)
              if (axes >> i & 1) p[i] = shape[i] - 1 - p[i];
            return x.at(p);
          });
          EXPECT_TRUE(equal(core::flip(array(x, type), axes), want)) << name_of(type) << " " << text_of(shape) << " " << axes;
        }
    EXPECT_TRUE(equal(core::flip(core::full({3}, dtype::f32, 2), 1), full({3}, 2))) << "a literal";
  });
}

struct Border {
  Index shape;
  std::vector<std::int64_t> before, after;
};
const Border borders[] = {{{4}, {1}, {2}},          {{2, 3}, {0, 1}, {0, 0}}, {{2, 3}, {1, 2}, {3, 4}},
                          {{2, 3}, {0, 0}, {0, 0}}, {{0, 2}, {1, 1}, {0, 1}}, {{}, {}, {}}};

TEST(Pad, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (double around : {0.0, 1.0, 0.375}) {
        if (around == 0.375 && !is_float(type)) continue;
        for (const Border& b : borders) {
          const Ref x = values(b.shape, type);
          Index shape = b.shape;
          for (std::size_t i = 0; i < shape.size(); ++i) shape[i] += b.before[i] + b.after[i];
          const Ref want = generate(shape, [&](Index p) {
            bool within = true;
            for (std::size_t i = 0; i < p.size(); ++i) {
              p[i] -= b.before[i];
              within = within && p[i] >= 0 && p[i] < b.shape[i];
            }
            return within ? x.at(p) : around;
          });
          EXPECT_TRUE(equal(core::pad(array(x, type), b.before.data(), b.after.data(), core::literal(around, type)), want))
              << name_of(type) << " " << text_of(b.shape);
        }
      }
  });
}

struct Tiling {
  Index shape, times;
};
const Tiling tilings[] = {{{3}, {2}},       {{}, {4}},        {{2, 3}, {3}},    {{2, 3}, {2, 1}},
                          {{2, 3}, {2, 2}}, {{3}, {2, 1, 2}}, {{2, 2}, {0, 1}}, {{1, 2, 1}, {2, 3, 4}}};

TEST(Tile, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Tiling& t : tilings) {
        const Ref x = values(t.shape, type);
        Index shape = t.shape;
        while (shape.size() < t.times.size()) shape.insert(shape.begin(), 1);
        for (std::size_t i = 0; i < t.times.size(); ++i) shape[shape.size() - t.times.size() + i] *= t.times[i];
        const Ref want = generate(shape, [&](const Index& p) {
          Index q(p.end() - static_cast<std::ptrdiff_t>(t.shape.size()), p.end());
          for (std::size_t i = 0; i < q.size(); ++i) q[i] %= t.shape[i];
          return x.at(q);
        });
        EXPECT_TRUE(equal(core::tile(array(x, type), sizes(t.times)), want)) << name_of(type) << " " << text_of(t.shape);
      }
  });
}

TEST(At, EqualsTheOracleFromBothEnds) {
  const Ref x = random({3, 4}, 137);
  on_every_device([&] {
    const Array a = array(x, dtype::f64);
    EXPECT_TRUE(equal(core::at(a, 0, 2), Ref{{4}, slice(x, 0, 2, 3).values}));
    EXPECT_TRUE(equal(core::at(a, 1, -3), Ref{{3}, slice(x, 1, 1, 2).values}));
    EXPECT_TRUE(throws<ShapeError>([&] { core::at(a, 1, 4); }, "[at] index 4 is outside axis 1 of (3, 4)"));
    EXPECT_TRUE(throws<ShapeError>([&] { core::at(a, 0, -4); }, "[at] index -4 is outside axis 0 of (3, 4)"));
  });
}

TEST(Arrange, Gradients) {
  const auto squares = [](const std::vector<Traced>& in) {
    std::vector<Traced> out;
    for (const Traced& t : in) out.push_back(core::mul(t, t));
    return out;
  };
  const std::int64_t before[] = {1, 0, 2}, after[] = {0, 0, 3};
  const Ref x = random({2, 3, 2}, 138), y = random({2, 1, 2}, 139), z = random({2, 4, 2}, 140);
  const std::pair<const char*, Function> moves[] = {
      {"concat", [&](const auto& in) { return core::concat(squares(in).data(), static_cast<unsigned>(in.size()), 1); }},
      {"stack",
       [&](const auto& in) {
         const std::vector<Traced> s = squares({in[0], in[0]});
         const Traced three[] = {s[0], in[0], s[1]};
         return core::stack(three, 3, 2);
       }},
      {"flip", [&](const auto& in) { return core::flip(squares(in)[0], 5); }},
      {"pad", [&](const auto& in) { return core::pad(squares(in)[0], before, after, core::literal(3, dtype::f64)); }},
      {"tile",
       [&](const auto& in) {
         return core::tile(squares(in)[0], {2, 1, 3, 2});
       }},
      {"at", [&](const auto& in) { return core::at(squares(in)[0], 1, -1); }},
  };
  for (const auto& [name, f] : moves) {
    SCOPED_TRACE(name);
    check_gradients(f, name == std::string("concat") ? std::vector<Ref>{x, y, z} : std::vector<Ref>{x});
  }
  check_gradients(
      [&](const auto& in) {
        const Traced parts[] = {core::mul(in[0], in[0]), array(z, dtype::f64), in[0]};
        return core::concat(parts, 3, 1);
      },
      {x});
}

inline constexpr Dim<"batch"> batch;
template <class A, class... E>
constexpr bool has(const A&, E... e) {
  return A::extents == Shape{e...};
}

TEST(Arrange, TypedFacades) {
  const auto x = from<2, 3>(std::vector<float>{1, 2, 3, 4, 5, 6});
  const auto w = variable(from<2, 1>(std::vector<float>{7, 8}));
  const auto c = concat<-1>(x, w, x);
  static_assert(Differentiable<decltype(c)> && Constant<decltype(concat<0>(x, x))>);
  EXPECT_TRUE(equal(c, concat({ref(x), ref(w), ref(x)}, 1)));
  EXPECT_TRUE(equal(grad(c * c, w), Ref{{2, 1}, {14, 16}}));
  const auto s = stack<-1>(x, x);
  EXPECT_TRUE(has(s, 2, 3, 2));
  const auto [first, second, third] = split<1, 3>(x);
  EXPECT_TRUE(equal(second, Ref{{2, 1}, {2, 5}}));
  EXPECT_TRUE(equal(flip<1>(x), Ref{{2, 3}, {3, 2, 1, 6, 5, 4}}));
  EXPECT_TRUE(equal(flip<-1>(x), ref(flip<1>(x))) && equal(flip<-2>(x), ref(flip<0>(x))));
  EXPECT_TRUE(equal(flip(x), Ref{{2, 3}, {6, 5, 4, 3, 2, 1}}));
  EXPECT_TRUE((equal(pad<1, 0>(x, 9), Ref{{2, 4}, {9, 1, 2, 3, 9, 4, 5, 6}})));
  EXPECT_TRUE((equal(tile<2, 1, 1>(x), stack({ref(x), ref(x)}, 0))));
  EXPECT_TRUE(equal(at<0>(x, -1), Ref{{3}, {4, 5, 6}}));
}

TEST(Arrange, NamedExtents) {
  const auto x = zeros<batch, 3>(batch = 4), y = zeros<batch, 3>(batch = 5);
  EXPECT_TRUE(has(concat<1>(x, x), batch, 6) && has(concat<0>(x, x), dyn, 3) && has(stack<0>(x, x), 2, batch, 3));
  EXPECT_EQ(concat<0>(x, y).shape()[0], 9);
  EXPECT_TRUE(throws<ShapeError>([&] { concat<1>(x, y); }, "[concat] sizes differ elsewhere than in axis 1: (4, 3) and (5, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { stack<0>(x, y); }, "[stack] sizes differ"));
  const auto halves = split<0, 2>(x);
  EXPECT_TRUE(has(halves[0], dyn, 3));
  EXPECT_EQ(halves[1].shape()[0], 2);
  EXPECT_TRUE(throws<ShapeError>([&] { (split<0, 2>(y)); }, "[split] axis 0 of (5, 3) does not divide into 2 parts"));
  EXPECT_TRUE(has(pad<1, 1>(x), batch, 5) && has(pad<0, 1, 0, 0>(x), dyn, 3));
  EXPECT_TRUE(has(tile<2>(x), batch, 6) && has(tile<2, 1>(x), dyn, 3));
  EXPECT_TRUE(has(at<1>(x, 0), batch) && has(flip<0>(x), batch, 3));
}

}  // namespace
}  // namespace mushin::test
