// expect: [refine] neither the rank nor a static extent can change
// note-gcc: "(batch, 784)"
// note-gcc: "(32, 10)"
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
  const auto a = mu::ones<batch, 784>(batch = 32);
#ifdef FIXED
  (void)a.refine<32, 784>();
#else
  (void)a.refine<32, 10>();
#endif
}
