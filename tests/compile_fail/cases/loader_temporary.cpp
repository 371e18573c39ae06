// layer: nn
// expect-gcc: use of deleted function
// expect-clang: call to deleted constructor
// note: the dataset must outlive the loader
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;

void program() {
  const auto x = mu::zeros<8, 2>();
#ifdef FIXED
  const mu::data::Tensors set{x};
  const mu::data::Loader loader(set, {.batch = 2});
#else
  const mu::data::Loader loader(mu::data::Tensors{x}, {.batch = 2});
#endif
  (void)loader;
}
