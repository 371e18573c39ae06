#pragma once
#include "mushin/tensor/ops/random.hpp"

namespace mushin::core {

/// Where the default generator is. Given back later, it goes on from there: the next draws are those that followed.
MUSHIN_API RandomDraw random_state();
/// GraphError while capturing.
MUSHIN_API void set_random_state(RandomDraw);

}  // namespace mushin::core
