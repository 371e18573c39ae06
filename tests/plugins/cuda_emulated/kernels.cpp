// The plugin's own kernels, compiled for this CPU. Threads run one after the other, and one of a team does the work of all; or, where
// MUSHIN_LANES_ARE_THREADS is defined, a block's threads wait for each other as on the device.
#include <cuda_runtime_api.h>

#include <tuple>
#include <type_traits>
#include <utility>

#include "emulated.hpp"
#include "threads.hpp"

#define __launch_bounds__(...)
#ifdef MUSHIN_LANES_ARE_THREADS
#undef __shared__
#define __shared__ static thread_local  // the threads of a block are on one of the host's
#endif

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

#ifdef MUSHIN_LANES_ARE_THREADS
constexpr bool lanes_are_threads = true;
void __syncthreads() { emulated::meet_block(); }
void __syncwarp() { emulated::meet_warp(); }
template <class T>
T __shfl_sync(unsigned, T mine, int from) {
  return emulated::shuffle(mine, static_cast<unsigned>(from));
}
template <class T>
T __shfl_up_sync(unsigned, T mine, int by) {
  const unsigned lane = emulated::lane(), down = static_cast<unsigned>(by);
  return emulated::shuffle(mine, lane < down ? lane : lane - down);
}
template <class T>
T __shfl_xor_sync(unsigned, T mine, int bits) {
  return emulated::shuffle(mine, emulated::lane() ^ static_cast<unsigned>(bits));
}
#else
constexpr bool lanes_are_threads = false;
#endif
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

// `together`: threads of a block wait for each other.
template <class... Parameters, std::size_t... i>
emulated::Work work_of(void (*kernel)(Parameters...), std::index_sequence<i...>, dim3 grid, dim3 threads, void** given, bool together) {
  return [=, copy = std::tuple<Parameters...>{*static_cast<Parameters*>(given[i])...}] {
    const std::tuple<Parameters...> seen{on_device(std::get<i>(copy))...};
    gridDim = grid, blockDim = threads;
    for (blockIdx = {grid.x, 0, 0}; blockIdx.x-- > 0;)  // they need no order
      if (!together)
        for (threadIdx = {0, 0, 0}; threadIdx.x < threads.x; ++threadIdx.x) kernel(std::get<i>(seen)...);
      else if (!emulated::run_block(
                   threads.x, [&] { kernel(std::get<i>(seen)...); },
                   [](unsigned thread) {
                     threadIdx = {thread, 0, 0};
                   }))
        return cudaErrorLaunchTimeout;
    return cudaSuccess;
  };
}
template <class... Parameters>
emulated::Work work_of(void (*kernel)(Parameters...), dim3 grid, dim3 threads, void** given, bool together) {
  return work_of(kernel, std::index_sequence_for<Parameters...>{}, grid, threads, given, together);
}

}  // namespace
}  // namespace mushin::cuda

emulated::Work emulated::own_kernel(const void* function, dim3 grid, dim3 block, void** arguments) {
  using namespace mushin::cuda;
  Work work;
  const auto is_kernel = [&](auto* kernel, bool together) {
    if (reinterpret_cast<const void*>(kernel) == function) work = work_of(kernel, grid, block, arguments, together);
  };
  const auto is = [&](auto* kernel) { is_kernel(kernel, false); };
  const auto is_of_teams = [&](auto* kernel) { is_kernel(kernel, lanes_are_threads); };
  is(random_kernel), is(gather_kernel), is(integer_product_kernel), is(pass_on_kernel);
  is(scatter_atomic_kernel<float>), is(scatter_atomic_kernel<double>);
  is(scatter_atomic_kernel<std::int32_t>), is(scatter_atomic_kernel<std::int64_t>);
  is(scatter_lines_kernel<float>), is(scatter_lines_kernel<double>), is(scatter_lines_kernel<std::int32_t>);
  is(scatter_lines_kernel<std::int64_t>), is(scatter_lines_kernel<std::int8_t>), is(scatter_lines_kernel<std::uint8_t>);
  is(scatter_lines_kernel<bool>);
  for (const KernelsOfType& type : row_kernels) {
    is_of_teams(type.columns);
    for (const auto& kind : type.rows)
      for (const RowsKernel kernel : kind)
        if (kernel) is_of_teams(kernel);
  }
  for (const ChannelKernelsOfType& type : channel_kernels) {
    is_of_teams(type.finish[0]), is_of_teams(type.finish[1]);
    for (const auto& order : type.pass)
      for (const ChannelsKernel kernel : order) is_of_teams(kernel);
  }
  for (const ScansOfType& type : scan_kernels) {
    for (const auto& kind : type.scan)
      for (const ScanKernel kernel : kind) is_of_teams(kernel);
    for (const PartKernels& kind : type.parts) is_of_teams(kind.totals), is_of_teams(kind.scan_totals), is_of_teams(kind.parts);
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
    is_of_teams(type.slopes);
    for (const auto& kind : type.rows)
      for (const auto kernel : kind) is_of_teams(kernel);
  }
  for (const AttentionOfType& type : attention_kernels)
    for (const auto& kind : type.kernel)
      for (const AttentionKernel kernel : kind)
        if (kernel) is_of_teams(kernel);
  return work;
}

extern "C" cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void*) {
  *a = {};
  return emulated::number("capability", 90) < 75 ? emulated::answer(cudaErrorNoKernelImageForDevice)
                                                 : emulated::begin("cudaFuncGetAttributes");
}
