// The state of the random numbers.
#pragma once
#include "mushin/tensor/ops/random.hpp"

namespace mushin::core {

/// What comes next of the default generator, which goes on by `blocks` blocks of 128 bits.
RandomDraw advance_generator(std::uint64_t blocks);

}  // namespace mushin::core
