// layer: nn
// expect: [MUSHIN_MODULE] a member that is no module must be a plain value, to be copied
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

struct Block {
  nn::Linear<3, 3> inner;
#ifdef FIXED
  MUSHIN_MODULE(Block, inner)
#endif
};
struct Net {
  std::vector<Block> blocks;
  MUSHIN_MODULE(Net, blocks)
};

void program() {
  const Net net;
  (void)nn::parameters(net);
}
