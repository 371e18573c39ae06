// Sums and products over rows of a block of channels, which lie behind one another.
#pragma once
#include <cstdint>

namespace onednn {

constexpr std::int64_t most_block_channels = 16;

/// For a number of channels of a block. Arrays of parameters and sums have one element for each of them.
struct NormalizeKernels {
  /// sum += x
  void (*sum)(const float* x, std::int64_t rows, float* sum);
  /// sum += (x - middle)^2
  void (*squares)(const float* x, std::int64_t rows, const float* middle, float* sum);
  /// y = (x - middle) * scale + shift
  void (*normalize)(const float* x, float* y, std::int64_t rows, const float* middle, const float* scale, const float* shift);
  /// total += dy, along += dy (x - middle)
  void (*sums)(const float* x, const float* dy, std::int64_t rows, const float* middle, float* total, float* along);
  /// dx = (dy - constant - (x - middle) slope) scale
  void (*slopes)(const float* x, const float* dy, float* dx, std::int64_t rows, const float* middle, const float* constant,
                 const float* slope, const float* scale);
};

/// 8 or 16 channels.
const NormalizeKernels& normalize_kernels(std::int64_t channels);

}  // namespace onednn
