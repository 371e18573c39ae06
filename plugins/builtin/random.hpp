// Philox-4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC11).
#pragma once
#include <cstddef>
#include <cstdint>

namespace mushin::builtin {

/// words[4 i] to words[4 i + 3]: block first + i, for i < blocks.
void philox(std::uint32_t* words, std::uint64_t key, std::uint64_t first, std::size_t blocks);

}  // namespace mushin::builtin
