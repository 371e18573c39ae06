#include "image_order.hpp"

#include <array>

#include "plan.hpp"

namespace onednn {
namespace {

using Tag = dnnl::memory::format_tag;

// `axis(i)`: the i-th of the axes, innermost first.
template <class F>
bool dense(const mu_tensor& v, const F& axis) {
  std::int64_t step = 1;
  for (unsigned i = 0; i < v.rank; ++i) {
    const unsigned a = axis(i);
    if (v.dim[a] != 1 && v.stride[a] != step) return false;
    step *= v.dim[a];
  }
  return true;
}

}  // namespace

bool lies_in(const mu_tensor& v, Order order) {
  const unsigned last = v.rank - 1u;
  if (v.layout != MU_LAYOUT_STRIDED || v.rank < 3 || v.rank > 5) return false;
  if (order == Order::plain) return dense(v, [=](unsigned i) { return last - i; });
  return order == Order::channels_last && dense(v, [=](unsigned i) { return i == 0 ? 1 : i == last ? 0 : last + 1 - i; });
}

Order order_of(const mu_tensor& v) {
  for (const Order order : {Order::plain, Order::channels_last})
    if (lies_in(v, order)) return order;
  return Order::other;
}

Tag tag_of(Order order, unsigned rank) {
  constexpr std::array plain{Tag::abc, Tag::abcd, Tag::abcde}, last{Tag::acb, Tag::acdb, Tag::acdeb};
  require(order != Order::other, "[onednn] images lie with gaps");
  return (order == Order::plain ? plain : last)[rank - 3];
}

}  // namespace onednn
