// Kernels whose threads are teams: the pieces of work of each, and their launches.
#pragma once
#include "kernels.hpp"
#include "team.hpp"

namespace mushin::cuda {

/// f(piece) for the pieces of the calling thread's team.
template <class Team, class F>
MUSHIN_TEAM void each_piece(Index pieces, const F& f) {
#ifndef MUSHIN_LANES_ARE_THREADS
  if (Team::sits_out(threadIdx.x)) return;
#endif
  for (Index i = static_cast<Index>(blockIdx.x) * Team::per_block + threadIdx.x / Team::lanes; i < pieces;
       i += static_cast<Index>(gridDim.x) * Team::per_block)
    f(i);
}

template <class... Parameters>
cudaError_t launch_teams(void (*kernel)(Parameters...), Index pieces, int lanes, cudaStream_t stream, Parameters... exact) {
  const Index threads = lanes < 256 ? 256 : lanes, per_block = threads / lanes, blocks = (pieces + per_block - 1) / per_block;
  if (blocks == 0) return cudaSuccess;
  void* arguments[] = {&exact...};
  const dim3 grid(static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks));
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(static_cast<unsigned>(threads)), arguments, 0, stream);
}

}  // namespace mushin::cuda
