#include "mushin/autograd/gradcheck.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "mushin/autograd/core/graph.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/random.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core {
namespace {

using Values = std::vector<double>;

struct Precision {
  double epsilon, tolerance;
};
Precision precision_of(dtype type) {
  switch (type) {
    case dtype::f64:
      return {0x1p-52, 1e-6};
    case dtype::f32:
      return {0x1p-23, 2e-3};
    case dtype::f16:
      return {0x1p-10, 0.05};
    default:
      return {0x1p-7, 0.2};
  }
}

template <class F>
auto with_float(dtype type, F f) {
  switch (type) {
    case dtype::f64:
      return f(double{});
    case dtype::f32:
      return f(float{});
    case dtype::f16:
      return f(f16{});
    default:
      return f(bf16{});
  }
}

Values read(const Array& a) {
  return with_float(a.type(), [&]<class T>(T) {
    std::vector<T> raw(static_cast<std::size_t>(a.sizes().count()));
    read_all(a, raw.data());
    Values out;
    for (const T& x : raw) out.push_back(static_cast<double>(x));
    return out;
  });
}
Array written(const Array& like, const Values& values) {
  return with_float(like.type(), [&]<class T>(T) {
    std::vector<T> raw;
    for (const double x : values) raw.push_back(static_cast<T>(x));
    return to_device(from_values(like.sizes(), like.type(), raw.data()), like.device());
  });
}
double rounded(dtype type, double x) {
  return with_float(type, [x]<class T>(T) { return static_cast<double>(static_cast<T>(x)); });
}

/// Uneven, so that a gradient at the wrong place is seen: from 0.5 to 1.5, all multiples of 1/64, which every type has.
double weight(std::size_t i) { return 0.5 + static_cast<double>((i * 37 + 11) % 65) / 64; }
Array weights_like(const Array& a) {
  Values w(static_cast<std::size_t>(a.sizes().count()));
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = weight(i);
  return written(a, w);
}
Traced weighted(const Traced& z) { return sum(mul(z, weights_like(z.value())), (1u << z.rank()) - 1, false); }

/// The function of the order that is checked: f itself, or its gradients.
class Subject {
 public:
  Subject(const CheckedFunction& f, bool second_order) : f_(f), second_order_(second_order) {}

  std::vector<Traced> results(const std::vector<Traced>& operands, bool differentiable) {
    RandomReplay same(draws_);
    std::vector<Traced> out{f_.call(operands.data())};
    if (!second_order_) return out;
    return gradients_of(weighted(out[0]), operands, differentiable);
  }
  /// Of the weighted sum of all results.
  std::vector<Traced> gradients(const std::vector<Traced>& operands) {
    std::vector<Traced> z = results(operands, true);
    Traced total = weighted(z[0]);
    for (std::size_t i = 1; i < z.size(); ++i) total = add(total, cast(weighted(z[i]), total.type()));
    return gradients_of(total, operands, false);
  }

 private:
  static std::vector<Traced> gradients_of(const Traced& z, const std::vector<Traced>& operands, bool differentiable) {
    std::vector<Traced> out(operands.size());
    core::gradients(z, operands.data(), out.data(), static_cast<unsigned>(out.size()), differentiable);
    return out;
  }

  const CheckedFunction& f_;
  bool second_order_;
  std::vector<RandomDraw> draws_;
};

std::vector<Values> read_all_of(const std::vector<Traced>& all) {
  std::vector<Values> out;
  for (const Traced& t : all) out.push_back(read(t.value()));
  return out;
}

/// One element's gradient and what it should be.
struct Pair {
  std::size_t element;
  double gradient, difference, step;
  double noise;  // how far rounding alone may put the difference, in tolerances
};

struct Worst {
  double deviation = 0, tolerance = 1;
  unsigned operand = 0;
  Pair pair{};
};

class Check {
 public:
  Check(const CheckedFunction& f, const Array* at, unsigned count, bool second_order)
      : subject_(f, second_order), at_(at, at + count), name_(second_order ? "gradgradcheck" : "gradcheck") {}

  GradcheckResult run() {
    const std::vector<Values> gradients = read_all_of(subject_.gradients(leaves(at_)));
    for (unsigned i = 0; i < at_.size(); ++i) {
      std::vector<Pair> pairs;
      for (std::size_t k = 0; k < gradients[i].size(); ++k) pairs.push_back(pair(i, k, gradients[i][k]));
      judge(i, pairs);
    }
    GradcheckResult result{wrong_ == 0, worst_.deviation, worst_.tolerance, {}};
    const std::string text = sentence(result.ok);
    text.copy(result.text, sizeof result.text - 1);
    return result;
  }

 private:
  static std::vector<Traced> leaves(const std::vector<Array>& at) {
    std::vector<Traced> out;
    for (const Array& a : at) out.push_back(Leaf{a}.traced());
    return out;
  }

  /// Sums in double on the host, so that rounding is that of f alone.
  Pair pair(unsigned operand, std::size_t element, double gradient) {
    const Precision p = precision_of(at_[operand].type());
    const Values centre = read(at_[operand]);
    const double x = centre[element], step = std::cbrt(p.epsilon) * std::max(1.0, std::abs(x));
    auto moved = [&](double by, double& to) {
      Values values = centre;
      to = values[element] = rounded(at_[operand].type(), x + by);
      std::vector<Array> point = at_;
      point[operand] = written(at_[operand], values);
      return read_all_of(subject_.results(leaves(point), false));
    };
    double above, below, change = 0, size = 0;
    const auto up = moved(step, above), down = moved(-step, below);
    for (std::size_t i = 0; i < up.size(); ++i)
      for (std::size_t k = 0; k < up[i].size(); ++k) {
        change += weight(k) * (up[i][k] - down[i][k]);
        size += weight(k) * std::abs(up[i][k]);
      }
    return {element, gradient, change / (above - below), step, 16 * p.epsilon * size / step / p.tolerance};
  }

  void judge(unsigned operand, const std::vector<Pair>& pairs) {
    const double tolerance = precision_of(at_[operand].type()).tolerance;
    double largest = 0;
    for (const Pair& p : pairs) largest = std::max({largest, std::abs(p.gradient), std::abs(p.difference)});
    for (const Pair& p : pairs) {
      // Infinite ones agree where they are equal; beside a finite one they are infinitely far.
      const double apart = p.gradient == p.difference ? 0 : std::abs(p.gradient - p.difference);
      const double deviation = std::isfinite(apart) && apart > 0 ? apart / (largest + p.noise) : apart;
      wrong_ += !(deviation <= tolerance);
      const bool first = elements_++ == 0, farther = !(deviation / tolerance <= worst_.deviation / worst_.tolerance);
      if (first || (farther && !std::isnan(worst_.deviation))) worst_ = {deviation, tolerance, operand, p};
    }
  }

  std::string index(const Worst& w) const {
    const Sizes& s = at_[w.operand].sizes();
    std::vector<std::int64_t> index(s.rank);
    auto rest = static_cast<std::int64_t>(w.pair.element);
    for (unsigned i = s.rank; i-- > 0; rest /= s[i]) index[i] = rest % s[i];
    return fmt::format("({})", fmt::join(index, ", "));
  }
  std::string sentence(bool ok) const {
    if (elements_ == 0) return fmt::format("[{}] no elements: nothing was checked", name_);
    const Array& a = at_[worst_.operand];
    std::string out = fmt::format(
        "[{}] {}: {} of {} elements differ; {} operand {} ({} ({})) at {}: the gradient is {:.9g}, central differences with step {:.3g} "
        "give "
        "{:.9g}, apart by {:.3g} of the largest, of which {:.3g} is allowed",
        name_, ok ? "gradients agree" : "gradients are wrong", wrong_, elements_, ok ? "the farthest is" : "the worst is", worst_.operand,
        name_of(a.type()), fmt::join(a.sizes().at, a.sizes().at + a.rank(), ", "), index(worst_), worst_.pair.gradient, worst_.pair.step,
        worst_.pair.difference, worst_.deviation, worst_.tolerance);
    if (a.type() != dtype::f64) out += fmt::format("; in {} differences have few digits: check in double for more", name_of(a.type()));
    return out;
  }

  Subject subject_;
  std::vector<Array> at_;
  const char* name_;
  std::size_t elements_ = 0, wrong_ = 0;
  Worst worst_;
};

}  // namespace

CheckedFunction::~CheckedFunction() = default;

GradcheckResult check_gradients(const CheckedFunction& f, const Array* at, unsigned count, bool second_order) {
  return Check(f, at, count, second_order).run();
}

}  // namespace mushin::core
