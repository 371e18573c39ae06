#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;
using core::Sizes;

constexpr auto& types = all_dtypes;

Ref values(const Index& shape, dtype type) {
  if (type == dtype::b8) return random_integers(shape, 100, 2);
  return random_integers(shape, 100, 120);  // every type has them
}
Sizes sizes(const Index& shape) {
  Sizes out;
  for (auto n : shape) out.push(n);
  return out;
}

struct Order {
  Index shape;
  std::vector<int> order;
};
const Order orders[] = {{{}, {}},
                        {{4}, {0}},
                        {{3, 5}, {1, 0}},
                        {{2, 3, 4}, {2, 0, 1}},
                        {{2, 3, 4}, {0, 2, 1}},
                        {{0, 3}, {1, 0}},
                        {{50, 70}, {1, 0}},
                        {{2, 1, 3, 1, 2, 1, 2, 2}, {7, 2, 0, 5, 4, 1, 6, 3}}};

Array permuted(const Array& a, const std::vector<int>& order) {
  std::vector<unsigned> axes(order.begin(), order.end());
  axes.push_back(0);
  return core::permute(a, axes.data());
}

TEST(Permute, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Order& o : orders) {
        const Ref x = values(o.shape, type);
        EXPECT_TRUE(equal(permuted(array(x, type), o.order), permute(x, o.order))) << name_of(type) << " " << text_of(o.shape);
        if (o.shape.size() >= 2) {
          std::vector<int> last(o.shape.size());
          for (std::size_t i = 0; i < last.size(); ++i) last[i] = static_cast<int>(i);
          std::swap(last[last.size() - 1], last[last.size() - 2]);
          EXPECT_TRUE(equal(core::transpose(array(x, type)), permute(x, last))) << name_of(type) << " " << text_of(o.shape);
        }
      }
  });
}

struct Reshape {
  Index from, to;
};
const Reshape reshapes[] = {{{}, {1, 1}}, {{6}, {2, 3}},    {{2, 3}, {6}},       {{2, 3, 4}, {4, 6}},
                            {{1}, {}},    {{0, 5}, {3, 0}}, {{4, 1, 3}, {4, 3}}, {{64}, {2, 2, 2, 2, 2, 2, 1, 1}}};

TEST(Reshape, KeepsTheRowMajorOrder) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Reshape& r : reshapes) {
        const Ref x = values(r.from, type);
        EXPECT_TRUE(equal(core::reshape(array(x, type), sizes(r.to)), Ref{r.to, x.values})) << name_of(type) << " " << text_of(r.from);
      }
    const Ref x = values({6, 4}, dtype::f32);
    EXPECT_TRUE(equal(core::reshape(core::transpose(array(x, dtype::f32)), {8, 3}), Ref{{8, 3}, permute(x, {1, 0}).values})) << "of a view";
    EXPECT_TRUE(equal(core::reshape(array(x, dtype::f32), {-1, 3}), Ref{{8, 3}, x.values})) << "what is left";
    EXPECT_TRUE(throws<ShapeError>([&] { core::reshape(array(x, dtype::f32), {5, 5}); }, "[reshape]"));
  });
}

TEST(BroadcastTo, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Reshape& r : {Reshape{{}, {2, 3}}, Reshape{{1}, {4}}, Reshape{{3, 1}, {3, 4}}, Reshape{{4}, {2, 3, 4}},
                               Reshape{{2, 1, 1}, {5, 2, 3, 4}}, Reshape{{1}, {0}}}) {
        const Ref x = values(r.from, type);
        EXPECT_TRUE(equal(core::broadcast_to(array(x, type), sizes(r.to)), broadcast_to(x, r.to))) << name_of(type) << " " << text_of(r.to);
      }
  });
}

struct Part {
  Index shape;
  unsigned axis;
  std::int64_t begin, end;
};
const Part parts[] = {{{7}, 0, 2, 5},    {{7}, 0, 0, 7},       {{7}, 0, 3, 3},        {{3, 8}, 1, 7, 8},
                      {{8, 3}, 0, 1, 7}, {{2, 5, 3}, 1, 1, 4}, {{300, 70}, 1, 10, 60}};

Ref placed(const Ref& x, unsigned axis, std::int64_t begin, std::int64_t size) {
  Index shape = x.shape;
  shape[axis] = size;
  return generate(shape, [&](Index p) {
    p[axis] -= begin;
    return p[axis] >= 0 && p[axis] < x.shape[axis] ? x.at(p) : 0.0;
  });
}

TEST(Slice, EqualsTheOracleAndPlaceIsItsAdjoint) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Part& p : parts) {
        const Ref x = values(p.shape, type), part = slice(x, p.axis, p.begin, p.end);
        const Array cut = core::slice(array(x, type), p.axis, p.begin, p.end);
        EXPECT_TRUE(equal(cut, part)) << name_of(type) << " " << text_of(p.shape);
        EXPECT_TRUE(equal(core::place(cut, p.axis, p.begin, p.shape[p.axis]), placed(part, p.axis, p.begin, p.shape[p.axis])))
            << name_of(type) << " " << text_of(p.shape);
      }
    const Ref x = values({7}, dtype::f32);
    EXPECT_TRUE(throws<ShapeError>([&] { core::slice(array(x, dtype::f32), 0, 2, 8); }, "[slice]"));
    EXPECT_TRUE(throws<ShapeError>([&] { core::slice(array(x, dtype::f32), 0, 3, 2); }, "[slice]"));
  });
}

TEST(SumTo, IsTheAdjointOfBroadcasting) {
  on_every_device([&] {
    for (const Reshape& r :
         {Reshape{{2, 3}, {3}}, Reshape{{2, 3}, {2, 1}}, Reshape{{2, 3}, {}}, Reshape{{4, 2, 3}, {2, 1}}, Reshape{{2, 3}, {2, 3}}}) {
      const Ref x = random(r.from, 101);
      Ref want = full(r.to, 0);
      for_each_index(r.from, [&](const Index& p) {
        Index q(r.to.size());
        for (std::size_t i = 0; i < q.size(); ++i) q[i] = r.to[i] == 1 ? 0 : p[p.size() - q.size() + i];
        want.at(q) += x.at(p);
      });
      EXPECT_TRUE(close(core::sum_to(array(x, dtype::f64), sizes(r.to)), want, 1e-14, 1e-14)) << text_of(r.from) << " " << text_of(r.to);
    }
  });
}

TEST(Views, StayViewsThroughChains) {
  const Ref x = random({6, 10}, 102);
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64}) {
      const Array a = array(x, type);
      const Array view = core::slice(core::transpose(core::slice(a, 1, 2, 8)), 0, 1, 5);
      const Ref want = slice(permute(slice(x, 1, 2, 8), {1, 0}), 0, 1, 5);
      EXPECT_TRUE(equal(view, want));
      EXPECT_TRUE(equal(core::add(view, view), map(want, [](double v) { return v + v; })));
      EXPECT_TRUE(equal(core::sub(core::broadcast_to(core::slice(view, 0, 0, 1), {4, 6}), view),
                        map(slice(want, 0, 0, 1), want, [type](double u, double v) {
                          return type == dtype::f32 ? static_cast<double>(static_cast<float>(u) - static_cast<float>(v)) : u - v;
                        })));
    }
  });
}

// Of 2 MiB, which is more than a thread keeps for itself, so that a copy shows.
TEST(Views, AllocateNothing) {
  on_every_device([&] {
    const auto a = reshape<512, 16, 64>(arange<512 * 16 * 64>());
    core::evaluate(a.raw());
    const auto in_use = [] { return memory_stats(default_device()).in_use; };
    const std::size_t before = in_use();
    const auto moved = permute<2, 0, 1>(a);
    const auto turned = transpose(a);
    const auto part = slice<1, 3, 11>(moved);
    const auto later = slice<0>(a, 7, 500);
    const auto row = at<-1>(turned, -1);
    const auto line = diagonal<2>(a);
    const auto [left, right] = split<-1, 2>(a);
    const auto flat = flatten(a);
    const auto cut = reshape<64, 2, 256, 16>(moved);
    const auto wide = broadcast_to<3, 512, 16, 64>(a);
    const auto same = squeeze<0>(unsqueeze<0>(a));
    const auto refined = flat.refine<dyn, 1024>();
    for (const Array& view : {moved.raw(), turned.raw(), part.raw(), later.raw(), row.raw(), line.raw(), left.raw(), right.raw(),
                              flat.raw(), cut.raw(), wide.raw(), same.raw(), refined.raw()}) {
      core::evaluate(view);
      EXPECT_EQ(in_use(), before) << text_of(sizes_of(view.sizes()));
    }
    const auto w = variable(a);
    const std::size_t with_variable = in_use();
    const auto of_variable = slice<0, 1, 2>(transpose(broadcast_to<2, 512, 16, 64>(permute<0, 1, 2>(w))));
    core::evaluate(of_variable.value().raw());
    EXPECT_EQ(in_use(), with_variable);
    EXPECT_EQ(part(63, 7, 15), 10 * 16 * 64 + 15 * 64 + 63);
    EXPECT_EQ(right(511, 15, 31), 512 * 16 * 64 - 1);
    const auto copied = flip<0>(a);
    EXPECT_GE(in_use(), with_variable + (std::size_t{2} << 20)) << "a copy shows";
    EXPECT_EQ(copied(511, 0, 1), 1);
  });
}

TEST(Shape, Gradients) {
  const Ref x = random({2, 3, 2}, 103);
  const unsigned order[] = {2, 0, 1};
  const std::pair<const char*, Function> moves[] = {
      {"permute", [&](const auto& in) { return core::permute(core::mul(in[0], in[0]), order); }},
      {"transpose", [](const auto& in) { return core::transpose(core::mul(in[0], in[0])); }},
      {"reshape",
       [](const auto& in) {
         return core::reshape(core::mul(in[0], in[0]), {4, 3});
       }},
      {"broadcast_to",
       [](const auto& in) {
         return core::broadcast_to(core::mul(in[0], in[0]), {2, 2, 3, 2});
       }},
      {"slice", [](const auto& in) { return core::slice(core::mul(in[0], in[0]), 1, 1, 3); }},
      {"place", [](const auto& in) { return core::place(core::mul(in[0], in[0]), 1, 1, 5); }},
      {"sum_to",
       [](const auto& in) {
         return core::sum_to(core::mul(in[0], in[0]), {3, 1});
       }},
      {"slices_of_one", [](const auto& in) { return core::mul(core::slice(in[0], 1, 0, 2), core::slice(in[0], 1, 1, 3)); }},
  };
  for (const auto& [name, f] : moves) {
    SCOPED_TRACE(name);
    check_gradients(f, {x});
  }
}

}  // namespace
}  // namespace mushin::test
