#include "rnn_kernels.hpp"

namespace mushin::cuda {
namespace {

constexpr unsigned rnn_block = 128;

__device__ Index unit() { return static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x; }

template <class T, RnnCell cell>
__global__ void __launch_bounds__(rnn_block) rnn_forward_kernel(RnnForward r) {
  if (unit() < r.count) rnn_forward<T, cell>(r, unit());
}
template <class T, RnnCell cell>
__global__ void __launch_bounds__(rnn_block) rnn_backward_kernel(RnnBackward r) {
  if (unit() < r.count) rnn_backward<T, cell>(r, unit());
}
template <class T>
__global__ void __launch_bounds__(rnn_block) rnn_sum_kernel(const void* a, const void* b, void* to, Index n) {
  if (unit() < n) static_cast<T*>(to)[unit()] = static_cast<const T*>(a)[unit()] + static_cast<const T*>(b)[unit()];
}

struct RnnKernels {
  void (*forward[rnn_cells])(RnnForward);
  void (*backward[rnn_cells])(RnnBackward);
  void (*sum)(const void*, const void*, void*, Index);
};
template <class T>
constexpr RnnKernels rnn_kernels_of() {
  using enum RnnCell;
  return {{rnn_forward_kernel<T, tanh>, rnn_forward_kernel<T, relu>, rnn_forward_kernel<T, lstm>, rnn_forward_kernel<T, gru>},
          {rnn_backward_kernel<T, tanh>, rnn_backward_kernel<T, relu>, rnn_backward_kernel<T, lstm>, rnn_backward_kernel<T, gru>},
          rnn_sum_kernel<T>};
}
// Of float32, of float64.
const RnnKernels rnn_kernels[] = {rnn_kernels_of<float>(), rnn_kernels_of<double>()};

// `n`: 1 to 2^31.
template <class Kernel>
cudaError_t launch_units(Kernel kernel, Index n, void** arguments, cudaStream_t stream) {
  const dim3 grid(static_cast<unsigned>((n + rnn_block - 1) / rnn_block));
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(rnn_block), arguments, 0, stream);
}

}  // namespace

cudaError_t launch_rnn(RnnCell cell, bool wide, const RnnForward& given, cudaStream_t stream) {
  RnnForward r = given;
  void* arguments[] = {&r};
  return launch_units(rnn_kernels[wide].forward[static_cast<int>(cell)], r.count, arguments, stream);
}
cudaError_t launch_rnn(RnnCell cell, bool wide, const RnnBackward& given, cudaStream_t stream) {
  RnnBackward r = given;
  void* arguments[] = {&r};
  return launch_units(rnn_kernels[wide].backward[static_cast<int>(cell)], r.count, arguments, stream);
}
cudaError_t launch_rnn_sum(bool wide, const void* a, const void* b, void* to, Index n, cudaStream_t stream) {
  void* arguments[] = {&a, &b, &to, &n};
  return launch_units(rnn_kernels[wide].sum, n, arguments, stream);
}

}  // namespace mushin::cuda
