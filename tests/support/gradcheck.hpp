#pragma once
// Gradient rules against central differences, first and second order:
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
/// is seen. The second order is that of the sum of all first gradients, weighted alike.
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
  double first_weighted(const Point& at) const {
    double h = 0;
    for (const Ref& g : gradient(at)) {
      const auto weights = weights_for(200, static_cast<std::int64_t>(g.values.size()));
      for (std::size_t i = 0; i < g.values.size(); ++i) h += g.values[i] * weights[i];
    }
    return h;
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

/// `f`: a generic function of tensors that gives one tensor; smooth within 1e-4 of the inputs. First and second order. An object, so
/// that mu::gradcheck isn't found beside it.
inline constexpr auto gradcheck = []<class F, class... A>(F f, const A&... inputs) -> ::testing::AssertionResult {
  const GradientCheck<F, A...> check(f);
  const typename GradientCheck<F, A...>::Point at{inputs.raw()...};
  auto loss = [&](const auto& p) { return check.loss(p); };
  auto first = [&](const auto& p) { return check.first_weighted(p); };
  if (auto result = all_close("first", check.gradient(at), check.differences(at, loss), 1e-6); !result) return result;
  return all_close("second", check.second(at), check.differences(at, first), 1e-6);
};

}  // namespace mushin::test
