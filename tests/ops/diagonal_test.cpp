#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;

constexpr dtype types[] = {dtype::f32, dtype::f64, dtype::i64, dtype::b8};
const Index shapes[] = {{1, 1}, {3, 3}, {3, 5}, {5, 3}, {2, 4, 3}, {0, 3}, {3, 0}, {2, 1, 2, 1, 2, 1, 3, 4}, {40, 70}};

Ref values(const Index& shape, dtype type) { return random_integers(shape, 160, type == dtype::b8 ? 2 : 1000); }

Ref diagonal(const Ref& a, std::int64_t offset) {
  Index shape(a.shape.begin(), a.shape.end() - 2);
  const std::int64_t rows = a.shape.end()[-2], columns = a.shape.back(), top = std::max<std::int64_t>(-offset, 0),
                     left = std::max<std::int64_t>(offset, 0);
  shape.push_back(std::max<std::int64_t>(0, std::min(rows - top, columns - left)));
  return generate(shape, [&](Index p) {
    const std::int64_t i = p.back();
    p.back() = top + i;
    p.push_back(left + i);
    return a.at(p);
  });
}

TEST(Diagonal, EqualsTheOracleAndIsPlacedBack) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : shapes)
        for (std::int64_t offset : {0, 1, -1, 2, -2, 9, -9}) {
          const Ref x = values(shape, type), line = diagonal(x, offset);
          const Array taken = core::diagonal(array(x, type), offset);
          EXPECT_TRUE(equal(taken, line)) << name_of(type) << " " << text_of(shape) << " " << offset;
          const Ref back = generate(shape, [&](const Index& p) { return p.back() - p.end()[-2] == offset ? x.at(p) : 0.0; });
          EXPECT_TRUE(equal(core::place_diagonal(taken, shape.end()[-2], shape.back(), offset), back))
              << name_of(type) << " " << text_of(shape) << " " << offset;
        }
    const Array view = core::transpose(array(values({4, 6}, dtype::f32), dtype::f32));
    EXPECT_TRUE(equal(core::diagonal(view, 1), diagonal(permute(values({4, 6}, dtype::f32), {1, 0}), 1)));
    EXPECT_TRUE(equal(core::diagonal(core::full({2, 3}, dtype::f32, 7), 0), full({2}, 7))) << "a literal";
  });
}

TEST(Triangles, EqualTheOracle) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : shapes)
        for (std::int64_t offset : {0, 1, -1, 3, -9, 9}) {
          const Ref x = values(shape, type);
          const auto height = [](const Index& p) { return p.back() - p.end()[-2]; };
          EXPECT_TRUE(
              equal(core::tril(array(x, type), offset), generate(shape, [&](const Index& p) { return height(p) <= offset ? x.at(p) : 0; })))
              << name_of(type) << " " << text_of(shape) << " " << offset;
          EXPECT_TRUE(
              equal(core::triu(array(x, type), offset), generate(shape, [&](const Index& p) { return height(p) >= offset ? x.at(p) : 0; })))
              << name_of(type) << " " << text_of(shape) << " " << offset;
        }
    const Array nan = array(full({2, 2}, std::numeric_limits<double>::quiet_NaN()), dtype::f32);
    EXPECT_TRUE(equal(core::at(core::tril(nan, 0), 0, 0), Ref{{2}, {std::numeric_limits<double>::quiet_NaN(), 0}}))
        << "what stood there is gone";
  });
}

TEST(Trace, EqualsTheOracle) {
  on_every_device([&] {
    for (dtype type : {dtype::f32, dtype::f64, dtype::i64, dtype::i32})
      for (const Index& shape : shapes) {
        const Ref x = values(shape, type);
        EXPECT_TRUE(equal(core::trace(array(x, type)), sum(diagonal(x, 0), {static_cast<int>(shape.size()) - 2})))
            << name_of(type) << " " << text_of(shape);
      }
  });
}

TEST(Diagonal, RefusesWhatIsNoMatrix) {
  const Array x = array(full({3}, 1), dtype::f32);
  EXPECT_TRUE(throws<ShapeError>([&] { core::diagonal(x, 0); }, "[diagonal] needs two axes: (3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::trace(x); }, "[trace] needs two axes: (3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::tril(x, 0); }, "[tril] needs two axes: (3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::triu(x, 0); }, "[triu] needs two axes: (3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::place_diagonal(x, 3, 2, 0); }, "[place_diagonal] (3) is no diagonal of (3, 2)"));
}

TEST(Diagonal, Gradients) {
  const Ref x = random({2, 3, 4}, 161);
  const std::pair<const char*, Function> moves[] = {
      {"diagonal", [](const auto& in) { return core::diagonal(core::mul(in[0], in[0]), 1); }},
      {"place_diagonal", [](const auto& in) { return core::place_diagonal(core::mul(in[0], in[0]), 6, 4, -2); }},
      {"trace", [](const auto& in) { return core::trace(core::mul(in[0], in[0])); }},
      {"tril", [](const auto& in) { return core::tril(core::mul(in[0], in[0]), -1); }},
      {"triu", [](const auto& in) { return core::triu(core::mul(in[0], in[0]), 0); }},
  };
  for (const auto& [name, f] : moves) {
    SCOPED_TRACE(name);
    check_gradients(f, {x});
  }
}

inline constexpr Dim<"batch"> batch;

TEST(Diagonal, TypedFacades) {
  const auto x = from<2, 3>(std::vector<double>{1, 2, 3, 4, 5, 6});
  const auto w = variable(x);
  EXPECT_TRUE(equal(diagonal(x), Ref{{2}, {1, 5}}) && equal(diagonal<1>(w), Ref{{2}, {2, 6}}) && equal(diagonal<-1>(x), Ref{{1}, {4}}));
  EXPECT_TRUE(equal(tril(w), Ref{{2, 3}, {1, 0, 0, 4, 5, 0}}) && equal(triu(x, 1), Ref{{2, 3}, {0, 2, 3, 0, 0, 6}}));
  EXPECT_TRUE(equal(trace(w), Ref{{}, {6}}) && equal(grad(trace(w * w), w), Ref{{2, 3}, {2, 0, 0, 0, 10, 0}}));
  const auto named = zeros<batch, 3, 3>(batch = 2);
  EXPECT_EQ(trace(ones<std::int32_t, 3, 3>()).item(), 3) << "integers are summed in 64 bits";
  static_assert(std::same_as<decltype(diagonal(named)), Tensor<float, batch, 3>> &&
                std::same_as<decltype(trace(named)), Tensor<float, batch>>);
  EXPECT_EQ(diagonal(named).shape()[0], 2);
}

}  // namespace
}  // namespace mushin::test
