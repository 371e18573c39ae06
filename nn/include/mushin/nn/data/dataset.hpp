#pragma once
#include <array>
#include <concepts>
#include <cstdint>
#include <tuple>

#include "mushin/tensor.hpp"

namespace mushin {

/// The extent of samples in a batch, as the data loaders spell it. A program's own `Dim<"batch">` is the same extent.
inline constexpr Dim<"batch"> batch;

namespace data {

/// Which samples make a batch, in order: `count` numbers from `first` on. Borrowed.
struct Indices {
  const std::int64_t* first;
  std::int64_t count;
  std::uint64_t seed = 0;  ///< of this pass over the dataset: with a sample's number it decides what is random about the sample
  const std::int64_t* begin() const { return first; }
  const std::int64_t* end() const { return first + count; }
  std::int64_t size() const { return count; }
  /// The same samples with other random numbers, for a transform that is made twice.
  MUSHIN_API Indices stream(std::uint64_t number) const;
};

/// Samples that can be had by number, a batch at a time: `size()` of them, and `get(indices)`, a tuple of tensors whose first
/// extent is `batch`. `get` is const, may throw, and is called from as many threads at once as the loader has workers.
template <class D>
concept Dataset = requires(const D& d, Indices which) {
  { d.size() } -> std::convertible_to<std::int64_t>;
  std::tuple_size<decltype(d.get(which))>::value;
};

/// The tuple of tensors that a dataset gives.
template <Dataset D>
using BatchOf = decltype(std::declval<const D&>().get(std::declval<Indices>()));

}  // namespace data
}  // namespace mushin
