// The plugin's own kernels, compiled for this CPU: threads one after the other.
#include <cuda_runtime_api.h>

#include <tuple>
#include <type_traits>
#include <utility>

#include "emulated.hpp"

#define __launch_bounds__(...)

namespace {
thread_local uint3 threadIdx, blockIdx;
thread_local dim3 blockDim, gridDim;

unsigned atomicCAS(unsigned* p, unsigned expected, unsigned desired) {
  __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}
template <class T>
void atomicAdd(T* p, T x) {
  T old, sum;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  do sum = old + x;
  while (!__atomic_compare_exchange(p, &old, &sum, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
}
void __threadfence_system() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
}  // namespace

#include "attention.cu"
#include "ctc.cu"
#include "kernels.cu"
#include "pool.cu"
#include "rnn.cu"
#include "rows.cu"
#include "sort.cu"

namespace mushin::cuda {
namespace {

template <class T>
T on_device(T value) {
  if constexpr (std::is_pointer_v<T>)
    return emulated::here(value);
  else
    return value;
}

attention::Places on_device(attention::Places places) {
  for (void*& p : places.at) p = emulated::here(p);
  places.known = on_device(places.known);
  return places;
}

template <class... Pointers>
void move_here(Pointers&... p) {
  ((p = emulated::here(p)), ...);
}
ctc::Places on_device(ctc::Places p) {
  move_here(p.logs, p.labels, p.steps, p.lengths, p.to, p.ways, p.on, p.links, p.sloped);
  return p;
}
RnnForward on_device(RnnForward r) {
  move_here(r.x, r.product, r.before, r.extra, r.h, r.s, r.last);
  return r;
}
Pass on_device(Pass pass) {
  move_here(pass.positions, pass.next);
  return pass;
}
RnnBackward on_device(RnnBackward r) {
  move_here(r.h, r.s, r.before, r.cells, r.dy, r.product, r.carry, r.dx, r.carried, r.own, r.du);
  return r;
}

template <class... Parameters, std::size_t... i>
emulated::Work work_of(void (*kernel)(Parameters...), std::index_sequence<i...>, dim3 grid, dim3 threads, void** given) {
  return [=, copy = std::tuple<Parameters...>{*static_cast<Parameters*>(given[i])...}] {
    const std::tuple<Parameters...> seen{on_device(std::get<i>(copy))...};
    gridDim = grid, blockDim = threads;
    for (blockIdx = {grid.x, 0, 0}; blockIdx.x-- > 0;)  // they need no order
      for (threadIdx = {0, 0, 0}; threadIdx.x < threads.x; ++threadIdx.x) kernel(std::get<i>(seen)...);
    return cudaSuccess;
  };
}
template <class... Parameters>
emulated::Work work_of(void (*kernel)(Parameters...), dim3 grid, dim3 threads, void** given) {
  return work_of(kernel, std::index_sequence_for<Parameters...>{}, grid, threads, given);
}

}  // namespace
}  // namespace mushin::cuda

emulated::Work emulated::own_kernel(const void* function, dim3 grid, dim3 block, void** arguments) {
  using namespace mushin::cuda;
  Work work;
  const auto is = [&](auto* kernel) {
    if (reinterpret_cast<const void*>(kernel) == function) work = work_of(kernel, grid, block, arguments);
  };
  is(random_kernel), is(gather_kernel), is(integer_product_kernel), is(pass_on_kernel);
  is(scatter_atomic_kernel<float>), is(scatter_atomic_kernel<double>);
  is(scatter_atomic_kernel<std::int32_t>), is(scatter_atomic_kernel<std::int64_t>);
  is(scatter_lines_kernel<float>), is(scatter_lines_kernel<double>), is(scatter_lines_kernel<std::int32_t>);
  is(scatter_lines_kernel<std::int64_t>), is(scatter_lines_kernel<std::int8_t>), is(scatter_lines_kernel<std::uint8_t>);
  is(scatter_lines_kernel<bool>);
  for (const KernelsOfType& type : row_kernels) {
    is(type.columns);
    for (const auto& kind : type.rows)
      for (const RowsKernel kernel : kind)
        if (kernel) is(kernel);
  }
  for (const ChannelKernelsOfType& type : channel_kernels) {
    is(type.finish[0]), is(type.finish[1]);
    for (const auto& order : type.pass)
      for (const ChannelsKernel kernel : order) is(kernel);
  }
  for (const ScansOfType& type : scan_kernels) {
    for (const auto& kind : type.scan)
      for (const ScanKernel kernel : kind) is(kernel);
    for (const PartKernels& kind : type.parts) is(kind.totals), is(kind.scan_totals), is(kind.parts);
  }
  for (const SortKernels& type : sort_kernels) {
    is(type.counting);
    for (const auto kernel : type.tile) is(kernel);
  }
  is(keys_kernel<std::uint32_t>), is(keys_kernel<std::uint64_t>), is(row_numbers_kernel), is(take_kernel);
  for (const PoolKernelsOfType& type : pool_kernels)
    for (const PoolKernel kernel : type.pass) is(kernel);
  for (const RnnKernels& type : rnn_kernels) {
    is(type.sum);
    for (const auto kernel : type.forward) is(kernel);
    for (const auto kernel : type.backward) is(kernel);
  }
  for (const CtcKernels& type : ctc_kernels) {
    is(type.slopes);
    for (const auto& kind : type.rows)
      for (const auto kernel : kind) is(kernel);
  }
  for (const AttentionOfType& type : attention_kernels)
    for (const auto& kind : type.kernel)
      for (const AttentionKernel kernel : kind)
        if (kernel) is(kernel);
  return work;
}

extern "C" cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void*) {
  *a = {};
  return emulated::number("capability", 90) < 75 ? emulated::answer(cudaErrorNoKernelImageForDevice)
                                                 : emulated::begin("cudaFuncGetAttributes");
}
