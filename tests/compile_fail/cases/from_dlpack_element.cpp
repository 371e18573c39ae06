// expect: [Tensor] not an element type
#include "mushin/tensor.hpp"

namespace mu = mushin;

void program() {
#ifdef FIXED
  (void)mu::from_dlpack<double, 2>(static_cast<DLManagedTensor*>(nullptr));
#else
  (void)mu::from_dlpack<unsigned, 2>(static_cast<DLManagedTensor*>(nullptr));
#endif
}
