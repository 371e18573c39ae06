// expect: [tensor] the extents must be numbers: use from<...>(values) for named ones
#include "mushin/tensor.hpp"

namespace mu = mushin;
inline constexpr mu::Dim<"batch"> batch;

void program() {
#ifdef FIXED
  (void)mu::from<batch>(std::vector<float>{1, 2}, batch = 2);
#else
  (void)mu::tensor<batch>({1, 2});
#endif
}
