// The kernels of CTC, launched; as those of kernels.hpp.
#pragma once
#include "ctc.hpp"
#include "kernels.hpp"

namespace mushin::cuda {

/// `size`: of ctc::sizes. `gradient`: else the losses.
cudaError_t launch_ctc(bool gradient, ctc::Type, int size, const ctc::Job&, const ctc::Places&, FaultPlace, cudaStream_t);

}  // namespace mushin::cuda
