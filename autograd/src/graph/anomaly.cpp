#include "graph/anomaly.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "graph/hooks.hpp"
#include "graph/thread_state.hpp"
#include "mushin/autograd/anomaly.hpp"
#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"

namespace mushin::core {
namespace {

bool all_of(const Array& truths) {
  bool yes = true;
  read_all(all(truths, (1u << truths.rank()) - 1, false), &yes);
  return yes;
}
/// What the value is made of is computed here: recorded, while capturing; what is looked at is not.
bool is_finite(const Array& a) {
  if (!mushin::is_float(a.type()) || a.sizes().count() == 0) return true;
  evaluate(a);
  const NotRecorded quiet;
  return all_of(isfinite(a));
}

struct Anomaly {
  bool nan;
  std::string text;  // `nan at (0, 2) of (2, 3) float`
};

/// The first NaN, or else the first infinity.
std::optional<Anomaly> anomaly_in(const Array& a) {
  if (is_finite(a)) return {};
  const NotRecorded quiet;
  const Sizes& sizes = a.sizes();
  std::vector<double> values(static_cast<std::size_t>(sizes.count()));
  read_all(cast(a, dtype::f64), values.data());
  auto at = std::find_if(values.begin(), values.end(), [](double x) { return std::isnan(x); });
  const bool nan = at != values.end();
  if (!nan) at = std::find_if(values.begin(), values.end(), [](double x) { return std::isinf(x); });
  std::int64_t index[max_rank];
  auto rest = at - values.begin();
  for (unsigned i = sizes.rank; i-- > 0; rest /= sizes[i]) index[i] = rest % sizes[i];
  return Anomaly{
      nan, fmt::format("{} at ({}) of ({}) {}",
                       nan       ? "nan"
                       : *at < 0 ? "-inf"
                                 : "inf",
                       fmt::join(index, index + sizes.rank, ", "), fmt::join(sizes.at, sizes.at + sizes.rank, ", "), name_of(a.type()))};
}

[[noreturn]] void fail(const GraphNode& n, const std::string& what, const Anomaly& found) {
  throw GraphError(
      fmt::format("[{}] {} must be finite while an AnomalyGuard lives: {}{}", name_of(n), what, found.text, forward_call(n)).c_str());
}

/// While one lives, ops are recorded and not looked at.
class Unwatched {
 public:
  Unwatched() noexcept : before_(thread_state.set(watched_mode, false)) {}
  ~Unwatched() { thread_state.set(watched_mode, before_); }
  Unwatched(const Unwatched&) = delete;
  Unwatched& operator=(const Unwatched&) = delete;

 private:
  bool before_;
};

}  // namespace

void keep_calls(GraphNode& n) {
  Extras& extras = extras_of(n);
  extras.calls = std::make_unique<Calls>();
  take_call_stack(extras.calls->stack);
}

std::string forward_call(const GraphNode& n) {
  if (!n.extras || !n.extras->calls) return {};
  const std::string line = source_line(n.extras->calls->stack);
  return line.empty() ? line : fmt::format(" (forward call at {})", line);
}

Traced record_watched(const Rule& rule, Array&& value, const Traced* const* operands, unsigned count, Parameters parameters) {
  const Unwatched inside;
  Traced result = record_node(rule, std::move(value), operands, count, parameters);
  keep_calls(*static_cast<GraphNode*>(result.node()));
  check_result(result, operands, count);
  return result;
}

void check_result(const Traced& result, const Traced* const* operands, unsigned count) {
  const auto found = anomaly_in(result.value());
  if (!found) return;
  std::string what = "the result";
  for (unsigned i = 0; i < count; ++i) {
    const auto before = anomaly_in(operands[i]->value());
    if (!before) continue;
    if (!found->nan) return;
    what += fmt::format(" (operand {} has {})", i, before->text);
    break;
  }
  fail(*static_cast<GraphNode*>(result.node()), what, *found);
}

GradientWatch::GradientWatch(const Traced& seed) : finite_(is_finite(seed.value())) {}

void GradientWatch::check(Pass& pass, const GraphNode& n) const {
  for (unsigned i = 0; i < n.operands; ++i) {
    if (!n.inputs()[i]) continue;
    Pass::Entry& e = *pass.find(n.inputs()[i]);
    pass.join_parts(e);
    if (!e.wanted || !e.cotangent) continue;
    if (const auto found = anomaly_in(e.cotangent.value()); found && (found->nan || finite_))
      fail(n, fmt::format("the gradient of operand {}", i), *found);
  }
}

void GradientWatch::check_hooked(const GraphNode& n, const Traced& g) const {
  if (const auto found = anomaly_in(g.value()); found && (found->nan || finite_)) fail(n, "the gradient that a hook gives", *found);
}

}  // namespace mushin::core

namespace mushin {

AnomalyGuard::AnomalyGuard() noexcept
    : watched_before_(core::thread_state.set(core::watched_mode, true)), lines_before_(core::keep_lines(true)) {
  core::reasons_to_observe.fetch_add(1, std::memory_order_relaxed);
}
AnomalyGuard::~AnomalyGuard() {
  core::reasons_to_observe.fetch_sub(1, std::memory_order_relaxed);
  core::thread_state.set(core::watched_mode, watched_before_);
  core::keep_lines(lines_before_);
}

}  // namespace mushin
