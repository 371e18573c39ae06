// The kernels of recurrent layers, launched; as those of kernels.hpp.
#pragma once
#include "kernels.hpp"
#include "rnn.hpp"

namespace mushin::cuda {

/// `wide`: of float64, else of float32.
cudaError_t launch_rnn(RnnCell, bool wide, const RnnForward&, cudaStream_t);
cudaError_t launch_rnn(RnnCell, bool wide, const RnnBackward&, cudaStream_t);
/// to = a + b
cudaError_t launch_rnn_sum(bool wide, const void* a, const void* b, void* to, Index n, cudaStream_t);

}  // namespace mushin::cuda
