// The batched form of each op against a loop over the slices: values, gradients, and derivatives along a direction; and that it is no loop.
#include <gtest/gtest.h>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"

namespace mushin::test {
namespace {

constexpr std::int64_t n = 3;
constexpr double exact = 0, rounded = 1e-12;

/// Numbers between 0.2 and 1.7, no two of them equal.
template <std::int64_t... E>
auto numbers(double phase = 0) {
  constexpr std::int64_t count = (E * ... * 1);
  const auto ramp = arange<double, count>(phase, 1.0);
  return reshape<extent{E}...>(0.95 + 0.75 * sin(ramp * 1.7));
}

template <class A>
auto slice_of(const A& a, std::int64_t i) {
  return at<0>(a, i);
}
template <class A>
A slice_of(const Unmapped<A>& a, std::int64_t) {
  return a.value;
}

/// vmap(f)(x...) is f of each slice.
template <class F, class... X>
void values_of_each(double relative, F f, const X&... x) {
  const auto z = vmap(f)(x...);
  for (std::int64_t i = 0; i < n; ++i) EXPECT_TRUE(close(at<0>(z, i), ref(f(slice_of(x, i)...)), relative, relative)) << "slice " << i;
}

template <class A>
auto first_two(const A& a) {
  return slice<0, 0, 2>(a);
}
template <class A>
const Unmapped<A>& first_two(const Unmapped<A>& a) {
  return a;
}
template <class F, class X, class... Y>
std::int64_t recorded(F f, const X& x, const Y&... y) {
  const auto v = variable(x);
  const auto before = core::graph_node_count();
  const auto z = vmap(f)(v, y...);
  return core::graph_node_count() - before;
}

/// The derivative along a direction of x is that of each.
template <class F, class X, class... Y>
void derivatives_of_each(F f, const X& x, const Y&... y) {
  const X t = cos(x * 3.0);
  const auto d = jvp([&](const auto& a) { return vmap(f)(a, y...); })(x, t);
  constexpr double h = 1e-5;
  for (std::int64_t i = 0; i < n; ++i) {
    const auto moved = [&](double by) { return f(slice_of(x, i) + by * slice_of(t, i), slice_of(y, i)...); };
    const auto above = ref(moved(h)), below = ref(moved(-h));
    const auto want = map(above, below, [](double u, double v) { return (u - v) / (2 * h); });
    EXPECT_TRUE(close(at<0>(d, i), want, 1e-6, 1e-6)) << "jvp, slice " << i;
  }
}

/// And so is its gradient with respect to the mapped x.
template <class F, class X, class... Y>
void each(double relative, F f, const X& x, const Y&... y) {
  EXPECT_EQ(recorded(f, first_two(x), first_two(y)...), recorded(f, x, y...)) << "an op is called once, however many slices there are";
  derivatives_of_each(f, x, y...);
  values_of_each(relative, f, x, y...);
  const auto square = [](const auto& a) { return sum(a * a); };
  const auto v = variable(x);
  const auto g = grad(square(vmap(f)(v, y...)), v);
  const auto inside = vmap(
      [&](const auto& a, const auto&... b) { return value_and_grad([&](const auto& p) { return square(f(p, b...)); })(a).grad; })(x, y...);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto want = ref(value_and_grad([&](const auto& p) { return square(f(p, slice_of(y, i)...)); })(slice_of(x, i)).grad);
    EXPECT_TRUE(close(at<0>(g, i), want, 1e-9, 1e-9)) << "gradient, slice " << i;
    EXPECT_TRUE(close(at<0>(inside, i), want, 1e-9, 1e-9)) << "gradient inside, slice " << i;
  }
}

/// Both operands mapped, and either alone.
template <class F, class X, class Y>
void both(double relative, F f, const X& x, const Y& y) {
  each(relative, f, x, y);
  each(relative, f, x, unmapped(at<0>(y, 1)));
  each(
      relative, [&](const auto& b, const auto& a) { return f(a, b); }, y, unmapped(at<0>(x, 1)));
}

TEST(VmapOps, Pointwise) {
  const auto chain = [](const auto& x) {
    const auto a = exp(-x) + log(x) * tanh(x) - sqrt(x) / erf(x) + sigmoid(x) + relu(x - 1.0) + abs(x - 1.0);
    return a + pow(x, 3.5) + log1p(x) * expm1(x) + rsqrt(x) + sin(x) * cos(x) + tan(x / 2.0) + asin(x / 2.0) + acos(x / 2.0) + atan(x);
  };
  each(rounded, chain, numbers<n, 4>());
  each(
      rounded, [](const auto& x) { return sinh(x) + cosh(x) * clamp(x, 0.5, 1.2) + floor(x) + ceil(x) + round(x) + sign(x); },
      numbers<n, 4>());
  const auto mixed = [](const auto& x, const auto& y) { return where(x < y, pow(x, y), maximum(x, y) * minimum(x, 2.0)) + 1.0 / y; };
  both(rounded, mixed, numbers<n, 2, 3>(), numbers<n, 3>(7));
  both(rounded, mixed, numbers<n>(), numbers<n, 2, 3>(7));
  const auto bools = [](const auto& x, const auto& y) {
    return ((x == y) || (x != y)) && ((x < y) || (x <= y)) && !((x > y) && (x >= y)) && !isnan(x) && isfinite(y);
  };
  values_of_each(exact, bools, numbers<n, 4>(), numbers<n, 4>(2));
  const auto whole = [](const auto& x, const auto& y) {
    return floor_divide(x, y) + remainder(x, y) * 100 + (x / y).template to<std::int64_t>();
  };
  values_of_each(exact, whole, (numbers<n, 4>() * 100.0).to<std::int64_t>(), unmapped(tensor<std::int64_t, 4>({3, -7, 0, 5})));
}

TEST(VmapOps, Reductions) {
  each(
      rounded, [](const auto& x) { return sum<0>(x) + mean<-1>(x, keep) * prod(x) + max<1>(x) * min<1>(x); }, numbers<n, 4, 4>());
  each(
      rounded, [](const auto& x) { return var<0>(x, 1) + std<0>(x) + logsumexp<0>(x) + norm<-2>(x); }, numbers<n, 4, 2>());
  values_of_each(
      exact, [](const auto& x) { return argmax<0>(x) + 10 * argmin<0>(x); }, numbers<n, 4, 2>());
  values_of_each(
      exact, [](const auto& x) { return any<0>(x > 1.5) && all<0>(x > 0.3); }, numbers<n, 4, 2>());
}

TEST(VmapOps, Shapes) {
  each(
      exact, [](const auto& x) { return reshape<3, 2>(x) * 2.0; }, numbers<n, 2, 3>());
  each(
      exact, [](const auto& x) { return transpose(squeeze<0>(unsqueeze<0>(x))); }, numbers<n, 2, 3>());
  each(
      exact, [](const auto& x) { return flatten(permute<2, 0, 1>(x)); }, numbers<n, 2, 3, 2>());
  each(
      exact, [](const auto& x) { return broadcast_to<4, 2, 3>(x); }, numbers<n, 3>());
  each(
      exact, [](const auto& x) { return slice<1, 1, 3>(x); }, numbers<n, 2, 3>());
}

TEST(VmapOps, Arrangements) {
  const auto join = [](const auto& x, const auto& y) { return concat<-1>(x, y, x); };
  both(exact, join, numbers<n, 2, 2>(), numbers<n, 2, 3>(5));
  both(
      exact, [](const auto& x, const auto& y) { return stack<1>(x, y); }, numbers<n, 2>(), numbers<n, 2>(5));
  each(
      exact, [](const auto& x) { return flip<0>(pad<1, 2>(x)); }, numbers<n, 2, 3>());
  each(
      exact, [](const auto& x) { return tile<2, 1, 2>(x) * 2.0; }, numbers<n, 2, 3>());
  each(
      exact, [](const auto& x) { return tile<3>(at<0>(tile<2, 1>(x), -1)); }, numbers<n, 2>());
  each(
      exact,
      [](const auto& x) {
        const auto [a, b] = split<-1, 2>(x);
        return a - b;
      },
      numbers<n, 2, 4>());
  each(
      exact, [](const auto& x) { return diagonal(x) * trace(x) + sum<0>(tril(x) + triu(x, 1)); }, numbers<n, 3, 3>());
}

TEST(VmapOps, Orders) {
  each(
      rounded, [](const auto& x) { return softmax<0>(x) * log_softmax<1>(x); }, numbers<n, 2, 4>());
  each(
      rounded, [](const auto& x) { return cumsum<0>(x) * cumprod<-1>(x); }, numbers<n, 2, 4>());
  each(
      exact, [](const auto& x) { return sort<0>(x, descending); }, numbers<n, 4, 2>());
  each(
      exact, [](const auto& x) { return topk<0, 2>(x).values; }, numbers<n, 4, 2>());
  values_of_each(
      exact, [](const auto& x) { return argsort<-1>(x) + topk<-1, 4>(x).indices * 10; }, numbers<n, 4>());
}

TEST(VmapOps, Products) {
  const auto product = [](const auto& x, const auto& y) { return matmul(x, y); };
  both(rounded, product, numbers<n, 2, 4>(), numbers<n, 4, 3>(5));
  both(rounded, product, numbers<n, 4>(), numbers<n, 4, 3>(5));
  both(rounded, product, numbers<n, 2, 4>(), numbers<n, 4>(5));
  both(rounded, product, numbers<n, 4>(), numbers<n, 4>(5));
  both(rounded, product, numbers<n, 2, 3, 4>(), numbers<n, 4, 2>(5));
  both(rounded, product, numbers<n, 4>(), numbers<n, 2, 4, 3>(5));
  both(rounded, product, numbers<n, 2, 3, 4>(), numbers<n, 4>(5));
  both(
      rounded, [](const auto& x, const auto& y) { return outer(x, y) * dot(y, y); }, numbers<n, 2>(), numbers<n, 4>(5));
  both(
      rounded, [](const auto& x, const auto& y) { return einsum<"abc,cb->ca">(x, y); }, numbers<n, 2, 3, 2>(), numbers<n, 2, 3>(5));
  each(
      rounded, [](const auto& x) { return einsum<"ii->i">(x); }, numbers<n, 3, 3>());
}

TEST(VmapOps, Indices) {
  const auto rows = tensor<std::int64_t, n, 2>({0, 3, 1, 1, 2, 0});
  const auto within = tensor<std::int64_t, n, 2, 2>({0, 3, 1, 1, 2, 0, 3, 2, 0, 0, 1, 2});
  const auto x = numbers<n, 4, 2>();
  const auto taken = [](const auto& a, const auto& i) { return take(a, i) * 2.0; };
  each(exact, taken, x, rows);
  each(exact, taken, x, unmapped(at<0>(rows, 0)));
  each(exact, taken, x, within);
  values_of_each(exact, taken, unmapped(at<0>(x, 0)), within);
  const auto gathered = [](const auto& a, const auto& i) { return gather<0>(a, i); };
  each(exact, gathered, x, within);
  each(exact, gathered, x, unmapped(at<0>(within, 0)));
  values_of_each(exact, gathered, unmapped(at<0>(x, 0)), within);
  const auto scattered = [](const auto& a, const auto& i, const auto& b) { return scatter_add<0>(a, i, b, deterministic); };
  each(exact, scattered, x, within, numbers<n, 2, 2>(9));
  each(exact, scattered, x, unmapped(at<0>(within, 0)), unmapped(numbers<2, 2>(9)));
  values_of_each(exact, scattered, unmapped(at<0>(x, 0)), within, unmapped(numbers<2, 2>(9)));
  values_of_each(
      exact, [](const auto& i) { return one_hot<4>(i); }, rows);
}

TEST(VmapOps, Normalisation) {
  const auto normalized = [](const auto& x, const auto& g, const auto& b) { return layer_norm(x, g, b); };
  each(1e-10, normalized, numbers<n, 2, 4>(), unmapped(numbers<4>(3)), unmapped(numbers<4>(5)));
  each(1e-10, normalized, numbers<n, 2, 4>(), numbers<n, 4>(3), unmapped(numbers<4>(5)));
  each(
      1e-10, [&](const auto& b, const auto& x) { return normalized(x, numbers<4>(3), b); }, numbers<n, 4>(5), unmapped(numbers<2, 4>()));
}

TEST(VmapOps, Convolutions) {
  const auto folded = [](const auto& x, const auto& w) { return conv<2, 1, 1, 2>(x, w); };
  both(1e-10, folded, numbers<n, 2, 4, 5, 4>(), numbers<n, 2, 2, 3, 2>(5));
  const auto unfolded = [](const auto& x, const auto& w) { return conv_transpose<2, 0, 1>(x, w); };
  both(1e-10, unfolded, numbers<n, 2, 3, 3>(), numbers<n, 3, 2, 2>(5));
  const auto biased = [](const auto& b, const auto& x, const auto& w) { return conv(x, w, b); };
  const auto x = numbers<n, 2, 3, 5>();
  const auto w = numbers<n, 2, 3, 2>(5);
  each(1e-10, biased, numbers<n, 2>(3), x, w);
  each(1e-10, biased, numbers<n, 2>(3), x, unmapped(at<0>(w, 0)));
  each(1e-10, biased, numbers<n, 2>(3), unmapped(at<0>(x, 0)), unmapped(at<0>(w, 0)));
  const auto same_bias = [&](const auto& k, const auto& a) { return conv(a, k, numbers<2>(3)); };
  both(1e-10, same_bias, w, x);
  const auto pairs = [](const auto& a) {
    return vmap([](const auto& k, const auto& b) { return conv(b, k); })(a, unmapped(numbers<1, 2, 4>(9)));
  };
  each(1e-10, pairs, numbers<n, 2, 3, 2, 2>());
}

TEST(VmapOps, Pools) {
  each(
      exact, [](const auto& x) { return max_pool<2, 1>(x); }, numbers<n, 2, 1, 3, 4>());
  each(
      rounded, [](const auto& x) { return avg_pool<2, 2, 1>(x); }, numbers<n, 2, 1, 3, 4>());
  each(
      rounded, [](const auto& x) { return adaptive_avg_pool<2>(x) * sum(adaptive_avg_pool<1>(x)); }, numbers<n, 2, 1, 3, 5>());
}

TEST(VmapOps, Attention) {
  const auto attended = [](const auto& q, const auto& k, const auto& v) { return scaled_dot_product_attention(q, k, v, {.causal = true}); };
  each(1e-10, attended, numbers<n, 2, 4, 3>(), numbers<n, 4, 3>(3), unmapped(numbers<1, 4, 2>(5)));
  const auto masked = [](const auto& v, const auto& bias) {
    return scaled_dot_product_attention(numbers<4, 3>(), numbers<2, 3>(3), v, bias);
  };
  each(1e-10, masked, numbers<n, 2, 2>(5), numbers<n, 4, 2>(7));
  each(1e-10, masked, numbers<n, 2, 2>(5), unmapped(numbers<4, 2>(7)));
}

TEST(VmapOps, NormalisationByScaleAndOfChannels) {
  const auto scaled = [](const auto& x, const auto& g) { return rms_norm(x, g); };
  each(1e-10, scaled, numbers<n, 2, 4>(), unmapped(numbers<4>(3)));
  each(1e-10, scaled, numbers<n, 2, 4>(), numbers<n, 4>(3));
  const auto normalized = [](const auto& x, const auto& g, const auto& b) { return batch_norm(x, g, b, 1e-2); };
  each(1e-9, normalized, numbers<n, 3, 2, 2>(), unmapped(numbers<2>(3)), unmapped(numbers<2>(5)));
  each(1e-9, normalized, numbers<n, 3, 2>(), numbers<n, 2>(3), unmapped(numbers<2>(5)));
  each(
      1e-9, [&](const auto& b, const auto& x) { return normalized(x, numbers<2>(3), b); }, numbers<n, 2>(5), unmapped(numbers<3, 2>()));
}

TEST(VmapOps, LinearAlgebra) {
  const auto a = numbers<n, 3, 3>() + 2.0 * eye<double, 3, 3>();
  const auto solved = [](const auto& m, const auto& b) { return solve(m, b); };
  both(1e-10, solved, a, numbers<n, 3>(5));
  both(1e-10, solved, a, numbers<n, 3, 2>(5));
  both(1e-10, solved, a, numbers<n, 2, 3, 2>(5));
  each(
      1e-9, [](const auto& m) { return inv(m) * det(m); }, a);
  each(
      1e-9, [](const auto& m) { return cholesky(matmul(m, transpose(m))); }, a);
  each(
      1e-9,
      [](const auto& m) {
        const auto [q, r] = qr(m);
        return q + r;
      },
      a);
  each(
      1e-9, [](const auto& m) { return svd(m).s; }, a);
  each(
      1e-9, [](const auto& m) { return eigh(m).values; }, a);
}

}  // namespace
}  // namespace mushin::test
