// The greatest of each window over one plane of a block of channels, and the gradient.
#pragma once
#include <array>
#include <cstdint>

namespace onednn {

/// Three axes, outermost first; those that an image doesn't have are of extent and window 1.
struct GreatestWindows {
  std::array<std::int64_t, 3> x, y, window, stride, dilation, before;
};

struct GreatestKernels {
  /// NaN wins.
  void (*forward)(const GreatestWindows&, const float* x, float* y);
  /// Each dy is added where its window has its greatest, the first of equals; all of dx is written.
  void (*backward)(const GreatestWindows&, const float* x, const float* dy, float* dx);
};

/// 8 or 16 channels.
const GreatestKernels& greatest_kernels(std::int64_t channels);

}  // namespace onednn
