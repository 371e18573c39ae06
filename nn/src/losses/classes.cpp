#include "mushin/nn/losses/classes.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "losses/support.hpp"
#include "mushin/autograd/ops/index.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/autograd/ops/softmax.hpp"
#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

/// What a loss of rows is told besides its operands.
struct Rows {
  const char* op;
  const core::Array& labels;
  const core::Array* weights;
  std::optional<std::int64_t> ignored;
  double smoothing;
  Reduction how;
};

void check_labels(const Rows& r, std::int64_t classes) {
  // Reading them would wait for a device, and a capture reads nothing: gather tells it there, in every replay too.
  if (core::capturing() || !Device(r.labels.device()).host_memory()) return;
  std::vector<std::int64_t> values(static_cast<std::size_t>(r.labels.sizes().count()));
  core::read_all(r.labels, values.data());
  bool some = false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == r.ignored) continue;
    some = true;
    if (values[i] < 0 || values[i] >= classes)
      throw ShapeError(
          fmt::format("[{}] a label must be less than the number of classes, and not negative: label {} at position {}, {} classes", r.op,
                      values[i], i, classes)
              .c_str());
  }
  if (!some && !values.empty() && r.how == Reduction::mean)
    throw ShapeError(fmt::format("[{}] the mean needs a label that isn't ignored: all {} are {}", r.op, values.size(), *r.ignored).c_str());
}

/// (…) as (…, 1).
core::Sizes column(core::Sizes rows) {
  rows.push(1);
  return rows;
}

/// Each row's weight: that of its class, 0 where the label is ignored.
core::Array row_weights(const Rows& r, const core::Array& kept, const core::Array& safe, dtype type) {
  const core::Array one = core::literal(1, type);
  const core::Array weight = r.weights ? core::take(*r.weights, safe) : core::broadcast_to(one, safe.sizes());
  return kept ? core::where(kept, weight, core::literal(0, type)) : weight;
}

template <class Raw>
Raw log_loss(const Raw& logarithms, const Rows& r) {
  const unsigned axis = logarithms.rank() - 1;
  const std::int64_t classes = logarithms.sizes()[axis];
  check_labels(r, classes);
  core::Array kept, safe = r.labels;
  if (r.ignored) {
    kept = core::not_equal(r.labels, core::literal(static_cast<double>(*r.ignored), dtype::i64));
    safe = core::where(kept, r.labels, core::literal(0, dtype::i64));
  }
  Raw each = neg(reshape(gather(logarithms, axis, core::reshape(safe, column(safe.sizes()))), safe.sizes()));
  const bool weighted = r.weights || r.ignored;
  const core::Array weight = weighted ? row_weights(r, kept, safe, logarithms.type()) : core::Array();
  if (weighted) each = mul(each, weight);
  if (r.smoothing != 0) {
    Raw over_classes = neg(sum(r.weights ? Raw(mul(logarithms, *r.weights)) : logarithms, 1u << axis, false));
    if (kept) over_classes = where(kept, over_classes, Raw(number(over_classes, 0)));
    each = add(mul(each, number(each, 1 - r.smoothing)), mul(over_classes, number(each, r.smoothing / static_cast<double>(classes))));
  }
  // An infinite loss of a row that doesn't count would be NaN.
  if (kept) each = where(kept, each, Raw(number(each, 0)));
  if (!weighted || r.how != Reduction::mean) return reduce<Raw>(r.op, std::move(each), r.how);
  if (each.sizes().count() == 0) refuse_mean(r.op, each.sizes());
  const unsigned axes = all_axes(each.sizes());
  return each.rank() == 0 ? Raw(div(each, weight)) : Raw(div(sum(each, axes, false), core::sum(weight, axes, false)));
}

template <class Raw>
Raw entropy(const Raw& logits, const core::Array& labels, const core::Array* weights, Reduction how, const CrossEntropyOptions& o) {
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1))
    throw Error(fmt::format("[cross_entropy] label_smoothing must be in [0, 1]: {}", o.label_smoothing).c_str());
  const Raw logarithms = log_softmax(logits, logits.rank() - 1);
  return log_loss(logarithms, {"cross_entropy", labels, weights, o.ignore_index, o.label_smoothing, how});
}

}  // namespace

core::Array cross_entropy(const core::Array& x, const core::Array& labels, const core::Array* weights, Reduction how,
                          CrossEntropyOptions o) {
  return entropy(x, labels, weights, how, o);
}
core::Traced cross_entropy(const core::Traced& x, const core::Array& labels, const core::Array* weights, Reduction how,
                           CrossEntropyOptions o) {
  return entropy(x, labels, weights, how, o);
}
core::Array nll(const core::Array& x, const core::Array& labels, const core::Array* weights, Reduction how, NllOptions o) {
  return log_loss(x, {"nll", labels, weights, o.ignore_index, 0, how});
}
core::Traced nll(const core::Traced& x, const core::Array& labels, const core::Array* weights, Reduction how, NllOptions o) {
  return log_loss(x, {"nll", labels, weights, o.ignore_index, 0, how});
}

}  // namespace mushin::nn::detail
