#include "greatest_kernels.hpp"

#include <algorithm>

#include "each_cpu.hpp"

namespace onednn {
namespace {

/// Where a window has something inside of x along one axis: from `first` on in steps, so many.
struct Inside {
  std::int64_t first, step, count;
};
struct Window {
  Inside axis[3];

  [[gnu::always_inline]] std::int64_t place(const GreatestWindows& g, std::int64_t i, std::int64_t j, std::int64_t k) const {
    const Inside &a = axis[0], &b = axis[1], &c = axis[2];
    return ((a.first + i * a.step) * g.x[1] + b.first + j * b.step) * g.x[2] + c.first + k * c.step;
  }
};

[[gnu::always_inline]] inline Inside inside(const GreatestWindows& g, std::size_t axis, std::int64_t p) {
  const std::int64_t at = p * g.stride[axis] - g.before[axis], step = g.dilation[axis];
  std::int64_t begin = 0, end = g.window[axis];
  while (at + begin * step < 0) ++begin;
  while (at + (end - 1) * step >= g.x[axis]) --end;
  return {at + begin * step, step, end - begin};
}
[[gnu::always_inline]] inline Window window_at(const GreatestWindows& g, std::int64_t a, std::int64_t b, std::int64_t c) {
  return {{inside(g, 0, a), inside(g, 1, b), inside(g, 2, c)}};
}

}  // namespace
}  // namespace onednn

#define MUSHIN_CPU v4
#define MUSHIN_TARGET MUSHIN_TARGET_V4
#include "greatest_kernels-inl.h"
#undef MUSHIN_CPU
#undef MUSHIN_TARGET
#define MUSHIN_CPU v3
#define MUSHIN_TARGET MUSHIN_TARGET_V3
#include "greatest_kernels-inl.h"
#undef MUSHIN_CPU
#undef MUSHIN_TARGET
#define MUSHIN_CPU baseline
#define MUSHIN_TARGET
#include "greatest_kernels-inl.h"

namespace onednn {

const GreatestKernels& greatest_kernels(std::int64_t channels) {
  constexpr const GreatestKernels* tables[][2] = {{&baseline::greatest_table<Of8>, &baseline::greatest_table<Of16>},
                                                  {&v3::greatest_table<Of8>, &v3::greatest_table<Of16>},
                                                  {&v4::greatest_table<Of8>, &v4::greatest_table<Of16>}};
  return *tables[kind_of_cpu()][channels == 16];
}

}  // namespace onednn
