#include "mushin/autograd/ops/arrange.hpp"

#include <vector>

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/compositions.hpp"

namespace mushin::core {
namespace {
std::vector<Array> values_of(const Traced* parts, unsigned count) {
  std::vector<Array> values;
  for (unsigned k = 0; k < count; ++k) values.push_back(parts[k].value());
  return values;
}
}  // namespace

// A graph node has few operands, so the parts join a chain of nodes, each with one more of them. No rule reads the values in between,
// only their sizes: they are views of the one result.
Traced concat(const Traced* parts, unsigned count, unsigned axis, const char* op) {
  static constexpr auto pull = [](Pullback& p) {
    const auto along = static_cast<unsigned>(p.parameter(0));
    const std::int64_t border = p.parameter(1), end = p.cotangent().sizes()[along];
    if (p.wants(0)) p.give(0, slice(p.cotangent(), along, 0, border));
    if (p.wants(1)) p.give(1, slice(p.cotangent(), along, border, end));
  };
  static constexpr Rule rule{"concat", {}, pull};
  const Array whole = concat(values_of(parts, count).data(), count, axis, op);
  Traced out = parts[0];
  for (unsigned k = 1; k < count; ++k) {
    const std::int64_t border = out.sizes()[axis], end = border + parts[k].sizes()[axis];
    out = record(rule, slice(whole, axis, 0, end), out, parts[k], {axis, border});
  }
  return out;
}

Traced stack(const Traced* parts, unsigned count, unsigned axis) {
  evaluate(values_of(parts, count).data(), count);
  return compositions::stack(parts, count, axis);
}

Traced flip(const Traced& a, unsigned axes) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, flip(p.cotangent(), static_cast<unsigned>(p.parameter(0)))); };
  static constexpr Rule rule{"flip", {}, pull};
  return record(rule, flip(a.value(), axes), a, {axes});
}

// As in concat: one node for each axis, whose value is a view of the one result.
Traced pad(const Traced& a, const std::int64_t* before, const std::int64_t* after, const Array& value) {
  static constexpr auto pull = [](Pullback& p) {
    const auto along = static_cast<unsigned>(p.parameter(0));
    p.give(0, slice(p.cotangent(), along, p.parameter(1), p.parameter(1) + p.sizes(0)[along]));
  };
  static constexpr Rule rule{"pad", {}, pull};
  const Array whole = pad(a.value(), before, after, value);
  Traced out = a;
  for (unsigned i = 0; i < a.rank(); ++i) {
    if (before[i] == 0 && after[i] == 0) continue;
    Array part = whole;
    for (unsigned k = i + 1; k < a.rank(); ++k) part = slice(part, k, before[k], before[k] + a.sizes()[k]);
    out = record(rule, std::move(part), out, {i, before[i]});
  }
  return out;
}

Traced tile(const Traced& a, const Sizes& times) { return compositions::tile(a, times); }

Traced at(const Traced& a, unsigned axis, std::int64_t i) {
  const Array value = at(a.value(), axis, i);  // checks the index
  if (!a.node()) return value;
  return compositions::at(a, axis, i < 0 ? i + a.sizes()[axis] : i);
}

}  // namespace mushin::core
