// layer: nn
// expect: [MUSHIN_MODULE] a member that is no module must be a plain value, to be copied
#include "mushin/nn.hpp"
#include <memory>

namespace mu = mushin;
namespace nn = mu::nn;

struct Net {
#ifdef FIXED
  std::optional<nn::Linear<3, 3>> inner;
#else
  std::shared_ptr<nn::Linear<3, 3>> inner;
#endif
  MUSHIN_MODULE(Net, inner)
};

void program() {
  const Net net;
  (void)nn::parameters(net);
}
