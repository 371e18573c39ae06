#pragma once
// Gradient rules against central differences, first to third order, and the derivative along a direction:
//   EXPECT_TRUE(gradcheck([](const auto& a, const auto& b) { return a * b; }, data<2, 3>(1), data<3>(2)));
#include <array>

#include "mushin/autograd.hpp"
#include "support/matchers.hpp"
#include "support/splitmix.hpp"

namespace mushin::test {

/// Reproducible doubles, uniform in [low, high).
template <extent... E>
Tensor<double, E...> data(std::uint64_t stream, double low = -1, double high = 1) {
  return from<E...>(uniform<double>(stream, (E.size * ... * 1), low, high));
}

/// The scalar that is checked is sum(weights * f(x...)), with weights that differ, so that a gradient at the wrong place
/// is seen. The second order is that of the sum of all first gradients, weighted alike; the third one goes on from there, of
/// y + y^3 for y = weights * f, so that what is linear has a third order as well.
template <class F, class... A>
class GradientCheck {
 public:
  static constexpr std::size_t count = sizeof...(A);
  using Point = std::array<core::Array, count>;

  explicit GradientCheck(F f, double step = 1e-4) : f_(f), step_(step) {}

  /// Twice the same loss: on constants, and on variables.
  double loss(const Point& at) const {
    return apply(at, [this](const auto&... x) { return weighted(f_(x...), 100).item(); });
  }
  std::vector<Ref> gradient(const Point& at) const {
    return with_variables(at, [this](const auto&... w) {
      const auto z = weighted(f_(w...), 100);
      return refs(grad(z, w...));
    });
  }
  /// Gradients of h = sum over inputs of (first gradient * weights).
  std::vector<Ref> second(const Point& at) const {
    return with_variables(at, [this](const auto&... w) {
      const auto z = weighted(f_(w...), 100);
      const auto h = (weighted(grad<create_graph>(z, w), 200) + ...);
      return refs(grad(h, w...));
    });
  }
  double first_weighted(const Point& at) const { return weighted(gradient(at), 200); }
  std::vector<Ref> curvature(const Point& at) const {
    return with_variables(at, [this](const auto&... w) {
      const auto slope = (weighted(grad<create_graph>(bent(f_(w...)), w), 200) + ...);
      return refs(grad(slope, w...));
    });
  }
  double second_weighted(const Point& at) const { return weighted(curvature(at), 300); }
  /// Gradients of what second_weighted gives.
  std::vector<Ref> third(const Point& at) const {
    return with_variables(at, [this](const auto&... w) {
      const auto slope = (weighted(grad<create_graph>(bent(f_(w...)), w), 200) + ...);
      const auto h = (weighted(grad<create_graph>(slope, w), 300) + ...);
      return refs(grad(h, w...));
    });
  }

  /// A fixed direction of all operands, and the points a step before and behind `at` on it.
  static Point direction(const Point& at) {
    Point d;
    for (std::size_t i = 0; i < count; ++i)
      d[i] = core::from_values(at[i].sizes(), dtype::f64, uniform<double>(400 + i, at[i].sizes().count() + 1, -1.5, 1.5).data());
    return d;
  }
  Point moved(const Point& at, double by) const {
    const Point d = direction(at);
    Point out;
    for (std::size_t i = 0; i < count; ++i) out[i] = core::add(at[i], core::mul(d[i], core::literal(by * step_, dtype::f64)));
    return out;
  }
  double step() const { return step_; }
  /// The derivative of f along the direction.
  Ref forward(const Point& at) const {
    const auto d = direction(at);
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return ref(jvp(f_)(std::tuple{A{at[I]}...}, std::tuple{A{d[I]}...})); }
    (std::index_sequence_for<A...>{});
  }
  Ref value(const Point& at) const {
    return apply(at, [this](const auto&... x) { return ref(f_(x...)); });
  }

  template <class Scalar>
  std::vector<Ref> differences(const Point& at, Scalar scalar) const {
    std::vector<Ref> out;
    for (std::size_t i = 0; i < count; ++i) {
      const Ref centre = ref(at[i]);
      Ref d = full(centre.shape, 0);
      for (std::size_t k = 0; k < d.values.size(); ++k) {
        auto moved = [&](double by) {
          Ref x = centre;
          x.values[k] += by;
          Point p = at;
          p[i] = core::from_values(at[i].sizes(), dtype::f64, x.values.data());
          return scalar(p);
        };
        d.values[k] = (moved(step_) - moved(-step_)) / (2 * step_);
      }
      out.push_back(std::move(d));
    }
    return out;
  }

 private:
  static std::vector<double> weights_for(std::uint64_t stream, std::int64_t n) { return uniform<double>(stream, n, 0.5, 1.5); }
  template <class Z>
  static auto weighted(const Z& z, std::uint64_t stream) {
    const auto weights = weights_for(stream, z.size());
    return sum(z * value_of<Z>{core::from_values(z.shape(), dtype::f64, weights.data())});
  }
  static double weighted(const std::vector<Ref>& gradients, std::uint64_t stream) {
    double h = 0;
    for (const Ref& g : gradients) {
      const auto weights = weights_for(stream, static_cast<std::int64_t>(g.values.size()));
      for (std::size_t i = 0; i < g.values.size(); ++i) h += g.values[i] * weights[i];
    }
    return h;
  }
  template <class Z>
  static auto bent(const Z& z) {
    const auto weights = weights_for(100, z.size());
    const auto y = z * value_of<Z>{core::from_values(z.shape(), dtype::f64, weights.data())};
    return sum(y + y * y * y);
  }
  template <class G>
  static std::vector<Ref> refs(const G& g) {
    return {ref(g)};
  }
  template <class... G>
  static std::vector<Ref> refs(const std::tuple<G...>& g) {
    return std::apply([](const auto&... each) { return std::vector<Ref>{ref(each)...}; }, g);
  }
  template <class Call>
  static auto apply(const Point& at, Call call) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return call(A{at[I]}...); }
    (std::index_sequence_for<A...>{});
  }
  template <class Call>
  static auto with_variables(const Point& at, Call call) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return call(traced_of<A>{core::Leaf{at[I]}.traced()}...); }
    (std::index_sequence_for<A...>{});
  }

  F f_;
  double step_;
};

inline ::testing::AssertionResult all_close(const char* order, const std::vector<Ref>& got, const std::vector<Ref>& want,
                                            double tolerance) {
  for (std::size_t i = 0; i < want.size(); ++i)
    if (auto result = close(got[i], want[i], tolerance, tolerance); !result)
      return ::testing::AssertionFailure() << order << " order, operand " << i << ": " << result.message();
  return ::testing::AssertionSuccess();
}

/// The third gradients along a direction.
template <class Check>
::testing::AssertionResult third_close(const Check& check, const typename Check::Point& at) {
  const double want = (check.second_weighted(check.moved(at, 1)) - check.second_weighted(check.moved(at, -1))) / (2 * check.step());
  const auto third = check.third(at);
  const auto direction = check.direction(at);
  double got = 0;
  for (std::size_t i = 0; i < third.size(); ++i) {
    const Ref d = ref(direction[i]);
    for (std::size_t k = 0; k < d.values.size(); ++k) got += third[i].values[k] * d.values[k];
  }
  if (std::abs(got - want) <= 1e-5 * (1 + std::abs(want))) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "third order along a direction: " << got << ", differences say " << want;
}

template <class Check>
::testing::AssertionResult forward_close(const Check& check, const typename Check::Point& at) {
  const Ref above = check.value(check.moved(at, 1)), below = check.value(check.moved(at, -1));
  const Ref want = map(above, below, [&](double a, double b) { return (a - b) / (2 * check.step()); });
  if (auto result = close(check.forward(at), want, 1e-6, 1e-6); !result)
    return ::testing::AssertionFailure() << "jvp: " << result.message();
  return ::testing::AssertionSuccess();
}

/// `f`: a generic function of tensors that gives one tensor; smooth within 1e-4 of the inputs. First to third order, and jvp. An object,
/// so that mu::gradcheck isn't found beside it.
inline constexpr auto gradcheck = []<class F, class... A>(F f, const A&... inputs) -> ::testing::AssertionResult {
  const GradientCheck<F, A...> check(f);
  const typename GradientCheck<F, A...>::Point at{inputs.raw()...};
  auto loss = [&](const auto& p) { return check.loss(p); };
  auto first = [&](const auto& p) { return check.first_weighted(p); };
  if (auto result = all_close("first", check.gradient(at), check.differences(at, loss), 1e-6); !result) return result;
  if (auto result = all_close("second", check.second(at), check.differences(at, first), 1e-6); !result) return result;
  if (auto result = third_close(check, at); !result) return result;
  return forward_close(check, at);
};

}  // namespace mushin::test
