#pragma once
// What every op is held to: the oracle's values on each device, and gradients of three orders against central differences.
#include <functional>
#include <string>
#include <vector>

#include "mushin/autograd.hpp"
#include "mushin/tensor/device.hpp"
#include "support/elements.hpp"
#include "support/matchers.hpp"
#include "support/oracle.hpp"
#include "support/splitmix.hpp"

namespace mushin::test {

/// An array of element type `type` on the default device, each element converted as C++ does.
inline core::Array array(const Ref& r, dtype type) {
  core::Sizes sizes;
  for (auto n : r.shape) sizes.push(n);
  const auto make = [&]<class T>(T) {
    std::vector<T> values;
    for (double v : r.values) values.push_back(static_cast<T>(v));
    values.push_back(T{});  // so that there is an address
    return core::from_values(sizes, type, values.data());
  };
  return with_element(type, make);
}

/// What `type` makes of the values.
inline Ref rounded(const Ref& r, dtype type) { return ref(array(r, type)); }

/// The float types, and those that sums can be taken of.
inline constexpr dtype float_types[] = {dtype::f32, dtype::f64, dtype::f16, dtype::bf16};
inline constexpr dtype number_types[] = {dtype::f32, dtype::f64, dtype::f16, dtype::bf16, dtype::i8, dtype::u8, dtype::i32, dtype::i64};

/// Random values that float represents.
inline Ref random(const Index& shape, std::uint64_t stream, double low = -1, double high = 1) {
  return {shape, uniform<double>(stream, count(shape), low, high)};
}
inline Ref random_integers(const Index& shape, std::uint64_t stream, std::int64_t below) {
  Ref out{shape, {}};
  for (auto v : integers(stream, count(shape), below)) out.values.push_back(static_cast<double>(v));
  return out;
}

/// Calls `f()` with each loadable device as the default one.
template <class F>
void on_every_device(F f) {
  const Device before = default_device();
  for (const Device& d : devices()) {
    SCOPED_TRACE(d.name());
    set_default_device(d);
    f();
  }
  set_default_device(before);
}

/// The relative tolerance of a few roundings in that type.
inline double tolerance(dtype type, double ulp = 4) {
  switch (type) {
    case dtype::f32:
      return ulp * 0x1p-23;
    case dtype::f64:
      return ulp * 0x1p-52;
    case dtype::f16:
      return ulp * 0x1p-10;
    case dtype::bf16:
      return ulp * 0x1p-7;
    default:
      return 0;
  }
}

using Function = std::function<core::Traced(const std::vector<core::Traced>&)>;

/// sum(f(x) c) with fixed c, and its gradients: recorded operations on float64.
class Differentiated {
 public:
  Differentiated(Function f, const std::vector<Ref>& at) : f_(std::move(f)), at_(at) {}

  double value(const std::vector<Ref>& x) const { return scalar(weighted(traced(x))); }

  std::vector<Ref> gradients() const {
    const auto leaves = make_leaves(at_);
    return refs(gradients_of(weighted(operands(leaves)), leaves, false));
  }

  /// sum over the operands of sum(gradient v) with fixed v, at x: what the second order differentiates.
  double slope(const std::vector<Ref>& x) const {
    const auto leaves = make_leaves(x);
    return scalar(projected(gradients_of(weighted(operands(leaves)), leaves, false)));
  }
  std::vector<Ref> second_gradients() const {
    const auto leaves = make_leaves(at_);
    return refs(gradients_of(projected(gradients_of(weighted(operands(leaves)), leaves, true)), leaves, false));
  }

  /// As slope, one order higher, and of f(x) + f(x)^3, so that what is linear in x has a third order as well.
  double curvature(const std::vector<Ref>& x) const {
    const auto leaves = make_leaves(x);
    return scalar(projected(gradients_of(projected(gradients_of(bent(operands(leaves)), leaves, true)), leaves, false)));
  }
  std::vector<Ref> third_gradients() const {
    const auto leaves = make_leaves(at_);
    const core::Traced slope = projected(gradients_of(bent(operands(leaves)), leaves, true));
    return refs(gradients_of(projected(gradients_of(slope, leaves, true)), leaves, false));
  }

 private:
  static std::vector<core::Leaf> make_leaves(const std::vector<Ref>& x) {
    std::vector<core::Leaf> out;
    for (const Ref& r : x) out.emplace_back(array(r, dtype::f64));
    return out;
  }
  static std::vector<core::Traced> operands(const std::vector<core::Leaf>& leaves) {
    std::vector<core::Traced> out;
    for (const auto& leaf : leaves) out.push_back(leaf.traced());
    return out;
  }
  static std::vector<core::Traced> traced(const std::vector<Ref>& x) {
    std::vector<core::Traced> out;
    for (const Ref& r : x) out.emplace_back(array(r, dtype::f64));
    return out;
  }
  static std::vector<core::Traced> gradients_of(const core::Traced& z, const std::vector<core::Leaf>& leaves, bool create_graph) {
    const auto with = operands(leaves);
    std::vector<core::Traced> out(with.size());
    core::gradients(z, with.data(), out.data(), static_cast<unsigned>(with.size()), create_graph);
    return out;
  }
  static std::vector<Ref> refs(const std::vector<core::Traced>& list) {
    std::vector<Ref> out;
    for (const auto& t : list) out.push_back(ref(t.value()));
    return out;
  }
  static double scalar(const core::Traced& t) {
    double sum = 0;
    for (double v : ref(t.value()).values) sum += v;
    return sum;
  }
  core::Traced weighted(const std::vector<core::Traced>& x) const {
    const core::Traced y = f_(x);
    return core::mul(y, core::Traced(array(random(sizes_of(y.sizes()), 901, 0.5, 1.5), dtype::f64)));
  }
  core::Traced bent(const std::vector<core::Traced>& x) const {
    const core::Traced y = weighted(x);
    return core::add(y, core::mul(core::mul(y, y), y));
  }
  core::Traced projected(const std::vector<core::Traced>& gradients) const {
    core::Traced out;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const core::Traced v = array(random(sizes_of(gradients[i].sizes()), 910 + i, 0.5, 1.5), dtype::f64);
      const core::Traced part = core::sum(core::mul(gradients[i], v), (1u << gradients[i].rank()) - 1, false);
      out = i == 0 ? part : core::add(out, part);
    }
    return out;
  }

  Function f_;
  std::vector<Ref> at_;
};

/// Central differences of `f` in each element of each operand.
inline std::vector<Ref> differences(std::vector<Ref> x, const std::function<double(const std::vector<Ref>&)>& f) {
  constexpr double h = 1e-5;
  std::vector<Ref> out = x;
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t k = 0; k < x[i].values.size(); ++k) {
      const double here = x[i].values[k];
      x[i].values[k] = here + h;
      const double above = f(x);
      x[i].values[k] = here - h;
      out[i].values[k] = (above - f(x)) / (2 * h);
      x[i].values[k] = here;
    }
  return out;
}

/// The central difference of `f` along a fixed direction of operand i, and what the gradient says of it.
struct Directional {
  double difference, gradient;
};
inline Directional along(std::vector<Ref> x, std::size_t i, const Ref& gradient, const std::function<double(const std::vector<Ref>&)>& f) {
  constexpr double h = 1e-5;
  const Ref here = x[i], direction = random(here.shape, 920 + i, -1.5, 1.5);
  const auto at = [&](double t) {
    for (std::size_t k = 0; k < here.values.size(); ++k) x[i].values[k] = here.values[k] + t * direction.values[k];
    return f(x);
  };
  Directional out{(at(h) - at(-h)) / (2 * h), 0};
  for (std::size_t k = 0; k < here.values.size(); ++k) out.gradient += gradient.values[k] * direction.values[k];
  return out;
}

/// Gradients of first, second and third order of `f` at `x`, in float64, on every device. Of the third, one direction for each operand.
inline void check_gradients(const Function& f, const std::vector<Ref>& x, bool higher_orders = true) {
  on_every_device([&] {
    const Differentiated d(f, x);
    const auto got = d.gradients(), want = differences(x, [&](const auto&at) { return d.value(at); });
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(close(got[i], want[i], 1e-6, 1e-7)) << "gradient of operand " << i;
    if (!higher_orders) return;
    const auto second = d.second_gradients(), wanted = differences(x, [&](const auto&at) { return d.slope(at); });
    for (std::size_t i = 0; i < x.size(); ++i) EXPECT_TRUE(close(second[i], wanted[i], 1e-6, 1e-7)) << "second gradient of operand " << i;
    const auto third = d.third_gradients();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto [difference, gradient] = along(x, i, third[i], [&](const auto& at) { return d.curvature(at); });
      EXPECT_NEAR(gradient, difference, 1e-5 + 1e-5 * std::abs(difference)) << "third gradient of operand " << i;
    }
  });
}

}  // namespace mushin::test
