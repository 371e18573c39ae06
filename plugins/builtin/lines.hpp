// Views walked as lines along one axis, neighbouring lines together.
#pragma once
#include "common.hpp"

namespace mushin::builtin {

struct Lines {
  int axis, side;             // neighbours lie along `side`, the innermost other axis; -1: there is none
  std::int64_t inner, outer;  // lines side by side, and groups of such

  /// Of all views that have the dims of `space` on the other axes.
  Lines(const mu_tensor& space, std::uint32_t along) : axis(static_cast<int>(along)), side(-1), inner(1), outer(1) {
    for (int i = space.rank - 1; i >= 0; --i) {
      if (i == axis) continue;
      if (side < 0)
        side = i, inner = space.dim[i];
      else
        outer *= space.dim[i];
    }
  }
  std::int64_t step(const mu_tensor& v) const { return v.stride[axis]; }
  std::int64_t across(const mu_tensor& v) const { return side < 0 ? 0 : v.stride[side]; }
  /// Where line `first` of a group begins; `bytes`: of an element.
  char* begin(const mu_tensor& v, std::int64_t group, std::int64_t first, std::int64_t bytes) const {
    std::int64_t at = first * across(v);
    for (int i = v.rank - 1; i >= 0; --i) {
      if (i == axis || i == side) continue;
      at += group % v.dim[i] * v.stride[i], group /= v.dim[i];
    }
    return address(v) + at * bytes;
  }
  template <class T>
  T* begin(const mu_tensor& v, std::int64_t group, std::int64_t first) const {
    return reinterpret_cast<T*>(begin(v, group, first, sizeof(T)));
  }
  /// f(group, first, count) for blocks of at most `width` neighbours, on the host's threads. `work`: of a line, in elements.
  template <class F>
  void for_blocks(std::int64_t width, std::int64_t work, const F& f) const {
    const std::int64_t per_group = (inner + width - 1) / width;
    parallel(per_group * outer, most(1, 16384 / most(1, work * least(inner, width))), [&](std::int64_t b, std::int64_t e) {
      for (; b < e; ++b) {
        const std::int64_t first = b % per_group * width;
        f(b / per_group, first, least(width, inner - first));
      }
    });
  }
};

}  // namespace mushin::builtin
