// How the argument of a kernel for several sets is laid out: their number, the first block of each, 32 bits each; then their arguments.
#pragma once
#include "source.hpp"

namespace mushin::cuda::program {

/// Bytes of the argument apart from 4 and `args_bytes` for each set.
inline constexpr std::size_t sets_head = 8;
constexpr std::size_t most_sets(std::size_t args_bytes) { return (most_args - sets_head) / (args_bytes + 4); }
constexpr std::size_t first_set(std::size_t args_bytes) { return (4 + 4 * most_sets(args_bytes) + 7) / 8 * 8; }

}  // namespace mushin::cuda::program
