// The kernels that compute windows, launched; as those of kernels.hpp.
#pragma once
#include "kernels.hpp"
#include "pool.hpp"

namespace mushin::cuda {

/// What windows are made of and where they go. Null: the pass has none.
struct PoolPlaces {
  const void *x, *dy;
  const int* found;
  void* to;
};

cudaError_t launch_pool(PoolPass, PoolType, const Windows&, const PoolPlaces&, cudaStream_t);

}  // namespace mushin::cuda
