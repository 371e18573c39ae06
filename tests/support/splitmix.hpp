#pragma once
// Reproducible test data: splitmix64 over (stream, index), so that other languages can make the very same bits.
#include <cstdint>
#include <vector>

namespace mushin::test {

inline std::uint64_t mix(std::uint64_t stream, std::uint64_t i) {
  std::uint64_t z = ((stream << 32) + i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

/// n values, uniform in [low, high), rounded to float first whatever `T` is.
template <class T = float>
std::vector<T> uniform(std::uint64_t stream, std::int64_t n, double low = -1, double high = 1) {
  std::vector<T> out;
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = static_cast<double>(mix(stream, static_cast<std::uint64_t>(i)) >> 40) * 0x1p-24;
    out.push_back(static_cast<T>(static_cast<float>(low + (high - low) * u)));
  }
  return out;
}

/// n integers, uniform in [0, below).
inline std::vector<std::int64_t> integers(std::uint64_t stream, std::int64_t n, std::int64_t below) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < n; ++i) out.push_back(static_cast<std::int64_t>(mix(stream, static_cast<std::uint64_t>(i)) >> 33) % below);
  return out;
}

}  // namespace mushin::test
