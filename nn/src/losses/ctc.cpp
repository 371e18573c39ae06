#include "mushin/nn/losses/ctc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "losses/support.hpp"
#include "mushin/autograd/ops/ctc.hpp"
#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/scan.hpp"

namespace mushin::nn::detail {
namespace {

std::vector<std::int64_t> read(const core::Array& a) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(a.sizes().count()));
  core::read_all(a, values.data());
  return values;
}

struct Bounds {
  std::int64_t time, batch, classes, most;
};

void check_counts(const char* what, const std::vector<std::int64_t>& counts, std::int64_t most) {
  for (std::size_t n = 0; n < counts.size(); ++n)
    if (counts[n] < 0 || counts[n] > most)
      throw ShapeError(fmt::format("[ctc] {} must be from 0 to {}: {} in row {}", what, most, counts[n], n).c_str());
}

void check(const core::CtcTargets& t, const Bounds& b) {
  if (t.blank < 0 || t.blank >= b.classes)
    throw ShapeError(fmt::format("[ctc] the blank must be a class: blank {}, {} classes", t.blank, b.classes).c_str());
  if (core::capturing()) return;  // nothing is read then: the device says it, in every replay
  const auto labels = read(t.labels), steps = read(t.steps), lengths = read(t.lengths);
  check_counts("a row's steps", steps, b.time), check_counts("a row's length", lengths, b.most);
  for (std::int64_t n = 0; n < b.batch; ++n)
    for (std::int64_t k = 0; k < lengths[static_cast<std::size_t>(n)]; ++k) {
      const std::int64_t label = labels[static_cast<std::size_t>(n * b.most + k)];
      if (label < 0 || label >= b.classes || label == t.blank)
        throw ShapeError(fmt::format("[ctc] a label must be a class and not the blank: label {} at ({}, {}), {} classes, blank {}", label,
                                     n, k, b.classes, t.blank)
                             .c_str());
    }
}

/// The labels of rows that stand one behind the other, as (batch, most); what no length counts is any label. While capturing, when no
/// length can be read, `most` is as many as there are.
core::Array in_rows(const core::Array& labels, const core::Array& lengths, std::int64_t batch) {
  const std::int64_t all = labels.sizes()[0];
  std::int64_t most = all;
  if (!core::capturing()) {
    const auto each = read(lengths);
    check_counts("a row's length", each, all);
    const std::int64_t sum = std::accumulate(each.begin(), each.end(), std::int64_t{0});
    if (sum != all) throw ShapeError(fmt::format("[ctc] the lengths must be those of the labels together: {} of {}", sum, all).c_str());
    most = each.empty() ? 0 : *std::max_element(each.begin(), each.end());
  }
  const core::Sizes rows{batch, most};
  if (rows.count() == 0) return core::broadcast_to(core::literal(0, dtype::i64), rows);
  const core::Array length = core::reshape(lengths, {batch, 1}), begin = core::sub(core::cumsum(length, 0, false), length);
  const core::Array k = core::reshape(core::counting(most, labels.device()), {1, most});
  return core::take(labels, core::where(core::less(k, length), core::add(begin, k), core::literal(0, dtype::i64)));
}

template <class Raw>
Raw loss(const Raw& logarithms, core::CtcTargets t, Reduction how, bool zero_infinity) {
  const core::Sizes& s = logarithms.sizes();
  core::check_sizes("ctc", t.lengths.sizes(), {s[1]});
  if (t.labels.rank() == 1) t.labels = in_rows(t.labels, t.lengths, s[1]);
  const Bounds b{s[0], s[1], s[2], t.labels.sizes()[1]};
  core::check_sizes("ctc", t.labels.sizes(), {b.batch, -1});
  core::check_sizes("ctc", t.steps.sizes(), {b.batch});
  check(t, b);
  Raw each = ctc(logarithms, t);
  const core::Array infinity = number(each, std::numeric_limits<double>::infinity());
  if (zero_infinity) each = where(core::equal(value(each), infinity), Raw(number(each, 0)), each);
  if (how == Reduction::mean) each = div(each, core::cast(core::maximum(t.lengths, core::literal(1, dtype::i64)), each.type()));
  return reduce<Raw>("ctc", std::move(each), how);
}

}  // namespace

core::Array ctc(const core::Array& x, const core::Array& labels, const core::Array& steps, const core::Array& lengths, Reduction how,
                const CtcOptions& o) {
  return loss(x, {labels, steps, lengths, o.blank}, how, o.zero_infinity);
}
core::Traced ctc(const core::Traced& x, const core::Array& labels, const core::Array& steps, const core::Array& lengths, Reduction how,
                 const CtcOptions& o) {
  return loss(x, {labels, steps, lengths, o.blank}, how, o.zero_infinity);
}

}  // namespace mushin::nn::detail
