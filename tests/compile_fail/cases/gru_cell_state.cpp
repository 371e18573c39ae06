// layer: nn
// expect: [GRUCell] a state must be (batch, hidden), of the layer and the batch of x
// note-gcc: "(batch, 8)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

inline constexpr mu::Dim<"batch"> batch;

void program() {
  const nn::GRUCell<4, 8> cell;
#ifdef FIXED
  (void)cell(mu::zeros<3, 4>(), mu::zeros<3, 8>());
#else
  (void)cell(mu::zeros<3, 4>(), mu::zeros<batch, 8>(batch = 3));
#endif
}
