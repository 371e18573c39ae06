#include "pool_kernels.hpp"

namespace mushin::cuda {
namespace {

constexpr unsigned pool_block = 256;

template <class T, PoolPass pass>
__global__ void __launch_bounds__(pool_block) pool_kernel(Windows w, const void* x, const void* dy, const int* found, void* to) {
  const Index step = static_cast<Index>(gridDim.x) * blockDim.x;
  for (Index i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; i < w.count; i += step)
    pool_element<T, pass>(w, static_cast<const T*>(x), static_cast<const T*>(dy), found, to, i);
}

using PoolKernel = void (*)(Windows, const void*, const void*, const int*, void*);
struct PoolKernelsOfType {
  PoolKernel pass[pool_passes];
};
template <class T>
constexpr PoolKernelsOfType pool_kernels_of() {
  using enum PoolPass;
  return {{pool_kernel<T, max>, pool_kernel<T, find>, pool_kernel<T, max_backward>, pool_kernel<T, max_backward_of_found>,
           pool_kernel<T, mean>, pool_kernel<T, mean_backward>}};
}
// By PoolType.
const PoolKernelsOfType pool_kernels[] = {pool_kernels_of<float>(), pool_kernels_of<double>(), pool_kernels_of<F16>(),
                                          pool_kernels_of<BF16>()};

}  // namespace

cudaError_t launch_pool(PoolPass pass, PoolType type, const Windows& w, const PoolPlaces& at, cudaStream_t stream) {
  const Index blocks = (w.count + pool_block - 1) / pool_block;
  if (blocks == 0) return cudaSuccess;
  Windows windows = w;
  PoolPlaces places = at;
  void* arguments[] = {&windows, &places.x, &places.dy, &places.found, &places.to};
  const dim3 grid(static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks));
  const PoolKernel kernel = pool_kernels[static_cast<int>(type)].pass[static_cast<int>(pass)];
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(pool_block), arguments, 0, stream);
}

}  // namespace mushin::cuda
