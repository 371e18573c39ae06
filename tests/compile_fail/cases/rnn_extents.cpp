// layer: nn
// expect: [RNN] In and Hidden must be numbers above 0
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

inline constexpr mu::Dim<"width"> width;

#ifdef FIXED
nn::RNN<4, 8> rnn;
#else
nn::RNN<4, width> rnn;
#endif
