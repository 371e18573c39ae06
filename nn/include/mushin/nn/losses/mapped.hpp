#pragma once
#include "mushin/nn/losses/classes.hpp"
#include "mushin/nn/losses/elements.hpp"

// Batched forms, for mu::vmap: the losses of all elements, of which those behind the mapped axes are reduced.
namespace mushin::core::mapped {

template <class A>
A reduced(const A& each, nn::Reduction r) {
  const unsigned axes = (1u << each.rank()) - 1;
  if (r == nn::Reduction::none || axes == 0) return each;
  return r == nn::Reduction::mean ? mean(each, axes, false) : sum(each, axes, false);
}
template <class P, class Y>
auto element_loss(nn::detail::ElementLoss which, const P& prediction, const Y& target, nn::Reduction r, double parameter) {
  const auto [p, y] = spread_operands<all_maps<P, Y>>(prediction, target);
  return reduced(result<P, Y>(nn::detail::element_loss(which, common<P, Y>(p), common<P, Y>(y), nn::Reduction::none, parameter)), r);
}
template <class L, class Y>
auto cross_entropy(const L& logits, const Y& labels, const Array* weights, nn::Reduction r, nn::CrossEntropyOptions options) {
  nn::detail::check_mapped_mean("cross_entropy", r, weights != nullptr || options.ignore_index.has_value());
  const auto [l, y] = spread_operands<all_maps<L, Y>>(logits, labels);
  return reduced(result<L, Y>(nn::detail::cross_entropy(l, y, weights, nn::Reduction::none, options)), r);
}

}  // namespace mushin::core::mapped
