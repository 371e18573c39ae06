#include "attention_kernels.hpp"

namespace mushin::cuda {
namespace {

// Two blocks for a multiprocessor, where their sums leave registers for that.
template <attention::Kind kind, int pieces, class T>
__global__ void __launch_bounds__(attention::block_lanes, 3 - pieces) attention_kernel(attention::Job job, attention::Places places) {
#ifndef MUSHIN_LANES_ARE_THREADS
  if (threadIdx.x != 0) return;  // the first does all their work
#endif
  __shared__ attention::Room room;
  for (Index i = blockIdx.x; i < attention::tasks(job, kind); i += gridDim.x)
    attention::compute_task<kind, pieces, T>(job, places, room, i);
}

using AttentionKernel = void (*)(attention::Job, attention::Places);
struct AttentionOfType {
  AttentionKernel kernel[attention::kinds][attention::most_pieces];
};
template <class T>
constexpr AttentionOfType attention_of() {
  using attention::Kind;
  return {{{attention_kernel<Kind::forward, 1, T>, attention_kernel<Kind::forward, 2, T>},
           {attention_kernel<Kind::known, 1, T>},
           {attention_kernel<Kind::to_queries, 1, T>, attention_kernel<Kind::to_queries, 2, T>},
           {attention_kernel<Kind::to_keys, 1, T>, attention_kernel<Kind::to_keys, 2, T>}}};
}
// By AttentionType.
const AttentionOfType attention_kernels[] = {attention_of<float>(), attention_of<F16>(), attention_of<BF16>()};

}  // namespace

cudaError_t launch_attention(attention::Kind kind, AttentionType type, const attention::Job& job, const attention::Places& at,
                             cudaStream_t stream) {
  const Index blocks = attention::tasks(job, kind);
  if (blocks == 0) return cudaSuccess;
  const AttentionKernel kernel =
      attention_kernels[static_cast<int>(type)].kernel[static_cast<int>(kind)][attention::pieces_for(job, kind) - 1];
  attention::Job exact = job;
  attention::Places places = at;
  void* arguments[] = {&exact, &places};
  const dim3 grid(static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks));
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(attention::block_lanes), arguments, 0, stream);
}

}  // namespace mushin::cuda
