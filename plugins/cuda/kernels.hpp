// The plugin's own kernels, launched. All return what the launch returned; nothing waits.
#pragma once
#include <cuda_runtime_api.h>

#include "arithmetic.hpp"

namespace mushin::cuda {

/// Where a run tells what it finds wrong, and as which run.
struct FaultPlace {
  Fault* fault;  // as the device sees it
  std::uint64_t run;
};
/// Grids beyond this walk on by their own width.
inline constexpr Index most_blocks = 1 << 16;

enum class SumType : int { f32, f64, i64, i32, i8, u8, b8 };

cudaError_t launch_random(RandomKind, const std::int64_t* seed, Index seed_stride, void* out, Index n, cudaStream_t);
cudaError_t launch_gather(const Lines&, const char* data, const std::int64_t* indices, char* out, int bytes, FaultPlace, cudaStream_t);
/// `ordered`: the same bits whenever the operands are the same.
cudaError_t launch_scatter_add(const Lines&, SumType, void* to, const std::int64_t* indices, const void* updates, bool ordered, FaultPlace,
                               cudaStream_t);
cudaError_t launch_integer_product(const IntegerProduct&, const char* a, const char* b, char* out, cudaStream_t);
/// What a graph's runs told is told by the run that launched it.
cudaError_t launch_pass_on(Fault* from, FaultPlace, cudaStream_t);
/// cudaErrorNoKernelImageForDevice: this file has no code for the current device.
cudaError_t kernels_fit_device();

}  // namespace mushin::cuda
