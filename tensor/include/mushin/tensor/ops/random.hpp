#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
/// Uniform in [0, 1), from the default generator, which moves on.
MUSHIN_API Array randu(const Sizes&, dtype);
/// Standard normal (Box-Muller over two uniforms an element).
MUSHIN_API Array randn(const Sizes&, dtype);
MUSHIN_API Array randint(const Sizes&, std::int64_t low, std::int64_t high);
/// 0 … n-1 in random order, i64.
MUSHIN_API Array permutation(std::int64_t n);
}  // namespace mushin::core

namespace mushin {
/// Restarts the default generator: the same seed gives the same numbers on every backend.
MUSHIN_API void manual_seed(std::uint64_t seed);
}  // namespace mushin
