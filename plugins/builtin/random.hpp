// Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC11).
#pragma once
#include <cstddef>
#include <cstdint>

namespace mushin::builtin {

/// words[2 i], words[2 i + 1]: block first + i, its four 32-bit words from the lowest bits on; i < blocks.
void philox(std::uint64_t* words, std::uint64_t key, std::uint64_t first, std::size_t blocks);

}  // namespace mushin::builtin
