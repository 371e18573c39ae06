// layer: nn
// expect: [cross_entropy]
// expect: one label for each row
// note-gcc: "(batch, 10)"
// note-gcc: "(time)"
#include "mushin/nn.hpp"

namespace mu = mushin;
namespace nn = mu::nn;
inline constexpr mu::Dim<"batch"> batch;

inline constexpr mu::Dim<"time"> steps;

void program() {
  const auto logits = mu::zeros<batch, 10>(batch = 8);
#ifdef FIXED
  (void)nn::cross_entropy(logits, mu::zeros<std::int64_t, batch>(batch = 8));
#else
  (void)nn::cross_entropy(logits, mu::zeros<std::int64_t, steps>(steps = 8));
#endif
}
