// What vmap, jacobian and hessian mean: types, nesting, and how often an op is called.
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

inline constexpr Dim<"batch"> batch;

TEST(Vmap, AddsTheMappedExtent) {
  const auto a = tensor<double, 3, 2>({1, 2, 3, 4, 5, 6});
  const auto b = tensor<double, 2>({10, 20});
  const auto z = vmap([&](const auto& x) { return sum(x * b) + 1.0; })(a);
  static_assert(std::same_as<decltype(z), const Tensor<double, 3>>);
  EXPECT_TRUE(equal(z, Ref{{3}, {51, 111, 171}}));
}

TEST(Vmap, NamedExtentsAndSeveralResults) {
  const auto a = tensor<double, 3, 2>({1, 2, 3, 4, 5, 6}).refine<batch, 2>();
  const auto [z, same, swapped] = vmap([&](const auto& x, const auto& y) {
    static_assert(std::remove_cvref_t<decltype(x)>::extents == Shape{2} && std::remove_cvref_t<decltype(y)>::extents == Shape{});
    return std::tuple{x * y, ones<double, 1>() * 7.0, flip(x)};
  })(a, tensor<double, 3>({1, 10, 100}).refine<dyn>());
  static_assert(std::same_as<decltype(z), const Tensor<double, batch, 2>> && std::same_as<decltype(same), const Tensor<double, batch, 1>>);
  EXPECT_TRUE(equal(z, Ref{{3, 2}, {1, 2, 30, 40, 500, 600}}));
  EXPECT_TRUE(equal(same, Ref{{3, 1}, {7, 7, 7}}));
  EXPECT_TRUE(equal(swapped, Ref{{3, 2}, {2, 1, 4, 3, 6, 5}}));
}

TEST(Vmap, SizesThatOnlyTheRunKnows) {
  const auto f = vmap([](const auto& x, const auto& y) { return x + y; });
  const auto three = zeros<batch>(batch = 3), four = zeros<batch>(batch = 4);
  EXPECT_TRUE(throws<ShapeError>([&] { f(three, four); }, "[vmap] the mapped axes must have one size: 3 and 4"));
  EXPECT_EQ(f(three, three).shape()[0], 3);
  EXPECT_EQ(f(zeros<batch>(batch = 0), unmapped(zeros<5>())).shape(), (core::Sizes{0, 5}));
}

TEST(Vmap, ConstantsVariablesAndResultsMeet) {
  const auto w = variable(tensor<double, 2, 2>({1, 2, 3, 4}));
  const auto v = variable(tensor<double, 2>({5, 6}));
  const auto z = vmap([&](const auto& row, const auto& scale) { return dot(row, v) * scale; })(w * 1.0, tensor<double, 2>({1, 10}));
  static_assert(std::same_as<decltype(z), const Traced<double, 2>>);
  sum(z).backward();
  EXPECT_TRUE(equal(z.value(), Ref{{2}, {17, 390}}));
  EXPECT_TRUE(equal(w.grad(), Ref{{2, 2}, {5, 6, 50, 60}}));
  EXPECT_TRUE(equal(v.grad(), Ref{{2}, {31, 42}}));
}

// The inner function sees an axis of the outer one by capture alone, and both in one op.
TEST(Vmap, NestedAxesStayApart) {
  const auto a = tensor<double, 2>({1, 2});
  const auto b = tensor<double, 3>({10, 20, 30});
  const auto z = vmap([&](const auto& x) { return vmap([&](const auto& y) { return std::tuple{y - x, x - y, x * 1.0}; })(b); })(a);
  const auto [less, more, outer] = z;
  static_assert(std::same_as<decltype(less), const Tensor<double, 2, 3>>);
  EXPECT_TRUE(equal(less, Ref{{2, 3}, {9, 19, 29, 8, 18, 28}}));
  EXPECT_TRUE(equal(more, Ref{{2, 3}, {-9, -19, -29, -8, -18, -28}}));
  EXPECT_TRUE(equal(outer, Ref{{2, 3}, {1, 1, 1, 2, 2, 2}}));
  const auto c = tensor<double, 2, 3, 2>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const auto sums = vmap(vmap([](const auto& x) { return sum(x); }))(c);
  EXPECT_TRUE(equal(sums, Ref{{2, 3}, {3, 7, 11, 15, 19, 23}}));
}

TEST(Vmap, NestedOpsOfTwoAxes) {
  const auto a = tensor<double, 2, 2>({1, 2, 3, 4});
  const auto b = tensor<double, 3, 2>({1, -1, 2, 0, 0, 5});
  const auto table = tensor<double, 3>({100, 200, 300});
  const auto last = tensor<std::int64_t, 1>({3});
  const auto z = vmap([&](const auto& x) {
    return vmap([&](const auto& y, const auto& i) {
      const auto joined = concat<0>(y, x);
      const auto product = matmul(unsqueeze<0>(y), einsum<"a,b->ab">(x, y));
      return sum(joined) + dot(x, y) * 10.0 + sum(product) + take(table, i) + gather<0>(joined, unsqueeze<0>(i)) + take(joined, last);
    })(b, tensor<std::int64_t, 3>({0, 2, 1}));
  })(a);
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j) {
      const double x0 = a(i, 0), x1 = a(i, 1), y0 = b(j, 0), y1 = b(j, 1), dot = x0 * y0 + x1 * y1;
      const double extra[] = {100 + y0, 300 + x0, 200 + y1};
      EXPECT_EQ(z(i, j, 0), x0 + x1 + y0 + y1 + dot * 10 + dot * (y0 + y1) + extra[j] + x1) << i << j;
    }
}

TEST(Vmap, GradientsOfEach) {
  const auto x = tensor<double, 3, 2>({1, 2, 3, 4, 5, 6});
  const auto y = tensor<double, 3>({1, 0, -1});
  const auto params = tensor<double, 2>({0.5, -1});
  const auto loss = [](const auto& w, const auto& at, const auto& label) {
    const auto d = dot(w, at) - label;
    return d * d;
  };
  const auto all = vmap(
      [&](const auto& at, const auto& label) { return value_and_grad([&](const auto& w) { return loss(w, at, label); })(params); })(x, y);
  static_assert(std::same_as<decltype(all.grad), Tensor<double, 3, 2>>);
  for (int i = 0; i < 3; ++i) {
    const auto one = value_and_grad([&](const auto& w) { return loss(w, at<0>(x, i), at<0>(y, i)); })(params);
    EXPECT_EQ(all.value(i), one.value.item());
    EXPECT_TRUE(equal(at<0>(all.grad, i), ref(one.grad)));
  }
}

TEST(Vmap, OfVjpAndJvp) {
  const auto x = tensor<double, 2, 2>({1, 2, 3, 4});
  const auto cubes = [](const auto& p) { return p * p * p; };
  const auto u = tensor<double, 2>({1, 10});
  const auto pulled = vmap([&](const auto& p) { return vjp(cubes, p).pull(u); })(x);
  EXPECT_TRUE(equal(pulled, Ref{{2, 2}, {3, 120, 27, 480}}));
  // The cotangents differ, the point is one: rows of the Jacobian.
  const auto at_x = vjp([](const auto& p) { return prod(p) * p; }, tensor<double, 2>({2, 3}));
  EXPECT_TRUE(equal(vmap(at_x.pull)(eye<double, 2, 2>()), Ref{{2, 2}, {12, 4, 9, 12}}));
  // The tangents differ, the point is one: forward derivatives along the axes.
  const auto along = vmap([&](const auto& t) { return jvp([](const auto& p) { return prod(p) * p; })(tensor<double, 2>({2, 3}), t); });
  EXPECT_TRUE(equal(along(eye<double, 2, 2>()), Ref{{2, 2}, {12, 9, 4, 12}}));
}

TEST(Vmap, CallsEachOpOnce) {
  const auto nodes = [](const auto& x) {
    const auto w = variable(x);
    const auto before = core::graph_node_count();
    const auto z = vmap([](const auto& a) { return sum(softmax<0>(matmul(unsqueeze<0>(a), ones<double, 2, 2>()))) * 2.0; })(w);
    return core::graph_node_count() - before;
  };
  const auto few = nodes(ones<double, 2, 2>());
  EXPECT_GT(few, 0);
  EXPECT_EQ(nodes(ones<double, 50, 2>()), few);
}

TEST(Vmap, AnErrorInsideLeavesNothing) {
  bool fails = true;
  const auto f = vmap([&](const auto& x) {
    if (fails) throw Error("[f] not now");
    return x + 1.0;
  });
  EXPECT_TRUE(throws<Error>([&] { f(ones<double, 2>()); }, "[f] not now"));
  fails = false;
  EXPECT_TRUE(equal(f(ones<double, 2>()), Ref{{2}, {2, 2}}));
}

TEST(Vmap, DrawsOnceForAll) {
  const auto z = vmap([](const auto& x) { return x * 0.0 + randu<double, 2>(); })(ones<double, 3, 2>());
  EXPECT_TRUE(equal(at<0>(z, 1), ref(at<0>(z, 0))));
  EXPECT_NE(z(0, 0), z(0, 1));
}

// Whose inner call would take its axis for the outer one.
struct MapsItself {
  template <class X>
  auto operator()(const X& x) const {
    if constexpr (X::extents.rank == 0)
      return x;
    else
      return sum(x) + mushin::sum(vmap(MapsItself{})(ones<typename X::element, 2>()));
  }
};
TEST(Vmap, AFunctionThatMapsItself) {
  EXPECT_TRUE(throws<GraphError>([] { vmap(MapsItself{})(ones<double, 2, 2>()); }, "[vmap] the function maps itself"));
  const auto add = vmap([](const auto& x) { return x + 1.0; });
  EXPECT_EQ(sum(add(add(ones<double, 2>()))).item(), 6);
}

TEST(Jacobian, OfFunctionsWithAClosedForm) {
  const auto a = tensor<double, 2, 3>({1, 2, 3, 4, 5, 6});
  const auto x = tensor<double, 3>({0.5, -1, 2});
  const auto linear = jacobian([&](const auto& p) { return matmul(a, p); })(x);
  static_assert(std::same_as<decltype(linear), const Tensor<double, 2, 3>>);
  EXPECT_TRUE(equal(linear, ref(a)));
  const auto y = softmax<0>(x);
  const auto of_softmax = jacobian([](const auto& p) { return softmax<0>(p); })(x);
  EXPECT_TRUE(close(of_softmax, ref(eye<double, 3, 3>() * y - outer(y, y)), 1e-12, 1e-12));
  const auto of_scalar = jacobian([](const auto& p) { return sum(p * p); })(variable(x));
  EXPECT_TRUE(equal(of_scalar, Ref{{3}, {1, -2, 4}}));
  // d (m v)_i / d m_jk = delta_ij v_k
  const auto [by_m, by_v] = jacobian([](const auto& m, const auto& v) { return matmul(m, v); })(a, x);
  static_assert(std::same_as<decltype(by_m), const Tensor<double, 2, 2, 3>>);
  EXPECT_TRUE(equal(by_m, Ref{{2, 2, 3}, {0.5, -1, 2, 0, 0, 0, 0, 0, 0, 0.5, -1, 2}}));
  EXPECT_TRUE(equal(by_v, ref(a)));
}

TEST(Jacobian, SizesThatOnlyTheRunKnows) {
  const auto x = from<batch>(std::vector<double>{1, 2, 3}, batch = 3);
  const auto j = jacobian([](const auto& p) { return p * p; })(x);
  static_assert(std::same_as<decltype(j), const Tensor<double, batch, batch>>);
  EXPECT_TRUE(equal(j, Ref{{3, 3}, {2, 0, 0, 0, 4, 0, 0, 0, 6}}));
}

TEST(Jacobian, UnderVmapAndUnderGrad) {
  const auto x = tensor<double, 2, 2>({1, 2, 3, 4});
  const auto f = [](const auto& p) { return prod(p) * p; };
  const auto j = vmap(jacobian(f))(x);
  static_assert(std::same_as<decltype(j), const Tensor<double, 2, 2, 2>>);
  EXPECT_TRUE(equal(j, Ref{{2, 2, 2}, {4, 1, 4, 4, 24, 9, 16, 24}}));
  // The sum of a Jacobian of products is x0^2 + 4 x0 x1 + x1^2.
  const auto g = value_and_grad([&](const auto& p) { return sum(jacobian(f)(p)); })(at<0>(x, 0)).grad;
  EXPECT_TRUE(equal(g, Ref{{2}, {10, 8}}));
}

TEST(Hessian, OfFunctionsWithAClosedForm) {
  const auto a = tensor<double, 3, 3>({1, 2, 3, 4, 5, 6, 7, 8, 9});
  const auto x = tensor<double, 3>({0.5, -1, 2});
  const auto quadratic = hessian([&](const auto& p) { return dot(p, matmul(a, p)); })(x);
  static_assert(std::same_as<decltype(quadratic), const Tensor<double, 3, 3>>);
  EXPECT_TRUE(equal(quadratic, ref(a + transpose(a))));
  const auto y = softmax<0>(x);
  EXPECT_TRUE(close(hessian([](const auto& p) { return logsumexp(p); })(x), ref(eye<double, 3, 3>() * y - outer(y, y)), 1e-12, 1e-12));
  EXPECT_TRUE(equal(hessian([](const auto& p) { return sum(p); })(ones<double, 2, 2>()), full({2, 2, 2, 2}, 0)));
  const auto each = vmap(hessian([](const auto& p) { return sum(p * p * p); }))(tensor<double, 2, 2>({1, 2, 3, 4}));
  EXPECT_TRUE(equal(each, Ref{{2, 2, 2}, {6, 0, 0, 12, 18, 0, 0, 24}}));
  // One point for all, of functions that differ: 2 s in the diagonal.
  const auto scaled = vmap([](const auto& s) { return hessian([&](const auto& p) { return sum(p * p) * s; })(ones<double, 2>()); })(
      tensor<double, 3>({1, 2, 3}));
  EXPECT_TRUE(equal(scaled, Ref{{3, 2, 2}, {2, 0, 0, 2, 4, 0, 0, 4, 6, 0, 0, 6}}));
}

/// a b^2 by hand.
struct TimesSquare {
  static auto forward(auto& ctx, const auto& a, const auto& b) { return ctx.save(a * b * b, a, b); }
  static auto backward(const auto& ctx, const auto& gy) {
    const auto [a, b] = ctx.saved();
    return std::tuple{gy * b * b, 2 * gy * a * b};
  }
};

TEST(Vmap, OfFunctionsWithAGradientByHand) {
  const auto x = variable(tensor<double, 3>({1, 2, 3}));
  const auto s = variable(fill<double>(5.0));
  const auto f = [&](const auto& a) { return mushin::apply<TimesSquare>(a, s); };
  const auto z = vmap(f)(x);
  static_assert(std::same_as<decltype(z), const Traced<double, 3>>);
  EXPECT_TRUE(equal(z.value(), Ref{{3}, {25, 50, 75}}));
  sum(z * tensor<double, 3>({1, 10, 100})).backward();
  EXPECT_TRUE(equal(x.grad(), Ref{{3}, {25, 250, 2500}}));
  EXPECT_TRUE(equal(s.grad(), Ref{{}, {10 + 200 + 3000}})) << "one for all: summed";
  // An operand that has the axis once, a second order, and constants.
  const auto c = tensor<double, 2, 3>({1, 2, 3, 4, 5, 6});
  const auto rows =
      vmap([&](const auto& a) { return vmap([&](const auto& b) { return mushin::apply<TimesSquare>(b, a); })(x); })(s * ones<double, 2>());
  EXPECT_TRUE(equal(rows.value(), Ref{{2, 3}, {25, 50, 75, 25, 50, 75}}));
  EXPECT_TRUE(equal(grad(rows, x), full({3}, 50)));
  EXPECT_TRUE(equal(grad(rows, s), full({}, 2 * 2 * 5 * 6)));
  EXPECT_TRUE(equal(grad(grad<create_graph>(vmap(f)(x), s), x), full({3}, 10))) << "d/da d/db = 2 b";
  EXPECT_TRUE(equal(vmap([](const auto& a) { return mushin::apply<TimesSquare>(a, a); })(c), ref(c * c * c)));
}

/// Counts how often which form is called.
struct Batched {
  int* calls;
  auto forward(auto&, const auto& x) const { return ++*calls, x * x.item(); }
  auto backward(const auto&, const auto& gy) const { return gy; }
  auto vmap(const auto& x) const { return ++*calls, x * x; }
};
/// Its rule loses an index.
struct Cut {
  static auto forward(auto&, const auto& x) { return x * x.item(); }
  static auto backward(const auto&, const auto& gy) { return gy; }
  static auto vmap(const auto& x) { return slice<0>(x, 1, x.shape()[0]); }
};
TEST(Vmap, ByARuleOfTheFunction) {
  int calls = 0;
  const auto x = variable(tensor<double, 3>({1, 2, 3}));
  const auto f = [&](const auto& a) { return mushin::apply(Batched{&calls}, a); };
  const auto z = vmap(f)(x);
  static_assert(std::same_as<decltype(z), const Traced<double, 3>>);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(equal(z.value(), Ref{{3}, {1, 4, 9}}));
  EXPECT_TRUE(equal(grad(z, x), Ref{{3}, {2, 4, 6}}));
  const auto outer = vmap([&](const auto& s) { return vmap([&](const auto& a) { return mushin::apply(Batched{&calls}, a * s); })(x); })(
      tensor<double, 2>({1, 10}));
  EXPECT_TRUE(equal(outer.value(), Ref{{2, 3}, {1, 4, 9, 100, 400, 900}}));
  EXPECT_TRUE(throws<ShapeError>([&] { vmap([&](const auto& a) { return mushin::apply(Cut{}, a); })(x); },
                                 "[vmap] the mapped axes must have one size: 3 and 2"));
}

TEST(Vmap, RecomputesWhatIsCheckpointed) {
  const auto x = variable(tensor<double, 3, 2>({1, 2, 3, 4, 5, 6}));
  const auto w = variable(tensor<double, 2>({0.5, -1}));
  const auto c = tensor<double, 3>({1, 2, 3});
  int calls = 0;
  // It asks for a gradient of its own, which needs the mapped axis again when vmap has returned.
  const auto f = [&](const auto& a, const auto& s) {
    ++calls;
    return sum(value_and_grad([&](const auto& p) { return sum(p * p * w * s); })(a).grad * a);
  };
  const auto plain = vmap(f)(x, c);
  const auto [px, pw] = grad(plain, x, w);
  calls = 0;
  const auto kept = vmap([&](const auto& a, const auto& s) { return mushin::checkpoint(f, a, s); })(x, c);
  static_assert(std::same_as<decltype(kept), const Traced<double, 3>>);
  EXPECT_TRUE(equal(kept.value(), ref(plain.value())));
  const auto [kx, kw] = grad(kept, x, w);
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(close(kx, ref(px), 1e-12) && close(kw, ref(pw), 1e-12));
  // What is captured may be mapped alone.
  const auto captured = vmap([&](const auto& a) { return mushin::checkpoint([a](const auto& s) { return a * s; }, w); })(x);
  EXPECT_TRUE(equal(grad(captured, w), Ref{{2}, {9, 12}}));
  EXPECT_TRUE(equal(grad(captured, x), Ref{{3, 2}, {0.5, -1, 0.5, -1, 0.5, -1}}));
}

TEST(Transforms, OfResultsAreResults) {
  const auto x = tensor<double, 2>({1, 2});
  const auto t = tensor<double, 2>({1, -1});
  const auto fourth = [](const auto& p) { return p * p * p * p; };
  const auto twice = jvp([&](const auto& p) { return jvp(fourth)(p, t); })(x, t);
  EXPECT_TRUE(equal(twice, Ref{{2}, {12, 48}}));
  const auto pulled = jvp([&](const auto& p) { return vjp(fourth, p).pull(t); })(x, t);
  EXPECT_TRUE(equal(pulled, Ref{{2}, {12, 48}}));
  const auto second = value_and_grad([&](const auto& p) { return sum(value_and_grad(fourth)(p).grad); })(x);
  EXPECT_EQ(second.value.item(), 36);
  EXPECT_TRUE(equal(second.grad, Ref{{2}, {12, 48}}));
}

TEST(Transforms, NestInAnyOrder) {
  const auto x = tensor<double, 3>({0.5, 1, 1.5});
  const auto t = tensor<double, 3>({1, 2, -1});
  const auto rows = tensor<double, 2, 3>({1, 2, 3, 4, 5, 6});
  const auto cubes = [](const auto& p) { return sum(p * p * p); };
  const auto fourth = [](const auto& p) { return p * p * p * p; };
  const auto slopes = [&](const auto& p) { return sum(vmap([&](const auto& q) { return value_and_grad(fourth)(q).grad; })(p)); };
  EXPECT_TRUE(close(value_and_grad(slopes)(x).grad, Ref{{3}, {3, 12, 27}})) << "grad of vmap of grad";
  const auto bends = [&](const auto& p) { return sum(value_and_grad(slopes)(p).grad); };
  EXPECT_TRUE(close(value_and_grad(bends)(x).grad, Ref{{3}, {12, 24, 36}})) << "and of that, grad";
  const auto along = jacobian([&](const auto& p) { return jvp([](const auto& q) { return q * q * q; })(p, t); })(x);
  static_assert(std::same_as<decltype(along), const Tensor<double, 3, 3>>);
  EXPECT_TRUE(close(along, Ref{{3, 3}, {3, 0, 0, 0, 12, 0, 0, 0, -9}})) << "jacobian of jvp";
  const auto each = vmap([&](const auto& p) { return hessian(cubes)(p); })(rows);
  static_assert(std::same_as<decltype(each), const Tensor<double, 2, 3, 3>>);
  EXPECT_TRUE(close(each, Ref{{2, 3, 3}, {6, 0, 0, 0, 12, 0, 0, 0, 18, 24, 0, 0, 0, 30, 0, 0, 0, 36}})) << "vmap of hessian";
  const auto bent = jvp([&](const auto& p) { return hessian(cubes)(p); })(x, t);
  EXPECT_TRUE(close(bent, Ref{{3, 3}, {6, 0, 0, 0, 12, 0, 0, 0, -6}})) << "jvp of hessian";
  const auto third = jvp([&](const auto& a) {
    return jvp([&](const auto& b) { return jvp(fourth)(b, ones<double, 3>()); })(a, ones<double, 3>());
  })(x, ones<double, 3>());
  EXPECT_TRUE(close(third, Ref{{3}, {12, 24, 36}})) << "jvp of jvp of jvp";
  const auto again = value_and_grad([](const auto& p) {
    return sum(vmap([](const auto& q) {
      return value_and_grad([](const auto& r) { return checkpoint([](const auto& s) { return s * s * s; }, r); })(q).grad;
    })(p));
  })(x);
  EXPECT_TRUE(close(again.grad, Ref{{3}, {3, 6, 9}})) << "a checkpoint in all of it";
}

}  // namespace
}  // namespace mushin::test
