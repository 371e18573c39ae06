#pragma once
#include <cstdint>

namespace mushin::data {

/// splitmix64: small, and the same everywhere, which std::shuffle is not.
inline std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

/// Uniform in [0, n). Lemire's multiplication; its bias is below n / 2^64.
inline std::uint64_t below(std::uint64_t n, std::uint64_t& state) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(next_random(state)) * n >> 64);
}

/// The seed of part `number` of what `seed` is the seed of.
inline std::uint64_t seed_of_part(std::uint64_t seed, std::uint64_t number) {
  std::uint64_t state = seed ^ number * 0xD1342543DE82EF95u;
  return next_random(state);
}

}  // namespace mushin::data
