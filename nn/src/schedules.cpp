#include "mushin/nn/schedules.hpp"

#include <algorithm>
#include <cmath>

#include "optimizers/support.hpp"

namespace mushin::nn {
namespace {

constexpr double pi = 3.14159265358979323846;

void check_count(std::int64_t count, const char* op, const char* rule) { check_option(count > 0, op, rule, static_cast<double>(count)); }
void check_rate(double factor, const char* op, const char* rule) { check_option(factor > 0 && std::isfinite(factor), op, rule, factor); }

}  // namespace

Schedule::Schedule(Optimizer& optimizer) : optimizer_(optimizer) {
  for (std::size_t g = 0; g < optimizer.groups(); ++g) first_.push_back(optimizer.group_lr(g));
}
Schedule::~Schedule() = default;

void Schedule::resume(std::int64_t steps) {
  std::vector<double> rates;
  for (double first : first_) rates.push_back(rate(first, steps));
  Optimizer& optimizer = optimizer_.get("schedule");
  for (std::size_t g = 0; g < rates.size(); ++g) optimizer.group_lr(g, rates[g]);
  steps_ = steps;
}

StepLR::StepLR(Optimizer& optimizer, StepLROptions options) : Schedule(optimizer), options_(options) {
  check_count(options.step_size, "StepLR", "step_size must be positive");
  check_rate(options.gamma, "StepLR", "gamma must be positive");
}
double StepLR::rate(double first, std::int64_t steps) const {
  return first * std::pow(options_.gamma, static_cast<double>(steps / options_.step_size));
}

ExponentialLR::ExponentialLR(Optimizer& optimizer, ExponentialLROptions options) : Schedule(optimizer), options_(options) {
  check_rate(options.gamma, "ExponentialLR", "gamma must be positive");
}
double ExponentialLR::rate(double first, std::int64_t steps) const { return first * std::pow(options_.gamma, static_cast<double>(steps)); }

CosineLR::CosineLR(Optimizer& optimizer, CosineLROptions options) : Schedule(optimizer), options_(options) {
  check_count(options.period, "CosineLR", "period must be positive");
  check_option(options.min_lr >= 0, "CosineLR", "min_lr must not be negative", options.min_lr);
}
double CosineLR::rate(double first, std::int64_t steps) const {
  const double turn = pi * static_cast<double>(steps) / static_cast<double>(options_.period);
  return options_.min_lr + (first - options_.min_lr) * (1 + std::cos(turn)) / 2;
}

WarmupLR::WarmupLR(Optimizer& optimizer, WarmupLROptions options) : Schedule(optimizer), options_(options) {
  check_count(options.steps, "WarmupLR", "steps must be positive");
  check_option(options.start_factor > 0 && options.start_factor <= 1, "WarmupLR", "start_factor must be in (0, 1]", options.start_factor);
  resume(0);
}
double WarmupLR::rate(double first, std::int64_t steps) const {
  const double done = std::min(1.0, static_cast<double>(steps) / static_cast<double>(options_.steps));
  return first * (options_.start_factor + (1 - options_.start_factor) * done);
}

OneCycleLR::OneCycleLR(Optimizer& optimizer, OneCycleLROptions options) : Schedule(optimizer), options_(options) {
  check_rate(options.max_lr, "OneCycleLR", "max_lr must be positive");
  check_count(options.total_steps, "OneCycleLR", "total_steps must be positive");
  check_option(options.rise >= 0 && options.rise <= 1, "OneCycleLR", "rise must be in [0, 1]", options.rise);
  check_rate(options.div_factor, "OneCycleLR", "div_factor must be positive");
  check_rate(options.final_div_factor, "OneCycleLR", "final_div_factor must be positive");
  resume(0);
}
double OneCycleLR::rate(double, std::int64_t steps) const {
  const auto& o = options_;
  if (steps > o.total_steps)
    throw Error(fmt::format("[OneCycleLR] there must be no more steps than total_steps: {} of {}", steps, o.total_steps).c_str());
  const auto between = [&o](double from, double to, double part) {
    part = std::clamp(part, 0.0, 1.0);
    return o.linear ? from + (to - from) * part : to + (from - to) / 2 * (1 + std::cos(pi * part));
  };
  const double low = o.max_lr / o.div_factor, total = static_cast<double>(o.total_steps), at = static_cast<double>(steps);
  const double top = o.rise * total - 1, last = total - 1;
  if (at <= top) return top > 0 ? between(low, o.max_lr, at / top) : o.max_lr;
  return between(o.max_lr, low / o.final_div_factor, last > top ? (at - top) / (last - top) : 1);
}

ReduceOnPlateau::ReduceOnPlateau(Optimizer& optimizer, ReduceOnPlateauOptions options)
    : optimizer_(optimizer), options_(options), best_(options.maximize ? -HUGE_VAL : HUGE_VAL) {
  check_option(options.factor > 0 && options.factor < 1, "ReduceOnPlateau", "factor must be in (0, 1)", options.factor);
  check_option(options.min_lr >= 0, "ReduceOnPlateau", "min_lr must not be negative", options.min_lr);
  check_option(options.threshold >= 0, "ReduceOnPlateau", "threshold must not be negative", options.threshold);
  check_option(options.patience >= 0, "ReduceOnPlateau", "patience must not be negative", static_cast<double>(options.patience));
  check_option(options.cooldown >= 0, "ReduceOnPlateau", "cooldown must not be negative", static_cast<double>(options.cooldown));
}

void ReduceOnPlateau::restore(const std::array<double, 3>& state) {
  best_ = state[0];
  bad_ = static_cast<std::int64_t>(state[1]);
  cooling_ = static_cast<std::int64_t>(state[2]);
}

bool ReduceOnPlateau::better(double measured) const {
  const double sign = options_.maximize ? 1 : -1;
  if (std::isinf(best_)) return sign * measured > sign * best_;
  const double bound = options_.absolute ? best_ + sign * options_.threshold : best_ * (1 + sign * options_.threshold);
  return sign * measured > sign * bound;
}

void ReduceOnPlateau::step(double measured) {
  Optimizer& optimizer = optimizer_.get("ReduceOnPlateau");
  if (better(measured)) {
    best_ = measured;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= options_.patience) return;
  for (std::size_t g = 0; g < optimizer.groups(); ++g) {
    const double old = optimizer.group_lr(g), next = std::max(old * options_.factor, options_.min_lr);
    if (old - next > options_.eps) optimizer.group_lr(g, next);
  }
  cooling_ = options_.cooldown;
  bad_ = 0;
}

}  // namespace mushin::nn
