#pragma once
#include "mushin/tensor/shape.hpp"

namespace mushin {

/// A number for each of 1 to 3 spatial axes, as a template value: `PerAxis{2, 1}`. A single number is for all of them.
struct PerAxis {
  std::int64_t at[3]{};
  unsigned count = 1;

  constexpr PerAxis(std::integral auto all) : at{all, all, all} {}
  constexpr PerAxis(std::integral auto a, std::integral auto b) : at{a, b, 0}, count(2) {}
  constexpr PerAxis(std::integral auto a, std::integral auto b, std::integral auto c) : at{a, b, c}, count(3) {}
  constexpr std::int64_t operator[](unsigned axis) const { return at[axis]; }
  constexpr bool operator==(const PerAxis& o) const {
    return count == o.count && at[0] == o.at[0] && at[1] == o.at[1] && at[2] == o.at[2];
  }
};

namespace rules {

/// (batch, channels, 1 to 3 axes).
constexpr bool has_spatial_axes(Shape x) { return x.rank >= 3 && x.rank <= 5; }
constexpr unsigned spatial_axes(Shape x) { return has_spatial_axes(x) ? x.rank - 2 : 0; }
/// One number for all of the axes, or as many as there are.
constexpr bool fits_axes(Shape x, PerAxis n) { return n.count == 1 || n.count == spatial_axes(x); }
constexpr bool between(PerAxis n, std::int64_t least, std::int64_t most = 0x7FFFFFFF) {
  for (unsigned i = 0; i < (n.count == 1 ? 1 : n.count); ++i)
    if (n[i] < least || n[i] > most) return false;
  return true;
}

/// How far a window of `n` elements, `dilation` apart, reaches.
constexpr std::int64_t reach(std::int64_t n, std::int64_t dilation) { return dilation * (n - 1) + 1; }

/// How a window lies along one axis: `padding` elements on both sides belong to it.
struct Slide {
  std::int64_t window, stride, padding, dilation;
  bool round_up = false;  // also where it reaches beyond the padding, as long as it begins in front of that
};
constexpr bool window_fits(std::int64_t size, Slide s) { return size + 2 * s.padding >= reach(s.window, s.dilation); }
constexpr std::int64_t window_count(std::int64_t size, Slide s) {
  const std::int64_t room = size + 2 * s.padding - reach(s.window, s.dilation);
  if (room < 0) return 0;
  const std::int64_t whole = room / s.stride + 1;
  return s.round_up && room % s.stride != 0 && whole * s.stride < size + s.padding ? whole + 1 : whole;
}

/// The same of extents: a name stays where the size does.
constexpr bool window_fits(extent e, Slide s) { return !e.is_static() || window_fits(e.size, s); }
constexpr extent window_count(extent e, Slide s) {
  if (s.stride == 1 && 2 * s.padding + 1 == reach(s.window, s.dilation)) return e;
  return e.is_static() ? extent{window_count(e.size, s)} : dyn;
}

}  // namespace rules
}  // namespace mushin
