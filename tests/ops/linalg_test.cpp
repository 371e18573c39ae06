// Products of factors are held to the matrix, inverses to elimination over doubles: a factor itself is unique up to signs only.
#include <cmath>
#include <limits>

#include "check.hpp"

namespace mushin::test {
namespace {

using core::Array;

constexpr double inf = HUGE_VAL, nan = std::numeric_limits<double>::quiet_NaN();
constexpr dtype types[] = {dtype::f32, dtype::f64};

Ref identity(std::int64_t n) {
  return generate({n, n}, [](const Index& p) { return p[0] == p[1] ? 1.0 : 0.0; });
}
Ref turned(const Ref& a) {
  std::vector<int> order;
  for (int i = 0; i < static_cast<int>(a.shape.size()); ++i) order.push_back(i);
  std::swap(order[order.size() - 1], order[order.size() - 2]);
  return permute(a, order);
}
/// Random, with `n` added on the diagonal: far from singular.
Ref sound(Index shape, std::uint64_t stream) {
  const std::int64_t n = shape.back();
  return map(random(shape, stream), identity(n), [n](double x, double one) { return x + static_cast<double>(n) * one; });
}
Ref symmetric(const Index& shape, std::uint64_t stream) {
  const Ref a = random(shape, stream);
  return map(a, turned(a), [](double x, double y) { return (x + y) / 2; });
}

/// Gauss elimination with row exchanges, of one matrix: x with a x = b, and the determinant.
struct Eliminated {
  Ref x;
  double det = 1;
};
Eliminated eliminate(Ref a, Ref b) {
  const std::int64_t n = a.shape[0], columns = b.shape[1];
  Eliminated out;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t top = k;
    for (std::int64_t i = k; i < n; ++i)
      if (std::abs(a.at({i, k})) > std::abs(a.at({top, k}))) top = i;
    if (top != k) {
      out.det = -out.det;
      for (std::int64_t j = 0; j < n; ++j) std::swap(a.at({k, j}), a.at({top, j}));
      for (std::int64_t j = 0; j < columns; ++j) std::swap(b.at({k, j}), b.at({top, j}));
    }
    out.det *= a.at({k, k});
    for (std::int64_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double f = a.at({i, k}) / a.at({k, k});
      for (std::int64_t j = 0; j < n; ++j) a.at({i, j}) -= f * a.at({k, j});
      for (std::int64_t j = 0; j < columns; ++j) b.at({i, j}) -= f * b.at({k, j});
    }
  }
  out.x = generate(b.shape, [&](const Index& p) { return b.at(p) / a.at({p[0], p[0]}); });
  return out;
}

/// Matrix `k` of a stack of rank 3.
Ref one_of(const Ref& a, std::int64_t k) {
  Ref m = slice(a, 0, k, k + 1);
  m.shape.erase(m.shape.begin());
  return m;
}

TEST(Linalg, SolveEqualsElimination) {
  on_every_device([&] {
    for (dtype type : types)
      for (std::int64_t n : {1, 2, 3, 10, 40})
        for (std::int64_t k : {1, 3}) {
          const Ref a = sound({n, n}, 170), b = random({n, k}, 171), want = eliminate(a, b).x;
          const double eps = tolerance(type, 20);
          EXPECT_TRUE(close(core::solve(array(a, type), array(b, type)), want, eps, eps)) << name_of(type) << " " << n;
          EXPECT_TRUE(close(core::solve(core::transpose(array(turned(a), type)), core::transpose(array(turned(b), type))), want, eps, eps));
        }
  });
}

TEST(Linalg, SolveOfVectorsAndBatches) {
  on_every_device([&] {
    const Ref a = sound({3, 4, 4}, 172), b = random({3, 4, 2}, 173), v = random({4}, 174), wide = random({2, 1, 4, 2}, 175);
    const Ref x = ref(core::solve(array(a, dtype::f64), array(b, dtype::f64)));
    const Ref y = ref(core::solve(array(a, dtype::f64), array(v, dtype::f64)));
    const Ref shared = ref(core::solve(array(one_of(a, 1), dtype::f64), array(b, dtype::f64)));
    EXPECT_EQ(y.shape, (Index{3, 4}));
    for (std::int64_t k = 0; k < 3; ++k) {
      EXPECT_TRUE(close(one_of(x, k), eliminate(one_of(a, k), one_of(b, k)).x, 1e-13, 1e-14));
      EXPECT_TRUE(close(one_of(shared, k), eliminate(one_of(a, 1), one_of(b, k)).x, 1e-13, 1e-14));
      const Ref column = eliminate(one_of(a, k), Ref{{4, 1}, v.values}).x;
      EXPECT_TRUE(close(one_of(y, k), Ref{{4}, column.values}, 1e-13, 1e-14));
    }
    EXPECT_TRUE(
        close(matmul(a, ref(core::solve(array(a, dtype::f64), array(wide, dtype::f64)))), broadcast_to(wide, {2, 3, 4, 2}), 1e-12, 1e-13));
  });
}

TEST(Linalg, InverseAndDeterminant) {
  on_every_device([&] {
    for (dtype type : types)
      for (std::int64_t n : {1, 2, 3, 12}) {
        const Ref a = sound({5, n, n}, 176), y = ref(core::inv(array(a, type))), d = ref(core::det(array(a, type)));
        const double eps = tolerance(type, 20);
        EXPECT_EQ(d.shape, (Index{5}));
        for (std::int64_t k = 0; k < 5; ++k) {
          const Eliminated want = eliminate(one_of(a, k), identity(n));
          EXPECT_TRUE(close(one_of(y, k), want.x, eps, eps)) << name_of(type) << " " << n;
          EXPECT_NEAR(d.values[static_cast<std::size_t>(k)] / want.det, 1, eps);
        }
      }
    EXPECT_TRUE(equal(core::det(array(Ref{{3, 3}, {0, 1, 0, 0, 0, 1, 1, 0, 0}}, dtype::f64)), Ref{{}, {1}}));
    EXPECT_TRUE(equal(core::det(array(Ref{{2, 2}, {0, 1, 1, 0}}, dtype::f64)), Ref{{}, {-1}}));
    EXPECT_TRUE(equal(core::det(array(Ref{{2, 2}, {1, 2, 2, 4}}, dtype::f64)), Ref{{}, {0}}));
    EXPECT_TRUE(equal(core::det(array(Ref{{2, 0, 0}, {}}, dtype::f32)), Ref{{2}, {1, 1}}));
  });
}

TEST(Linalg, Cholesky) {
  on_every_device([&] {
    for (dtype type : types)
      for (std::int64_t n : {1, 2, 5, 30}) {
        const Ref s = sound({3, n, n}, 177), a = map(s, turned(s), [](double x, double y) { return (x + y) / 2; });
        const Ref l = ref(core::cholesky(array(a, type)));
        const double eps = tolerance(type, 20);
        EXPECT_TRUE(close(matmul(l, turned(l)), a, eps, eps)) << name_of(type) << " " << n;
        for_each_index(l.shape,
                       [&](const Index& p) { EXPECT_TRUE(p[2] > p[1] ? l.at(p) == 0 : p[2] < p[1] || l.at(p) > 0) << text_of(p); });
        EXPECT_TRUE(close(core::cholesky(array(s, type)), l, eps, eps)) << "of the symmetric part";
      }
  });
}

const Index shapes[] = {{1, 1}, {4, 4}, {7, 3}, {3, 7}, {2, 5, 3}, {2, 3, 5}, {60, 20}, {3, 0}, {0, 3}, {0, 2, 2}};

TEST(Linalg, Qr) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : shapes) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(shape));
        const Ref a = random(shape, 178);
        const auto f = core::qr(array(a, type));
        const Ref q = ref(f.q), r = ref(f.r);
        const double eps = tolerance(type, 30);
        const std::int64_t k = std::min(shape[shape.size() - 1], shape[shape.size() - 2]);
        ASSERT_EQ(q.shape.back(), k);
        EXPECT_TRUE(close(matmul(q, r), a, eps, eps));
        const Ref one = matmul(turned(q), q);
        EXPECT_TRUE(close(one, broadcast_to(identity(k), one.shape), eps, eps));
        for_each_index(r.shape, [&](const Index& p) { EXPECT_TRUE(p[p.size() - 1] >= p[p.size() - 2] || r.at(p) == 0) << text_of(p); });
      }
  });
}

TEST(Linalg, Svd) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : shapes) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(shape));
        const Ref a = random(shape, 179);
        const auto f = core::svd(array(a, type));
        const Ref u = ref(f.u), s = ref(f.s), vt = ref(f.vt);
        const double eps = tolerance(type, 60);
        Index row = s.shape;
        row.insert(row.end() - 1, 1);
        EXPECT_TRUE(close(matmul(map(u, Ref{row, s.values}, std::multiplies<>()), vt), a, eps, eps));
        const Ref left = matmul(turned(u), u), right = matmul(vt, turned(vt));
        const std::int64_t k = s.shape.back();
        EXPECT_TRUE(close(left, broadcast_to(identity(k), left.shape), eps, eps));
        EXPECT_TRUE(close(right, broadcast_to(identity(k), right.shape), eps, eps));
        for_each_index(s.shape, [&](Index p) {
          EXPECT_GE(s.at(p), 0);
          if (p.back() == 0) return;
          const double here = s.at(p);
          --p.back();
          EXPECT_GE(s.at(p), here);
        });
      }
  });
}

TEST(Linalg, Eigh) {
  on_every_device([&] {
    for (dtype type : types)
      for (const Index& shape : {Index{1, 1}, Index{4, 4}, Index{3, 5, 5}, Index{40, 40}, Index{0, 0}, Index{0, 2, 2}}) {
        SCOPED_TRACE(std::string(name_of(type)) + " " + text_of(shape));
        const Ref a = symmetric(shape, 180);
        const auto f = core::eigh(array(a, type));
        const Ref w = ref(f.values), v = ref(f.vectors);
        const double eps = tolerance(type, 60);
        Index row = w.shape;
        row.insert(row.end() - 1, 1);
        EXPECT_TRUE(close(matmul(a, v), map(v, Ref{row, w.values}, std::multiplies<>()), eps, eps));
        const Ref one = matmul(turned(v), v);
        EXPECT_TRUE(close(one, broadcast_to(identity(shape.back()), one.shape), eps, eps));
        for_each_index(w.shape, [&](Index p) {
          if (p.back() == 0) return;
          const double here = w.at(p);
          --p.back();
          EXPECT_LE(w.at(p), here);
        });
      }
    const Array skew = array(Ref{{2, 2}, {1, 4, 0, 3}}, dtype::f64);
    EXPECT_TRUE(close(core::eigh(skew).values, Ref{{2}, {2 - std::sqrt(5.0), 2 + std::sqrt(5.0)}}, 1e-14)) << "of the symmetric part";
  });
}

TEST(Linalg, ManySmallMatrices) {
  // Split among threads.
  const Ref a = sound({3000, 3, 3}, 181), b = random({3000, 3, 1}, 182);
  on_every_device([&] {
    const Ref x = ref(core::solve(array(a, dtype::f64), array(b, dtype::f64)));
    EXPECT_TRUE(close(matmul(a, x), b, 1e-13, 1e-14));
  });
}

TEST(Linalg, SpecialValues) {
  on_every_device([&] {
    const Array one = array(identity(2), dtype::f32), holes = array(Ref{{2, 2}, {1, nan, 0, 1}}, dtype::f32);
    const Array endless = array(Ref{{2, 2}, {1, 0, 0, inf}}, dtype::f32);
    EXPECT_TRUE(std::isnan(ref(core::solve(one, array(Ref{{2}, {1, nan}}, dtype::f32))).at({1})));
    EXPECT_TRUE(std::isnan(ref(core::inv(holes)).at({0, 1})));
    EXPECT_TRUE(equal(core::det(endless), Ref{{}, {inf}}));
    EXPECT_TRUE(throws<Error>([&] { core::cholesky(holes); }, "[cholesky] the matrix is not positive definite"));
    EXPECT_TRUE(throws<Error>([&] { core::svd(holes); }, "[svd] the matrix holds NaN or infinity"));
    EXPECT_TRUE(throws<Error>([&] { core::eigh(endless); }, "[eigh] the matrix holds NaN or infinity"));
  });
}

TEST(Linalg, MatricesWithoutAResult) {
  on_every_device([&] {
    Ref a = sound({4, 3, 3}, 183);
    for (std::int64_t i = 0; i < 3; ++i) a.at({2, i, 1}) = 0, a.at({3, i, 0}) = 0;
    const Array stack = array(a, dtype::f64), alone = array(Ref{{2, 2}, {1, 2, 2, 4}}, dtype::f64);
    EXPECT_TRUE(throws<Error>([&] { core::solve(stack, array(full({3}, 1), dtype::f64)); },
                              "[solve] matrix 2 of the batch is singular: one of its 3 pivots is 0"));
    EXPECT_TRUE(throws<Error>([&] { core::inv(stack); }, "[inv] matrix 2 of the batch is singular: one of its 3 pivots is 0"));
    EXPECT_TRUE(throws<Error>([&] { core::inv(alone); }, "[inv] the matrix is singular: one of its 2 pivots is 0"));
    EXPECT_TRUE(throws<Error>(
        [&] {
          core::cholesky(array(Ref{{2, 1, 1}, {1, -1}}, dtype::f32));
        },
        "[cholesky] matrix 1 of the batch is not positive definite: its leading part of order 1 is not"));
    EXPECT_TRUE(throws<Error>([&] { core::cholesky(alone); }, "its leading part of order 2 is not"));
  });
}

TEST(Linalg, RulesAtRunTime) {
  const Array a = core::full({2, 3}, dtype::f32, 1), v = core::full({3}, dtype::f32, 1), e = core::eye({2, 3, 3}, dtype::f32, 1);
  EXPECT_TRUE(throws<ShapeError>([&] { core::inv(a); }, "[inv] needs a square matrix: (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::det(a); }, "[det] needs a square matrix: (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::cholesky(a); }, "[cholesky] needs a square matrix: (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::eigh(a); }, "[eigh] needs a square matrix: (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::solve(a, v); }, "[solve] needs a square matrix: (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::qr(v); }, "[qr] needs a matrix: (3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::svd(v); }, "[svd] needs a matrix: (3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { core::solve(e, a); }, "[solve] b has not as many rows as a: a is (2, 3, 3), b is (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>(
      [&] {
        core::solve(e, core::full({5, 3, 1}, dtype::f32, 1));
      },
      "[solve] batch axes do not broadcast: (2, 3, 3) and (5, 3, 1)"));
  EXPECT_TRUE(throws<Error>([&] { core::solve(e, core::full({3}, dtype::f64, 1)); }, "[solve] element types differ"));
  const Array endless = core::full({std::int64_t{1} << 31, 1}, dtype::f32, 1);  // a literal: without memory
  EXPECT_TRUE(throws<ShapeError>([&] { core::qr(endless); }, "[qr] LAPACK takes no axis of 2147483648 elements"));
  EXPECT_TRUE(throws<Error>([&] { core::inv(core::eye({3, 3}, dtype::i64, 1)); }, "[inv] needs float or double elements"));
}

TEST(Linalg, GradientsOfSolveInverseAndDeterminant) {
  const auto solve = [](const auto& in) { return core::solve(in[0], in[1]); };
  check_gradients(solve, {sound({3, 3}, 184), random({3, 2}, 185)});
  check_gradients(solve, {sound({3, 3}, 184), random({3}, 186)});
  check_gradients(solve, {sound({2, 3, 3}, 187), random({3}, 186)});
  check_gradients(solve, {sound({3, 3}, 184), random({2, 3, 2}, 188)});
  check_gradients(solve, {sound({2, 1, 2, 2}, 187), random({3, 2, 1}, 188)});
  for (const Index& shape : {Index{1, 1}, Index{3, 3}, Index{2, 2, 2}}) {
    check_gradients([](const auto& in) { return core::inv(in[0]); }, {sound(shape, 189)});
    check_gradients([](const auto& in) { return core::det(in[0]); }, {sound(shape, 190)});
  }
}

TEST(Linalg, GradientsOfCholesky) {
  for (const Index& shape : {Index{1, 1}, Index{3, 3}, Index{2, 2, 2}})
    check_gradients([](const auto& in) { return core::cholesky(in[0]); }, {sound(shape, 191)});
}

TEST(Linalg, GradientsOfQr) {
  for (const Index& shape : {Index{1, 1}, Index{3, 3}, Index{4, 2}, Index{2, 3, 2}}) {
    SCOPED_TRACE(text_of(shape));
    const Ref a = random(shape, 192);
    check_gradients([](const auto& in) { return core::qr(in[0]).q; }, {a});
    check_gradients([](const auto& in) { return core::qr(in[0]).r; }, {a});
    check_gradients(
        [](const auto& in) {
          const auto f = core::qr(in[0]);
          return core::matmul(f.q, core::mul(f.r, f.r));
        },
        {a});
  }
}

TEST(Linalg, GradientsOfSvd) {
  for (const Index& shape : {Index{1, 1}, Index{3, 3}, Index{4, 2}, Index{2, 3}, Index{2, 3, 2}}) {
    SCOPED_TRACE(text_of(shape));
    const Ref a = random(shape, 193);
    check_gradients([](const auto& in) { return core::svd(in[0]).u; }, {a});
    check_gradients([](const auto& in) { return core::svd(in[0]).s; }, {a});
    check_gradients([](const auto& in) { return core::svd(in[0]).vt; }, {a});
  }
}

TEST(Linalg, GradientsOfEigh) {
  for (const Index& shape : {Index{1, 1}, Index{3, 3}, Index{2, 2, 2}}) {
    SCOPED_TRACE(text_of(shape));
    const Ref a = random(shape, 194);
    check_gradients([](const auto& in) { return core::eigh(in[0]).values; }, {a});
    check_gradients([](const auto& in) { return core::eigh(in[0]).vectors; }, {a});
  }
}

TEST(Linalg, GradientOfSingularValuesWhereTheyAreEqual) {
  auto w = variable(eye<double, 2, 2>(3));
  EXPECT_TRUE(close(grad(svd(w).s, w), ref(eye<double, 2, 2>()), 1e-12, 1e-12));
  EXPECT_TRUE(close(grad(eigh(w).values, w), ref(eye<double, 2, 2>()), 1e-12, 1e-12));
}

inline constexpr Dim<"rows"> rows;

TEST(Linalg, Typed) {
  const auto a = tensor<2, 2>({2, 1, 1, 3});
  const Tensor<float, 2> x = solve(a, tensor<2>({3, 4}));
  EXPECT_TRUE(close(x, Ref{{2}, {1, 1}}));
  EXPECT_TRUE(close(inv(a), Ref{{2, 2}, {0.6, -0.2, -0.2, 0.4}}));
  EXPECT_TRUE(close(det(a), Ref{{}, {5}}));
  EXPECT_TRUE(close(matmul(cholesky(a), transpose(cholesky(a))), ref(a)));
  auto w = variable(ones<double, 5, 3>() + eye<double, 5, 3>());
  const auto [q, r] = qr(w);
  static_assert(std::same_as<decltype(q), const Traced<double, 5, 3>> && std::same_as<decltype(r), const Traced<double, 3, 3>>);
  EXPECT_TRUE(close(grad(matmul(q, r), w), full({5, 3}, 1), 1e-12, 1e-12));
  const auto [u, s, vt] = svd(w.value());
  static_assert(std::same_as<decltype(s), const Tensor<double, 3>> && std::same_as<decltype(vt), const Tensor<double, 3, 3>>);
  EXPECT_TRUE(close(matmul(u * s, vt), ref(w.value()), 1e-12, 1e-12));
  const auto [values, vectors] = eigh(a);
  static_assert(std::same_as<decltype(values), const Tensor<float, 2>> && std::same_as<decltype(vectors), const Tensor<float, 2, 2>>);
  EXPECT_TRUE(close(matmul(vectors * values, transpose(vectors)), ref(a)));
}

TEST(Linalg, TypedNames) {
  const auto wide = variable(ones<double, rows, 3>(rows = 2));
  EXPECT_TRUE(throws<ShapeError>([&] { qr(wide); }, "[qr] has a gradient only where there are as many rows as columns: 2 rows, 3 columns"));
  static_assert(std::same_as<decltype(qr(wide.value()).r), Tensor<double, dyn, 3>>);
  EXPECT_TRUE(throws<ShapeError>([&] { inv(slice<0>(ones<3, 3>(), 0, 2)); }, "[inv] needs a square matrix: (2, 3)"));
  EXPECT_TRUE(throws<ShapeError>([&] { solve(slice<0>(slice<1>(eye<4, 4>(), 0, 3), 0, 3), ones<rows>(rows = 2)); }, "[solve] "));
}

}  // namespace
}  // namespace mushin::test
