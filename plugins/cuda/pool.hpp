// Windows over up to three axes, one element of a result at a time: what a window has greatest, its mean, and what an element of x gets
// back.
#pragma once
#include "half.hpp"

namespace mushin::cuda {

/// One axis behind (batch, channels), in places of less than 2^30. One that is missing has one place, and a window of one tap.
struct PoolAxis {
  int size = 1, outputs = 1, window = 1, before = 0;
  int counted = 0;  // places that means divide by, from the first of the padding on; 0: those of x
  Divisor stride, dilation;
};
struct Range {
  int begin, end;
  MUSHIN_BOTH int count() const { return end > begin ? end - begin : 0; }
};

/// The least k at which k d has come to n.
MUSHIN_BOTH int steps_to(int n, const Divisor& d) {
  return n <= 0 ? 0 : static_cast<int>(quotient(static_cast<std::uint32_t>(n) + d.by - 1, d));
}
/// The place of a tap.
MUSHIN_BOTH int place_of_tap(const PoolAxis& a, int p, int tap) {
  return p * static_cast<int>(a.stride.by) + tap * static_cast<int>(a.dilation.by) - a.before;
}
/// The taps of window p that are inside of x.
MUSHIN_BOTH Range taps_of(const PoolAxis& a, int p) {
  const int first = place_of_tap(a, p, 0), begin = steps_to(-first, a.dilation), end = steps_to(a.size - first, a.dilation);
  return {begin, end < a.window ? end : a.window};
}
/// What a mean divides by.
MUSHIN_BOTH int count_of_window(const PoolAxis& a, int p) {
  if (a.counted == 0) return taps_of(a, p).count();
  const int left = a.counted - p * static_cast<int>(a.stride.by);
  return left < 0 ? 0 : left < a.window ? left : a.window;
}
/// The windows that reach over a place of x. With dilation not all of them have a tap there.
MUSHIN_BOTH Range windows_over(const PoolAxis& a, int place) {
  const int at = place + a.before, reach = (a.window - 1) * static_cast<int>(a.dilation.by);
  const int end = static_cast<int>(quotient(static_cast<std::uint32_t>(at), a.stride)) + 1;
  return {steps_to(at - reach, a.stride), end < a.outputs ? end : a.outputs};
}

/// Windows, and how their views lie, in elements. Views: x; y or dy; dx.
struct Windows {
  static constexpr int axes = 3, views = 3, x = 0, y = 1, dx = 2;
  PoolAxis axis[axes];
  Index batch_step[views] = {}, channel_step[views] = {}, step[views][axes] = {};
  Divisor channels, extent[axes];  // of what is made
  Index count = 0;                 // its elements
};

struct PoolPosition {
  int batch, channel, at[Windows::axes];
};
MUSHIN_BOTH PoolPosition position_of(const Windows& w, Index element) {
  auto rest = static_cast<std::uint32_t>(element);
  PoolPosition p;
  for (int i = Windows::axes - 1; i >= 0; --i) {
    const std::uint32_t outer = quotient(rest, w.extent[i]);
    p.at[i] = static_cast<int>(rest - outer * w.extent[i].by), rest = outer;
  }
  const std::uint32_t batch = quotient(rest, w.channels);
  p.batch = static_cast<int>(batch), p.channel = static_cast<int>(rest - batch * w.channels.by);
  return p;
}
MUSHIN_BOTH Index plane_of(const Windows& w, int view, const PoolPosition& p) {
  return p.batch * w.batch_step[view] + p.channel * w.channel_step[view];
}
MUSHIN_BOTH Index offset_in_plane(const Windows& w, int view, const int (&at)[Windows::axes]) {
  return at[0] * w.step[view][0] + at[1] * w.step[view][1] + at[2] * w.step[view][2];
}
/// The number of an element within a plane of x, row-major.
MUSHIN_BOTH int number_in_x(const Windows& w, const int (&at)[Windows::axes]) {
  return (at[0] * w.axis[1].size + at[1]) * w.axis[2].size + at[2];
}

/// f(offset, number, n): n taps of window p that lie in a row inside of x, of which it tells where the first is in a plane.
template <class F>
MUSHIN_BOTH void each_row(const Windows& w, const int (&p)[Windows::axes], const F& f) {
  const Range planes = taps_of(w.axis[0], p[0]), rows = taps_of(w.axis[1], p[1]), taps = taps_of(w.axis[2], p[2]);
  if (taps.count() == 0) return;
  int at[] = {0, 0, place_of_tap(w.axis[2], p[2], taps.begin)};
  for (int i = planes.begin; i < planes.end; ++i) {
    at[0] = place_of_tap(w.axis[0], p[0], i);
    for (int k = rows.begin; k < rows.end; ++k) {
      at[1] = place_of_tap(w.axis[1], p[1], k);
      f(offset_in_plane(w, Windows::x, at), number_in_x(w, at), taps.count());
    }
  }
}

template <class T>
struct Greatest {
  Wide<T> value;
  int number;  // in x's plane; -1: the window has nothing inside
};
/// The first of equals in row-major order; the first NaN is greater than all.
template <class T>
MUSHIN_BOTH Greatest<T> greatest(const Windows& w, const T* plane, const int (&p)[Windows::axes]) {
  const int dilation = static_cast<int>(w.axis[2].dilation.by);
  const Index step = w.step[Windows::x][2] * dilation;
  Greatest<T> best{static_cast<Wide<T>>(-INFINITY), -1};
  each_row(w, p, [&](Index from, int number, int n) {
    for (int k = 0; k < n; ++k, from += step, number += dilation) {
      const Wide<T> v = wide(plane[from]);
      if (v > best.value || (v != v && best.value == best.value) || best.number < 0) best = {v, number};
    }
  });
  return best;
}

template <class W>
MUSHIN_BOTH W mean_count(const Windows& w, const int (&p)[Windows::axes]) {
  return static_cast<W>(Index{count_of_window(w.axis[0], p[0])} * count_of_window(w.axis[1], p[1])) *
         static_cast<W>(count_of_window(w.axis[2], p[2]));
}
/// Rows are summed each for itself: errors grow slower.
template <class T>
MUSHIN_BOTH Wide<T> mean(const Windows& w, const T* plane, const int (&p)[Windows::axes]) {
  const Index step = w.step[Windows::x][2];
  Wide<T> sum{0};
  each_row(w, p, [&](Index from, int, int n) {
    Wide<T> row{0};
    for (int k = 0; k < n; ++k, from += step) row += wide(plane[from]);
    sum += row;
  });
  return sum / mean_count<Wide<T>>(w, p);
}

/// The sum of f(p) over the windows that reach over an element of x, in row-major order.
template <class W, class F>
MUSHIN_BOTH W gathered(const Windows& w, const PoolPosition& element, const F& f) {
  const Range planes = windows_over(w.axis[0], element.at[0]), rows = windows_over(w.axis[1], element.at[1]),
              row = windows_over(w.axis[2], element.at[2]);
  W sum{0};
  for (int i = planes.begin; i < planes.end; ++i)
    for (int k = rows.begin; k < rows.end; ++k)
      for (int l = row.begin; l < row.end; ++l) sum += f({i, k, l});
  return sum;
}

/// What a kernel makes: y; of each window which element is its greatest; dx from x and dy, or from these numbers and dy; y; dx.
enum class PoolPass : int { max, find, max_backward, max_backward_of_found, mean, mean_backward };
inline constexpr int pool_passes = 6;
enum class PoolType : int { f32, f64, f16, bf16 };

/// Whether a gradient of greatest values finds them before. Not where windows are small and no two reach over one place: there each element
/// looks through its own.
inline bool finds_first(const Windows& w) {
  constexpr Index most_taps = 16;
  Index taps = 1;
  bool apart = true;
  for (const PoolAxis& a : w.axis) {
    if (taps <= most_taps) taps *= a.window;
    apart = apart && (a.outputs <= 1 || static_cast<Index>(a.stride.by) > (a.window - Index{1}) * a.dilation.by);
  }
  return !apart || taps > most_taps;
}

/// One element. Null: what the pass doesn't have. `found`: by windows in row-major order.
template <class T, PoolPass pass>
MUSHIN_BOTH void pool_element(const Windows& w, const T* x, const T* dy, const int* found, void* to, Index element) {
  const PoolPosition at = position_of(w, element);
  const T* plane = nullptr;
  if constexpr (pass != PoolPass::mean_backward) plane = x + plane_of(w, Windows::x, at);
  if constexpr (pass == PoolPass::find) {
    static_cast<int*>(to)[element] = greatest(w, plane, at.at).number;
  } else if constexpr (pass == PoolPass::max || pass == PoolPass::mean) {
    T& result = static_cast<T*>(to)[plane_of(w, Windows::y, at) + offset_in_plane(w, Windows::y, at.at)];
    if constexpr (pass == PoolPass::max)
      store(result, greatest(w, plane, at.at).value);
    else
      store(result, mean(w, plane, at.at));
  } else {
    using W = Wide<T>;
    using Window = const int(&)[Windows::axes];
    const T* const gradients = dy + plane_of(w, Windows::y, at);
    const auto gradient = [&](Window p) { return wide(gradients[offset_in_plane(w, Windows::y, p)]); };
    W sum;
    if constexpr (pass == PoolPass::mean_backward) {
      sum = gathered<W>(w, at, [&](Window p) { return gradient(p) / mean_count<W>(w, p); });
    } else {
      const int own = number_in_x(w, at.at);
      const Index first = Index{at.batch} * w.channels.by + at.channel;
      const auto greatest_of = [&](Window p) {
        if constexpr (pass == PoolPass::max_backward) return greatest(w, plane, p).number;
        return found[((first * w.axis[0].outputs + p[0]) * w.axis[1].outputs + p[1]) * w.axis[2].outputs + p[2]];
      };
      sum = gathered<W>(w, at, [&](Window p) { return greatest_of(p) == own ? gradient(p) : W{0}; });
    }
    store(static_cast<T*>(to)[plane_of(w, Windows::dx, at) + offset_in_plane(w, Windows::dx, at.at)], sum);
  }
}

}  // namespace mushin::cuda
