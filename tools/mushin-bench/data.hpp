// Reproducible data: splitmix64 over (stream, index), the same bits in every language.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "mushin/nn.hpp"

namespace bench {

constexpr std::uint64_t mix(std::uint64_t stream, std::uint64_t i) {
  std::uint64_t z = ((stream << 32) + i + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/// Uniform in [low, high).
template <mushin::extent... E>
mushin::Tensor<float, E...> uniform(std::uint64_t stream, double low = -1, double high = 1) {
  std::vector<float> values(static_cast<std::size_t>((E.size * ... * 1)));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(low + (high - low) * (static_cast<double>(mix(stream, i) >> 40) * 0x1p-24));
  return mushin::from<E...>(values);
}

/// Integers in [0, below).
template <mushin::extent... E>
mushin::Tensor<std::int64_t, E...> integers(std::uint64_t stream, std::uint64_t below) {
  std::vector<std::int64_t> values(static_cast<std::size_t>((E.size * ... * 1)));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int64_t>((mix(stream, i) >> 33) % below);
  return mushin::from<E...>(values);
}

/// Weight and bias, uniform in ±1/sqrt(In), from two consecutive streams.
template <mushin::extent In, mushin::extent Out>
void initialise(mushin::nn::Linear<In, Out>& layer, std::uint64_t stream) {
  const double bound = 1 / std::sqrt(static_cast<double>(In.size));
  layer.weight.set(uniform<Out, In>(stream, -bound, bound));
  layer.bias.set(uniform<Out>(stream + 1, -bound, bound));
}

}  // namespace bench
