// What kernels tell of what they find wrong.
#pragma once
#include "kernels.hpp"

namespace mushin::cuda {

/// Keeps the first finding of a place.
struct Report {
  FaultPlace place;
  __device__ void operator()(const Finding& found) const {
    if (atomicCAS(&place.fault->taken, 0u, 1u) != 0u) return;
    place.fault->found = found;
    __threadfence_system();
    *const_cast<volatile std::uint64_t*>(&place.fault->run) = place.run;
  }
};

}  // namespace mushin::cuda
