// layer: nn
// expect: [parameter_count] only the run knows how many modules a std::vector or a std::optional has
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

template <class Layers>
struct Net {
  Layers layers;
  MUSHIN_MODULE(Net, layers)
};

void program() {
#ifdef FIXED
  static_assert(nn::parameter_count<Net<std::array<nn::Linear<3, 2>, 2>>> == 16);
#else
  static_assert(nn::parameter_count<Net<std::vector<nn::Linear<3, 2>>>> == 16);
#endif
}
