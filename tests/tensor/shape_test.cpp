#include <algorithm>

#include "mushin/tensor/core/makers.hpp"
#include "ops/windows.hpp"
#include "support.hpp"

namespace mushin::core::test {
namespace {

Values counted(std::int64_t n) {
  Values v;
  for (std::int64_t i = 0; i < n; ++i) v.push_back(static_cast<double>(i));
  return v;
}

TEST(Shape, PermuteMovesEveryElement) {
  const Sizes s{2, 3, 4};
  const Array a = array(s, counted(24));
  const unsigned order[] = {2, 0, 1};
  const Array p = permute(a, order);
  ASSERT_TRUE(p.sizes() == (Sizes{4, 2, 3}));
  const Values v = values(p);
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 2; ++j)
      for (int k = 0; k < 3; ++k) EXPECT_EQ(v[static_cast<std::size_t>((i * 2 + j) * 3 + k)], (j * 3 + k) * 4 + i);
  EXPECT_EQ(values(transpose(transpose(a))), values(a));
}

TEST(Shape, ReshapeIsRowMajorWhateverTheStrides) {
  const Array a = array({4, 6}, counted(24));
  EXPECT_EQ(values(reshape(a, {2, 3, 4})), counted(24));
  EXPECT_EQ(values(reshape(scattered(a), {24})), counted(24));
  EXPECT_EQ(values(reshape(scattered(a), {8, -1})), counted(24));
  EXPECT_TRUE(reshape(a, {8, -1}).sizes() == (Sizes{8, 3}));
  const Values turned = values(reshape(transpose(a), {3, 8}));
  for (std::size_t i = 0; i < 24; ++i) EXPECT_EQ(turned[i], double(i % 4 * 6 + i / 4));
  EXPECT_EQ(values(reshape(slice(a, 0, 1, 3), {12})), (Values{6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17}));
  EXPECT_EQ(values(reshape(slice(a, 1, 1, 3), {2, 2, 2})), (Values{1, 2, 7, 8, 13, 14, 19, 20}));
  EXPECT_EQ(values(reshape(array({1}, {5}), {})), Values{5});
  EXPECT_TRUE(reshape(array({0, 3}, {}), {3, 0}).sizes() == (Sizes{3, 0}));
}

TEST(Shape, RandomReshapesOfRandomViews) {
  std::mt19937 gen(7);
  for (int round = 0; round < 300; ++round) {
    Array a = array({4, 2, 6, 3}, counted(144));
    if (gen() % 2) {
      unsigned order[] = {0, 1, 2, 3};
      std::shuffle(order, order + 4, gen);
      a = permute(a, order);
    }
    if (gen() % 2) a = slice(a, gen() % 4, 0, 2);
    if (gen() % 3 == 0) a = broadcast_to(slice(a, 1, 0, 1), {a.sizes()[0], 3, a.sizes()[2], a.sizes()[3]});
    const Values want = values(a);
    const std::int64_t n = a.sizes().count();
    for (const Sizes& to : {Sizes{n}, Sizes{1, n}, Sizes{n / 2, 2}, Sizes{2, n / 2}, Sizes{a.sizes()[0], -1}, Sizes{-1, a.sizes()[3]},
                            Sizes{a.sizes()[0], 1, -1, a.sizes()[3]}})
      if (to.count() < 0 || to.count() == n) {
        ASSERT_EQ(values(reshape(a, to)), want) << round;
      }
  }
}

TEST(Shape, SliceAndPlace) {
  const Array a = array({3, 4}, counted(12));
  EXPECT_EQ(values(slice(a, 1, 1, 3)), (Values{1, 2, 5, 6, 9, 10}));
  EXPECT_EQ(values(slice(a, 0, 3, 3)), Values{});
  EXPECT_EQ(values(slice(transpose(a), 0, 2, 4)), (Values{2, 6, 10, 3, 7, 11}));
  EXPECT_EQ(values(place(array({2}, {7, 8}), 0, 1, 4)), (Values{0, 7, 8, 0}));
  EXPECT_EQ(values(place(slice(a, 1, 1, 2), 1, 2, 3)), (Values{0, 0, 1, 0, 0, 5, 0, 0, 9}));
  EXPECT_EQ(values(add(slice(a, 1, 0, 2), slice(a, 1, 2, 4))), (Values{2, 4, 10, 12, 18, 20}));
}

TEST(Shape, BroadcastRepeats) {
  const Array a = array({2, 1}, {1, 2});
  EXPECT_EQ(values(broadcast_to(a, {2, 3})), (Values{1, 1, 1, 2, 2, 2}));
  EXPECT_EQ(values(broadcast_to(a, {2, 2, 1})), (Values{1, 2, 1, 2}));
  EXPECT_EQ(values(add(broadcast_to(a, {2, 3}), array({3}, {10, 20, 30}))), (Values{11, 21, 31, 12, 22, 32}));
  EXPECT_EQ(values(broadcast_to(array({}, {4}), {2, 2})), (Values{4, 4, 4, 4}));
  EXPECT_EQ(values(broadcast_to(add(a, a), {2, 2})), (Values{2, 2, 4, 4}));
}

TEST(Shape, ViewsShareMemory) {
  const Array a = array({2, 3}, counted(6));
  Array view;
  {
    const Array pending = add(a, a);
    view = slice(transpose(pending), 0, 1, 3);
  }
  EXPECT_EQ(values(view), (Values{2, 8, 4, 10}));
}

TEST(Shape, ViewsOfLiteralsStayLiterals) {
  const Array ones = full({2, 3}, dtype::f32, 0.3);
  for (const Array& a : {reshape(ones, {6}), transpose(ones), slice(ones, 1, 0, 2), broadcast_to(ones, {4, 2, 3})})
    for (double v : values(a)) EXPECT_EQ(v, static_cast<double>(0.3f));
}

TEST(Shape, RankEight) {
  const Sizes s{2, 1, 2, 1, 2, 1, 2, 3};
  const Array a = array(s, counted(48));
  EXPECT_EQ(values(scattered(a)), counted(48));
  EXPECT_EQ(values(add(scattered(a), a)), values(add(a, a)));
  EXPECT_EQ(values(reshape(scattered(a), {48})), counted(48));
}

TEST(Shape, Makers) {
  EXPECT_EQ(values(eye({2, 3}, dtype::f32, 4)), (Values{4, 0, 0, 0, 4, 0}));
  EXPECT_EQ(values(eye({3, 2}, dtype::i64, 1)), (Values{1, 0, 0, 1, 0, 0}));
  EXPECT_EQ(values(eye({2, 2, 2}, dtype::f64, 0.3)), (Values{0.3, 0, 0, 0.3, 0.3, 0, 0, 0.3}));
  EXPECT_EQ(values(ramp(4, dtype::i64, 3, -2)), (Values{3, 1, -1, -3}));
  EXPECT_EQ(values(full({3}, dtype::b8, 1)), (Values{1, 1, 1}));
  EXPECT_EQ(values(full({2}, dtype::i64, 7)), (Values{7, 7}));
  const Array stored = full({1000}, dtype::f32, 0.7);
  evaluate(stored);
  EXPECT_EQ(values(stored), Values(1000, static_cast<double>(0.7f)));
}

TEST(Shape, ReadsOneElement) {
  const Array a = transpose(array({2, 3}, counted(6)));
  const std::int64_t at[] = {2, 1};
  float x;
  read_one("at", a, at, &x);
  EXPECT_EQ(x, 5);
  const std::int64_t outside[] = {3, 0};
  EXPECT_EQ(error_of<ShapeError>([&] { read_one("at", a, outside, &x); }), "[at] index 3 is outside axis 0 of (3, 2)");
}

TEST(Shape, ErrorsSayTheSizes) {
  const Array a = array({2, 3}, counted(6));
  EXPECT_EQ(error_of<ShapeError>([&] { add(a, array({4, 3}, counted(12))); }), "[add] shapes do not broadcast: (2, 3) and (4, 3)");
  EXPECT_EQ(error_of<ShapeError>([&] { reshape(a, {4}); }), "[reshape] counts differ: (2, 3) to (4)");
  EXPECT_EQ(error_of<ShapeError>([&] { reshape(a, {-1, 4}); }), "[reshape] sizes don't divide: (2, 3) to (-1, 4)");
  EXPECT_EQ(error_of<ShapeError>([&] { reshape(a, {-1, -1}); }), "[reshape] at most one size may be -1: (-1, -1)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              const unsigned twice[] = {1, 1};
              permute(a, twice);
            }),
            "[permute] not an order of 2 axes: axis 1");
  EXPECT_EQ(error_of<ShapeError>([&] { slice(a, 1, 1, 4); }), "[slice] [1, 4) is outside axis 1 of (2, 3)");
  EXPECT_EQ(error_of<ShapeError>([&] { slice(a, 2, 0, 1); }), "[slice] axis 2 is outside (2, 3)");
  EXPECT_EQ(error_of<ShapeError>([&] { place(a, 2, 0, 5); }), "[place] axis 2 is outside (2, 3)");
  EXPECT_EQ(error_of<ShapeError>([&] { place(a, 1, 2, 4); }), "[place] [2, 5) is outside an axis of 4");
  EXPECT_EQ(error_of<ShapeError>([&] { place(a, 1, -1, 4); }), "[place] [-1, 2) is outside an axis of 4");
  EXPECT_EQ(error_of<ShapeError>([&] { transpose(array({3}, counted(3))); }), "[transpose] needs two axes: (3)");
  EXPECT_EQ(error_of<ShapeError>([&] { eye({3}, dtype::f32, 1); }), "[eye] needs two axes: (3)");
  const Windows wide{1, {2}, {2}, {2}, {1}}, deep{3, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}};
  EXPECT_EQ(error_of<ShapeError>([&] { windows(a, wide); }), "[windows] no such windows over the last 1 axes of (2, 3)");
  EXPECT_EQ(error_of<ShapeError>([&] { windows(a, deep); }), "[windows] no such windows over the last 3 axes of (2, 3)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              windows(reshape(a, {1, 1, 1, 1, 2, 3}), deep);
            }),
            "[windows] no such windows over the last 3 axes of (1, 1, 1, 1, 2, 3)");
  EXPECT_EQ(error_of<ShapeError>([&] { broadcast_to(a, {3}); }), "[broadcast_to] (2, 3) does not broadcast to (3)");
  EXPECT_EQ(error_of<ShapeError>([&] { full({-1}, dtype::f32, 0); }), "[full] a size is negative: (-1)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              full({1LL << 40, 1LL << 40}, dtype::f32, 0);
            }),
            "[full] too many elements: (1099511627776, 1099511627776)");
  EXPECT_EQ(error_of<Error>([&] { add(a, cast(a, dtype::i64)); }), "[add] element types differ: float and int64");
  EXPECT_EQ(error_of<Error>([&] { where(a, a, a); }), "[where] the condition must be bool: float");
  EXPECT_EQ(error_of<ShapeError>([&] { check_sizes("fit", {2, 3}, {-1, 4}); }), "[fit] sizes differ from the type's: (2, 3) is not (_, 4)");
}

}  // namespace
}  // namespace mushin::core::test
