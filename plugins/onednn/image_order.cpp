#include "image_order.hpp"

#include <array>

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

std::int64_t volume(const mu_tensor& v) {
  std::int64_t n = 1;
  for (unsigned i = 2; i < v.rank; ++i) n *= v.dim[i];
  return n;
}

std::int64_t find_block_channels() {
  const auto isa = static_cast<unsigned>(dnnl_get_effective_cpu_isa());
  const auto has = [isa](unsigned wanted) { return (isa & wanted) == wanted; };
  return has(dnnl_cpu_isa_avx512_core) ? 16 : has(dnnl_cpu_isa_avx2) ? 8 : 0;
}

}  // namespace

std::int64_t block_channels() {
  static const std::int64_t n = find_block_channels();
  return n;
}

bool can_be_blocks(const mu_tensor& v) {
  const std::int64_t n = block_channels();
  return n && v.dtype == MU_F32 && v.rank >= 3 && v.rank <= 5 && v.dim[1] > 0 && v.dim[1] % n == 0;
}

bool lies_in(const mu_tensor& v, Order order) {
  const unsigned last = v.rank - 1u;
  if (v.rank < 3 || v.rank > 5) return false;
  if (v.layout == MU_LAYOUT_OPAQUE)
    return order == Order::blocks && can_be_blocks(v) && v.layout_id == static_cast<std::uint64_t>(block_channels());
  if (order == Order::plain) return dense(v, [=](unsigned i) { return last - i; });
  return order == Order::channels_last && dense(v, [=](unsigned i) { return i == 0 ? 1 : i == last ? 0 : last + 1 - i; });
}

Order order_of(const mu_tensor& v) {
  for (const Order order : {Order::plain, Order::channels_last, Order::blocks})
    if (lies_in(v, order)) return order;
  return Order::other;
}

Tag tag_of(Order order, unsigned rank) {
  constexpr std::array plain{Tag::abc, Tag::abcd, Tag::abcde}, last{Tag::acb, Tag::acdb, Tag::acdeb};
  constexpr std::array by_8{Tag::aBc8b, Tag::aBcd8b, Tag::aBcde8b}, by_16{Tag::aBc16b, Tag::aBcd16b, Tag::aBcde16b};
  if (order == Order::blocks) return (block_channels() == 16 ? by_16 : by_8)[rank - 3];
  return (order == Order::plain ? plain : last)[rank - 3];
}

std::int64_t image_stride(const mu_tensor& v) { return v.layout == MU_LAYOUT_OPAQUE ? v.dim[1] * volume(v) : v.stride[0]; }
std::int64_t channel_stride(const mu_tensor& v) { return v.layout == MU_LAYOUT_OPAQUE ? volume(v) : v.stride[1]; }

std::int64_t elements(const mu_tensor& v) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < v.rank; ++i) n *= v.dim[i];
  return n;
}

}  // namespace onednn
