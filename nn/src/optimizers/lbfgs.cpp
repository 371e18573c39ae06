#include "mushin/nn/optimizers/lbfgs.hpp"

#include <algorithm>
#include <cmath>

#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/ops/transfer.hpp"
#include "optimizers/line_search.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {
namespace {

enum Number { iterations, evaluations, length, curvature };
constexpr const char* own_names[] = {"state.0.d", "state.0.prev_flat_grad", "state.0.old_stps", "state.0.old_dirs"};

double read(const core::Array& a) {
  double value;
  core::read_one("LBFGS", core::cast(a, dtype::f64), nullptr, &value);
  return value;
}
double dot(const core::Array& a, const core::Array& b) { return read(core::sum(core::mul(a, b), 1u, false)); }
double greatest(const core::Array& a) { return read(core::max(core::abs(a), 1u, false)); }
double total(const core::Array& a) { return read(core::sum(core::abs(a), 1u, false)); }
core::Array computed(core::Array a) {
  core::evaluate(a);
  return a;
}
core::Array plus(const core::Array& a, double factor, const core::Array& b) { return computed(core::add(a, scaled(b, factor))); }

core::Array rows(const std::vector<core::Array>& lines) {
  std::vector<core::Array> wide;
  for (const auto& line : lines) wide.push_back(core::reshape(line, {1, line.sizes()[0]}));
  return core::concat(wide.data(), static_cast<unsigned>(wide.size()), 0, "concat");
}
std::vector<core::Array> lines(const core::Array& rows) {
  std::vector<core::Array> out;
  for (std::int64_t i = 0; i < rows.sizes()[0]; ++i)
    out.push_back(computed(core::reshape(core::slice(rows, 0, i, i + 1), {rows.sizes()[1]})));
  return out;
}

}  // namespace

LBFGS::LBFGS(Parameters parameters, LBFGSOptions options)
    : Optimizer("LBFGS", {}, {"n_iter", "func_evals", "t", "H_diag"}), options_(options) {
  check_option(options.lr > 0, op(), "lr must be positive", options.lr);
  check_option(options.max_iter > 0, op(), "max_iter must be positive", static_cast<double>(options.max_iter));
  check_option(options.max_eval >= 0, op(), "max_eval must not be negative", static_cast<double>(options.max_eval));
  check_option(options.history_size > 0, op(), "history_size must be positive", static_cast<double>(options.history_size));
  check_option(!parameters.empty(), op(), "there must be a parameter", 0);
  for (const auto& p : parameters)
    if (p.leaf.traced().value().type() != parameters[0].leaf.traced().value().type())
      throw Error(fmt::format("[LBFGS] all parameters must have the element type of the first: {}", p.name).c_str());
  if (options_.max_eval == 0) options_.max_eval = options_.max_iter * 5 / 4;
  add_group(std::move(parameters), options.lr, {0, 0, 0, 1});
}

void LBFGS::step() { throw Error("[LBFGS] step needs the function that sets the gradients and gives the loss: opt.step([&] { … })"); }

double LBFGS::number(const core::Array& loss) {
  if (loss.rank() != 0) throw ShapeError(fmt::format("[LBFGS] the loss must be a scalar: it has {} axes", loss.rank()).c_str());
  return read(loss);
}

core::Array LBFGS::gradient() const {
  std::vector<core::Array> parts;
  for (const auto& slot : const_cast<LBFGS*>(this)->all()[0].slots) {
    const core::Array g = slot.leaf.grad();
    parts.push_back(core::reshape(g, {g.sizes().count()}));
  }
  return computed(core::concat(parts.data(), static_cast<unsigned>(parts.size()), 0, "concat"));
}

std::vector<core::Array> LBFGS::values() const {
  std::vector<core::Array> out;
  for (const auto& slot : const_cast<LBFGS*>(this)->all()[0].slots) out.push_back(slot.leaf.traced().value());
  return out;
}

void LBFGS::move(const std::vector<core::Array>& from, double by, const core::Array& along) {
  std::int64_t at = 0;
  for (std::size_t i = 0; auto& slot : all()[0].slots) {
    const core::Sizes& sizes = from[i].sizes();
    const core::Array part = core::reshape(core::slice(along, 0, at, at + sizes.count()), sizes);
    slot.leaf.set(plus(from[i], by, part));
    at += sizes.count(), ++i;
  }
}

void LBFGS::remember(const core::Array& change, const core::Array& taken) {
  const double agreement = dot(change, taken);
  if (agreement <= 1e-10) return;
  if (static_cast<std::int64_t>(steps_.size()) == options_.history_size) steps_.erase(steps_.begin()), changes_.erase(changes_.begin());
  steps_.push_back(taken), changes_.push_back(change);
  all()[0].numbers[curvature] = agreement / dot(change, change);
}

// The two loops of algorithm 7.4.
core::Array LBFGS::direction(const core::Array& gradient) {
  const std::size_t n = steps_.size();
  std::vector<double> inverse(n), part(n);
  core::Array q = computed(scaled(gradient, -1));
  for (std::size_t i = n; i-- > 0;) {
    inverse[i] = 1 / dot(changes_[i], steps_[i]);
    part[i] = dot(steps_[i], q) * inverse[i];
    q = plus(q, -part[i], changes_[i]);
  }
  q = computed(scaled(q, all()[0].numbers[curvature]));
  for (std::size_t i = 0; i < n; ++i) q = plus(q, part[i] - dot(changes_[i], q) * inverse[i], steps_[i]);
  return q;
}

double LBFGS::minimize(Loss loss) {
  auto& numbers = all()[0].numbers;
  const double first = loss();
  double now = first;
  std::int64_t evaluated = 1;
  core::Array g = gradient();
  bool done = greatest(g) <= options_.tolerance_grad;
  for (std::int64_t i = 0; !done && i < options_.max_iter && evaluated < options_.max_eval; ++i) {
    const bool begins = numbers[iterations]++ == 0;
    if (!begins) remember(computed(core::sub(g, before_)), computed(scaled(direction_, numbers[length])));
    direction_ = direction(g), before_ = g;
    numbers[length] = begins ? std::min(1.0, 1 / total(g)) * lr() : lr();
    const double slope = dot(g, direction_), old = now, reach = greatest(direction_);
    if (slope > -options_.tolerance_change) break;
    const auto from = values();
    if (options_.strong_wolfe) {
      const auto at = [&](double t) -> LinePoint {
        move(from, t, direction_);
        const double value = loss();
        core::Array there = gradient();
        const double along = dot(there, direction_);
        return {t, value, along, std::move(there)};
      };
      std::int64_t count;
      const LineSearch rules{.least_change = options_.tolerance_change};
      LinePoint found = strong_wolfe(at, {0, now, slope, g}, numbers[length], reach, rules, count);
      evaluated += count, numbers[length] = found.t, now = found.value, g = std::move(found.gradient);
      move(from, found.t, direction_);
      done = greatest(g) <= options_.tolerance_grad;
    } else {
      move(from, numbers[length], direction_);
      if (i + 1 == options_.max_iter) break;
      now = loss(), g = gradient();
      ++evaluated;
      done = greatest(g) <= options_.tolerance_grad;
    }
    done = done || reach * numbers[length] <= options_.tolerance_change || std::abs(now - old) < options_.tolerance_change;
  }
  numbers[evaluations] += static_cast<double>(evaluated);
  return first;
}

StateDict LBFGS::state_dict() const {
  StateDict out = Optimizer::state_dict();
  if (direction_) out.push_back({own_names[0], direction_}), out.push_back({own_names[1], before_});
  if (!steps_.empty()) out.push_back({own_names[2], rows(steps_)}), out.push_back({own_names[3], rows(changes_)});
  return out;
}

std::string LBFGS::take_apart(const StateDict& state, StateDict& others, core::Array (&own)[4]) const {
  std::int64_t n = 0;
  const auto all_values = values();
  for (const auto& v : all_values) n += v.sizes().count();
  std::string wrong;
  for (const auto& entry : state) {
    const auto at = static_cast<std::size_t>(std::find(std::begin(own_names), std::end(own_names), entry.name) - std::begin(own_names));
    if (at == std::size(own_names)) {
      others.push_back(entry);
      continue;
    }
    const core::Sizes& sizes = entry.value.sizes();
    const bool history = at >= 2, fits = sizes.rank == (history ? 2u : 1u) && sizes[sizes.rank - 1] == n &&
                                         entry.value.type() == all_values[0].type() && (!history || sizes[0] <= options_.history_size);
    if (fits)
      own[at] = core::to_device(entry.value, all_values[0].device());
    else
      wrong += fmt::format("{} does not fit {} parameters and a history of {}; ", entry.name, n, options_.history_size);
  }
  if (!own[0] != !own[1] || !own[2] != !own[3] || (own[2] && own[3] && !(own[2].sizes() == own[3].sizes())))
    wrong += "of d and prev_flat_grad, old_stps and old_dirs both are needed; ";
  return wrong;
}

std::string LBFGS::differences(const StateDict& state) const {
  StateDict others;
  core::Array own[4];
  std::string wrong = take_apart(state, others, own);
  const std::string rest = Optimizer::differences(others);
  if (rest.empty() && !wrong.empty()) wrong.erase(wrong.size() - 2);
  return wrong + rest;
}

void LBFGS::load_state_dict(const StateDict& state) {
  if (const auto wrong = differences(state); !wrong.empty())
    throw Error(fmt::format("[load_state_dict] the state must be that of such an optimiser: {}", wrong).c_str());
  StateDict others;
  core::Array own[4];
  take_apart(state, others, own);
  Optimizer::load_state_dict(others);
  direction_ = own[0], before_ = own[1];
  steps_ = own[2] ? lines(own[2]) : std::vector<core::Array>();
  changes_ = own[3] ? lines(own[3]) : std::vector<core::Array>();
}

}  // namespace mushin::nn
