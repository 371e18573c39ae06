#pragma once
#include <concepts>
#include <cstdint>

#include "mushin/tensor/text.hpp"

namespace mushin {

/// A named extent together with its size: what `batch = 32` makes.
template <text Name>
struct SizedDim {
  std::int64_t size;
};

/// The name of an extent whose size only the run knows: `inline constexpr mu::Dim<"batch"> batch;`. At most 15 characters.
template <text Name>
struct Dim {
  static_assert(sizeof Name.chars <= 16, "[Dim] the name of an extent has at most 15 characters");
  static_assert(sizeof Name.chars > 1, "[Dim] the name of an extent must not be empty");
  constexpr SizedDim<Name> operator=(std::int64_t size) const { return {size}; }
};

/// One axis of a shape: a size (`784`), a name (`batch`), or `dyn`. Equal extents make equal types.
struct extent {
  static constexpr std::int64_t unknown = -1, negative = -2;  ///< sizes of extents that the run knows, and of those that are errors

  std::int64_t size = unknown;
  char name[16]{};

  constexpr extent() = default;
  /// A negative size is remembered as such, for whoever can refuse it with a sentence.
  constexpr extent(std::integral auto elements) : size(elements < 0 ? negative : static_cast<std::int64_t>(elements)) {}
  template <text Name>
  constexpr extent(Dim<Name>) {
    for (unsigned i = 0; i < sizeof Name.chars; ++i) name[i] = Name.chars[i];
  }
  constexpr bool operator==(const extent& o) const {
    for (unsigned i = 0; size == o.size && i < sizeof name; ++i)
      if (name[i] != o.name[i]) return false;
    return size == o.size;
  }

  /// Does the compiler know its size?
  constexpr bool is_static() const { return size >= 0; }
  /// Does it have a name?
  constexpr bool is_named() const { return name[0] != 0; }
  /// Neither size nor name: `dyn`.
  constexpr bool is_dyn() const { return size == unknown && !is_named(); }
  /// Was it made from a negative number? No shape takes it.
  constexpr bool is_negative() const { return size == negative; }
};

/// An extent nobody named: every rule about it is checked at run time.
inline constexpr extent dyn{};

/// Arithmetic is exact on sizes; with a name or `dyn` the result is `dyn` (but `n * 1`, `n + 0` and `n - 0` are `n`).
constexpr extent operator+(extent a, extent b) {
  if (a == extent{0}) return b;
  if (b == extent{0}) return a;
  return a.is_static() && b.is_static() ? extent{a.size + b.size} : dyn;
}
constexpr extent operator-(extent a, extent b) {
  if (b == extent{0}) return a;
  return a.is_static() && b.is_static() ? extent{a.size - b.size} : dyn;
}
constexpr extent operator*(extent a, extent b) {
  if (a == extent{1}) return b;
  if (b == extent{1}) return a;
  return a.is_static() && b.is_static() ? extent{a.size * b.size} : dyn;
}

/// Can they be the same size? `dyn` can be anything; a name is only itself.
constexpr bool may_equal(extent a, extent b) { return a == b || a.is_dyn() || b.is_dyn(); }

/// Of two extents that may be equal, the one that says more.
constexpr extent better_known(extent a, extent b) { return a.is_dyn() ? b : a; }

}  // namespace mushin
