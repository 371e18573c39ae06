#pragma once
#include <vector>

#include "mushin/tensor/core/array.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/sizes.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// Uniform in [0, 1), from the default generator, which moves on.
MUSHIN_API Array randu(const Sizes&, dtype);
/// Standard normal (Box-Muller over two uniforms an element).
MUSHIN_API Array randn(const Sizes&, dtype);
MUSHIN_API Array randint(const Sizes&, std::int64_t low, std::int64_t high);
/// 0 … n-1 in random order, i64.
MUSHIN_API Array permutation(std::int64_t n);

/// Where in the sequence of a seed the numbers of one draw begin.
struct RandomDraw {
  std::uint64_t key, counter;
};
/// While one lives, this thread's draws are those of the list, in their order, and what is drawn beyond its end is added to it: an
/// empty list notes, a full one repeats, whatever other threads draw meanwhile. One inside of another draws from that.
/// Repeating leaves the default generator where it is. Not to be moved to another thread.
class MUSHIN_API RandomReplay {
 public:
  explicit RandomReplay(std::vector<RandomDraw>& list) noexcept;
  ~RandomReplay();
  RandomReplay(const RandomReplay&) = delete;
  RandomReplay& operator=(const RandomReplay&) = delete;
  RandomDraw next(std::uint64_t blocks);

 private:
  std::vector<RandomDraw>& list_;
  std::size_t at_ = 0;
  RandomReplay* before_;
};
}  // namespace mushin::core

namespace mushin {
/// Restarts the default generator: the same seed gives the same numbers on every backend.
MUSHIN_API void manual_seed(std::uint64_t seed);
}  // namespace mushin

namespace mushin {

// Extents, the optional element type and the sizes of named extents are given as to the makers. Each call moves the default
// generator on; `manual_seed` restarts it.

/// Uniform in [0, 1). Float types; 16-bit ones in steps of 2^-11 (f16) or 2^-8 (bf16).
template <class T, extent... E, text... Names>
Tensor<T, E...> randu(SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("randu");
  static_assert(is_float_type<T>, "[randu] needs a float element type");
  return Tensor<T, E...>{core::randu(detail::given_sizes<E...>(given...), dtype_of<T>)};
}
template <extent... E, text... Names>
auto randu(SizedDim<Names>... given) {
  return randu<float, E...>(given...);
}

/// Standard normal. Float types.
template <class T, extent... E, text... Names>
Tensor<T, E...> randn(SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("randn");
  static_assert(is_float_type<T>, "[randn] needs a float element type");
  return Tensor<T, E...>{core::randn(detail::given_sizes<E...>(given...), dtype_of<T>)};
}
template <extent... E, text... Names>
auto randn(SizedDim<Names>... given) {
  return randn<float, E...>(given...);
}

/// Integers, uniform in [low, high); std::int64_t.
template <extent... E, text... Names>
Tensor<std::int64_t, E...> randint(std::int64_t low, std::int64_t high, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("randint");
  return Tensor<std::int64_t, E...>{core::randint(detail::given_sizes<E...>(given...), low, high)};
}

/// 1 with probability `p`, else 0.
template <class T, extent... E, text... Names>
Tensor<T, E...> bernoulli(double p, SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("bernoulli");
  const core::Array u = core::randu(detail::given_sizes<E...>(given...), dtype::f32);
  return to<T>(Tensor<bool, E...>{core::less(u, core::literal(p, dtype::f32))});
}
template <extent... E, text... Names>
auto bernoulli(double p, SizedDim<Names>... given) {
  return bernoulli<float, E...>(p, given...);
}

/// 0, 1, … in random order: one axis, std::int64_t.
template <extent... E, text... Names>
Tensor<std::int64_t, E...> permutation(SizedDim<Names>... given) {
  MUSHIN_RULE_SIZES("permutation");
  static_assert(sizeof...(E) == 1, "[permutation] makes one axis");
  return Tensor<std::int64_t, E...>{core::permutation(detail::given_sizes<E...>(given...)[0])};
}

}  // namespace mushin
