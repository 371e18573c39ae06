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

/// Which samples make a batch, in order. Borrowed.
struct Indices {
  const std::int64_t* first;
  std::int64_t count;
  const std::int64_t* begin() const { return first; }
  const std::int64_t* end() const { return first + count; }
  std::int64_t size() const { return count; }
};

/// Samples that can be had by number, a batch at a time: `size()` of them, and `get(indices)`, a tuple of tensors whose first
/// extent is `batch`. `get` is const, may throw, and is called from one other thread at a time.
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
