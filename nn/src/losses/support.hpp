#pragma once
#include "mushin/autograd/ops/elementary.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/nn/losses/rules.hpp"

namespace mushin::nn::detail {

inline core::Array number(const auto& x, double value) { return core::literal(value, x.type()); }
inline const core::Array& value(const core::Array& x) { return x; }
inline const core::Array& value(const core::Traced& x) { return x.value(); }

inline unsigned all_axes(const core::Sizes& sizes) { return (1u << sizes.rank) - 1u; }
/// ShapeError: the mean of no elements.
[[noreturn]] void refuse_mean(const char* op, const core::Sizes&);

template <class Raw>
Raw reduce(const char* op, Raw each, Reduction how) {
  if (how == Reduction::mean && each.sizes().count() == 0) refuse_mean(op, each.sizes());
  if (how == Reduction::none || each.rank() == 0) return each;
  const unsigned axes = all_axes(each.sizes());
  return how == Reduction::mean ? core::mean(each, axes, false) : core::sum(each, axes, false);
}

/// ShapeError, with the first element of `x` for which `good` (bool, of its sizes) is false, unless all are true: waits for them. Nothing
/// is looked at while capturing.
void check_elements(const char* op, const char* rule, const core::Array& x, const core::Array& good);

}  // namespace mushin::nn::detail
