#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/ops/conv.hpp"

namespace mushin::core {
/// Gradient: to each operand the kind that gives it from the other and the cotangent; to the bias the cotangent, summed.
MUSHIN_API Traced conv(ConvKind, const Traced& a, const Traced& b, const Traced& bias, const Sizes& to, const ConvWindow* window,
                       std::int64_t groups);
}  // namespace mushin::core

// Batched forms, for mu::vmap, of what the typed functions call: not for weights.
namespace mushin::core::mapped {
/// One `b` and bias for all: mapped axes of `a` are part of the batch.
MUSHIN_API Array conv_rows(ConvKind, const Array& a, const Array& b, const Array& bias, const Sizes& to, const ConvWindow*,
                           std::int64_t groups);
MUSHIN_API Traced conv_rows(ConvKind, const Traced& a, const Traced& b, const Traced& bias, const Sizes& to, const ConvWindow*,
                            std::int64_t groups);
/// A `b` for each, and `a` as well or one for all: mapped axes are groups, or outputs of one group.
MUSHIN_API Array conv_each(ConvKind, const Array& a, const Array& b, const Sizes& to, const ConvWindow*, std::int64_t groups);
MUSHIN_API Traced conv_each(ConvKind, const Traced& a, const Traced& b, const Sizes& to, const ConvWindow*, std::int64_t groups);
/// (…, n) as (…, n, 1…) beside (…, n, axes).
MUSHIN_API Array ahead_of(const Array&, unsigned axes);
MUSHIN_API Traced ahead_of(const Traced&, unsigned axes);

template <class A, class B, class C>
auto conv(ConvKind kind, const A& a, const B& b, const C& bias, const Sizes& to, const ConvWindow* window, std::int64_t groups) {
  using H = common<A, B, C>;
  if constexpr (!is_mapped<B> && !is_mapped<C>) {
    return a.with(conv_rows(kind, H(a.whole()), H(b), H(bias), to, window, groups));
  } else if constexpr (!is_mapped<B>) {
    // A bias for each alone.
    using core::conv;
    const auto y = conv(kind, a, b, Array(), to, window, groups);
    return add(y, bias.with(ahead_of(bias.whole(), to.rank - 2)));
  } else {
    using To = all_maps<A, B>;
    const auto sums = [&] {
      if constexpr (is_mapped<A>) {
        const auto [x, w] = spread_operands<To>(a, b);
        return result<A, B>(conv_each(kind, H(x), H(w), to, window, groups));
      } else {
        return result<A, B>(conv_each(kind, H(a), H(b.whole()), to, window, groups));
      }
    }();
    if constexpr (is_mapped<C>)
      return add(sums, bias.with(ahead_of(bias.whole(), to.rank - 2)));
    else
      return bias ? add(sums, ahead_of(bias, to.rank - 2)) : sums;
  }
}
}  // namespace mushin::core::mapped
