#include "mushin/nn/losses.hpp"

#include <fmt/format.h>

#include <vector>

#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

unsigned all_axes(const core::Sizes& sizes) { return (1u << sizes.rank) - 1u; }

template <class Raw>
Raw reduce(Raw each, Reduction how) {
  if (how == Reduction::none || each.rank() == 0) return each;
  const unsigned axes = all_axes(each.sizes());
  return how == Reduction::mean ? core::mean(each, axes, false) : core::sum(each, axes, false);
}

template <class Raw>
Raw squared_error(const Raw& prediction, const Raw& target, Reduction how) {
  const Raw difference = core::sub(prediction, target);
  return reduce<Raw>(core::mul(difference, difference), how);
}

void check_labels(const core::Array& labels, std::int64_t classes) {
  if (core::capturing()) return;  // nothing is read then: gather says it, in every replay
  std::vector<std::int64_t> values(static_cast<std::size_t>(labels.sizes().count()));
  core::read_all(labels, values.data());
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] < 0 || values[i] >= classes)
      throw ShapeError(
          fmt::format("[cross_entropy] a label must be less than the number of classes, and not negative: label {} at position {}, "
                      "{} classes",
                      values[i], i, classes)
              .c_str());
}

template <class Raw>
Raw log_loss(const Raw& logits, const core::Array& labels, Reduction how) {
  const unsigned axis = logits.rank() - 1;
  check_labels(labels, logits.sizes()[axis]);
  core::Sizes column = labels.sizes(), rows = labels.sizes();
  column.push(1);
  const Raw chosen = core::gather(core::log_softmax(logits, axis), axis, core::reshape(labels, column));
  return reduce<Raw>(core::neg(core::reshape(chosen, rows)), how);
}

}  // namespace

core::Array mse(const core::Array& p, const core::Array& y, Reduction how) { return squared_error(p, y, how); }
core::Traced mse(const core::Traced& p, const core::Traced& y, Reduction how) { return squared_error(p, y, how); }
core::Array cross_entropy(const core::Array& x, const core::Array& labels, Reduction how) { return log_loss(x, labels, how); }
core::Traced cross_entropy(const core::Traced& x, const core::Array& labels, Reduction how) { return log_loss(x, labels, how); }

void check_same_sizes(const char* op, const core::Sizes& a, const core::Sizes& b, unsigned rank) {
  for (unsigned i = 0; i < rank; ++i)
    if (a[i] != b[i])
      throw ShapeError(
          fmt::format("[{}] prediction and target must have the same sizes: axis {} has {} and {}", op, i, a[i], b[i]).c_str());
}

}  // namespace mushin::nn::detail
