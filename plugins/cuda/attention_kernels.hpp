// The kernels of attention, launched; as those of kernels.hpp.
#pragma once
#include "attention.hpp"
#include "kernels.hpp"

namespace mushin::cuda {

enum class AttentionType : int { f32, f16, bf16 };
cudaError_t launch_attention(attention::Kind, AttentionType, const attention::Job&, const attention::Places&, cudaStream_t);

}  // namespace mushin::cuda
