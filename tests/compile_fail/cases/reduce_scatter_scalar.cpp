// expect: [reduce_scatter] needs a leading axis, which counts the ranks
#include "mushin/tensor.hpp"
#include "mushin/tensor/collectives.hpp"

namespace mu = mushin;

void program(const mu::Communicator& by, mu::Tensor<float> a) {
#ifdef FIXED
  (void)by.reduce_scatter(mu::stack<0>(a, a));
#else
  (void)by.reduce_scatter(a);
#endif
}
