#pragma once
#include "mushin/tensor/shape_rules/windows.hpp"

namespace mushin::rules {

// x: (batch, channels, sizes…), w: (outputs, channels / groups, kernel…) -> (batch, outputs, places…). A transposed convolution takes what
// that gives, and gives what it takes: x: (batch, outputs, sizes…), w as before -> (batch, channels, …).

constexpr bool conv_has_axes(Shape x, Shape w) { return has_spatial_axes(x) && w.rank == x.rank; }

constexpr bool divides(std::int64_t groups, extent e) { return groups > 0 && (!e.is_static() || e.size % groups == 0); }
/// Times `groups`; what isn't known may be anything.
constexpr extent times(extent e, std::int64_t groups) { return e * extent{groups}; }

constexpr bool conv_groups_divide(Shape x, Shape w, std::int64_t groups) { return divides(groups, x[1]) && divides(groups, w[0]); }
constexpr bool conv_channels_match(Shape x, Shape w, std::int64_t groups) { return may_equal(x[1], times(w[1], groups)); }
constexpr bool conv_transpose_channels_match(Shape x, Shape w) { return may_equal(x[1], w[0]); }

/// No axis of the kernel is 0 or greater than that of x with its padding.
constexpr bool conv_kernel_fits(Shape x, Shape w, PerAxis padding, PerAxis dilation) {
  for (unsigned i = 0; i < spatial_axes(x); ++i)
    if (const extent k = w[2 + i]; k.is_static() && (k.size == 0 || !window_fits(x[2 + i], {k.size, 1, padding[i], dilation[i]})))
      return false;
  return true;
}

constexpr Shape conv(Shape x, Shape w, PerAxis stride, PerAxis padding, PerAxis dilation) {
  Shape out;
  out.push(x[0]), out.push(w[0]);
  for (unsigned i = 0; i < spatial_axes(x); ++i) {
    const extent k = w[2 + i];
    out.push(k.is_static() ? window_count(x[2 + i], {k.size, stride[i], padding[i], dilation[i]}) : dyn);
  }
  return out;
}

/// How a transposed convolution lies along one axis; `more` elements behind, which the stride leaves open.
constexpr std::int64_t transposed_size(std::int64_t size, Slide s, std::int64_t more) {
  return (size - 1) * s.stride - 2 * s.padding + reach(s.window, s.dilation) + more;
}
/// There are only that many sizes of which a convolution would give the same.
constexpr bool conv_transpose_more_fits(Shape x, PerAxis more, PerAxis stride, PerAxis dilation) {
  for (unsigned i = 0; i < spatial_axes(x); ++i)
    if (more[i] < 0 || (more[i] > 0 && more[i] >= stride[i] && more[i] >= dilation[i])) return false;
  return true;
}
/// Something is left of each axis.
constexpr bool conv_transpose_fits(Shape x, Shape w, PerAxis stride, PerAxis padding, PerAxis more, PerAxis dilation) {
  for (unsigned i = 0; i < spatial_axes(x); ++i) {
    const extent e = x[2 + i], k = w[2 + i];
    if (k.is_static() && k.size == 0) return false;
    if (e.is_static() && k.is_static() && transposed_size(e.size, {k.size, stride[i], padding[i], dilation[i]}, more[i]) < 1) return false;
  }
  return true;
}
constexpr Shape conv_transpose(Shape x, Shape w, PerAxis stride, PerAxis padding, PerAxis more, PerAxis dilation, std::int64_t groups) {
  Shape out;
  out.push(x[0]), out.push(times(w[1], groups));
  for (unsigned i = 0; i < spatial_axes(x); ++i) {
    const extent e = x[2 + i], k = w[2 + i];
    const Slide s{k.size, stride[i], padding[i], dilation[i]};
    if (e.is_static() && k.is_static())
      out.push(extent{transposed_size(e.size, s, more[i])});
    else
      out.push(k.is_static() && transposed_size(7, s, more[i]) == 7 && stride[i] == 1 ? e : dyn);
  }
  return out;
}

}  // namespace mushin::rules
