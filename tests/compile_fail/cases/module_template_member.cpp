// layer: nn
// expect: [MUSHIN_MODULE] list every data member, in the order of declaration
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

template <mu::extent N>
struct Net {
  nn::Linear<N, N> a, b;
#ifdef FIXED
  MUSHIN_MODULE(Net, a, b)
#else
  MUSHIN_MODULE(Net, a)
#endif
};

void program() { (void)nn::parameters(Net<3>{}); }
