#pragma once
#include "mushin/tensor/shape_rules/windows.hpp"

namespace mushin::rules {

// (batch, channels, sizes…) -> (batch, channels, windows…).

constexpr bool pool_fits(Shape x, PerAxis window, PerAxis padding, PerAxis dilation) {
  for (unsigned i = 0; i < spatial_axes(x); ++i)
    if (!window_fits(x[2 + i], {window[i], 1, padding[i], dilation[i]})) return false;
  return true;
}
/// Each window has something inside.
constexpr bool pool_padding_fits(Shape x, PerAxis window, PerAxis padding, PerAxis dilation) {
  for (unsigned i = 0; i < spatial_axes(x); ++i)
    if (2 * padding[i] > reach(window[i], dilation[i])) return false;
  return true;
}
constexpr Shape pool(Shape x, PerAxis window, PerAxis stride, PerAxis padding, PerAxis dilation, bool round_up) {
  Shape out;
  out.push(x[0]), out.push(x[1]);
  for (unsigned i = 0; i < spatial_axes(x); ++i)
    out.push(window_count(x[2 + i], {window[i], stride[i], padding[i], dilation[i], round_up}));
  return out;
}
constexpr Shape adaptive_pool(Shape x, PerAxis to) {
  Shape out;
  out.push(x[0]), out.push(x[1]);
  for (unsigned i = 0; i < spatial_axes(x); ++i) out.push(extent{to[i]});
  return out;
}

}  // namespace mushin::rules
