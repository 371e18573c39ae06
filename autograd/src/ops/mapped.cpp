#include "mushin/autograd/core/mapped.hpp"

#include <fmt/format.h>

#include "mushin/autograd/core/vmap.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/einsum.hpp"

namespace mushin::core {
namespace {

template <class H>
H aligned_of(const H& a, unsigned own, const mapped::Places& places, unsigned rank) {
  check_rank("vmap", places.count + rank);
  const unsigned mapped = a.rank() - own;
  unsigned order[max_rank], found = 0;
  bool same = rank == own && mapped == places.count;
  Sizes to;
  for (unsigned i = 0; i < places.count; ++i) {
    const int at = places.at[i];
    to.push(at < 0 ? 1 : a.sizes()[static_cast<unsigned>(at)]);
    same = same && at == static_cast<int>(i);
    if (at >= 0) order[found++] = static_cast<unsigned>(at);
  }
  if (same) return a;
  for (unsigned i = own; i < rank; ++i) to.push(1);
  for (unsigned i = 0; i < own; ++i) {
    order[mapped + i] = mapped + i;
    to.push(a.sizes()[mapped + i]);
  }
  bool turned = false;
  for (unsigned i = 0; i < mapped; ++i) turned = turned || order[i] != i;
  const H in_order = turned ? permute(a, order) : a;
  return in_order.sizes() == to ? in_order : reshape(in_order, to);
}

template <class H>
H spread_to(const H& whole, const Sizes& front) {
  Sizes to = front;
  for (unsigned i = front.rank; i < whole.rank(); ++i) to.push(whole.sizes()[i]);
  return to == whole.sizes() ? whole : broadcast_to(whole, to);
}

}  // namespace

namespace mapped {

Array aligned(const Array& a, unsigned own, const Places& places, unsigned rank) { return aligned_of(a, own, places, rank); }
Traced aligned(const Traced& a, unsigned own, const Places& places, unsigned rank) { return aligned_of(a, own, places, rank); }
Array spread(const Array& whole, const Sizes& front) { return spread_to(whole, front); }
Traced spread(const Traced& whole, const Sizes& front) { return spread_to(whole, front); }

Traced gathered(const Traced& whole, unsigned maps, unsigned own, const Sizes& to) {
  unsigned once = 0, lacked = 0;
  Sizes front;
  for (unsigned i = 0; i < maps; ++i) {
    if (i >= own)
      lacked |= 1u << i;
    else if (front.push(to[i]), to[i] == 1 && whole.sizes()[i] != 1)
      once |= 1u << i;
  }
  const Traced summed = once ? sum(whole, once, true) : whole;
  return spread(lacked ? sum(summed, lacked, false) : summed, front);
}

void share(Sizes& front, const Sizes& whole, unsigned maps) {
  while (front.rank < maps) front.push(1);
  for (unsigned i = 0; i < maps; ++i)
    if (whole[i] != 1) front.at[i] = whole[i];
}

Sizes behind(const Sizes& whole, unsigned maps, const Sizes& own) {
  check_rank("vmap", maps + own.rank);
  Sizes out;
  for (unsigned i = 0; i < maps; ++i) out.push(whole[i]);
  for (unsigned i = 0; i < own.rank; ++i) out.push(own[i]);
  return out;
}

std::int64_t one_size(const std::int64_t* sizes, unsigned count) {
  std::int64_t out = -1;
  for (unsigned i = 0; i < count; ++i) {
    if (sizes[i] < 0) continue;
    if (out >= 0 && sizes[i] != out)
      throw ShapeError(fmt::format("[vmap] the mapped axes must have one size: {} and {}", out, sizes[i]).c_str());
    out = sizes[i];
  }
  return out;
}

}  // namespace mapped

}  // namespace mushin::core
