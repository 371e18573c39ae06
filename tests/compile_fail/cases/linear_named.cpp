// layer: nn
// expect: [Linear] In and Out must be numbers
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
inline constexpr mu::Dim<"batch"> batch;

#ifdef FIXED
nn::Linear<4, 2> fc;
#else
nn::Linear<batch, 2> fc;
#endif
