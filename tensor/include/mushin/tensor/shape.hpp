#pragma once
#include "mushin/tensor/extent.hpp"

namespace mushin {

/// At most this many axes.
inline constexpr unsigned max_rank = 8;

/// Extents as a value: what shape rules take and give. Rules are total: where the operands break one it still gives some
/// shape, and the predicate of the rule's name says that it is broken.
struct Shape {
  extent at[max_rank]{};  ///< the extents, first axis first
  unsigned rank = 0;      ///< how many there are

  constexpr Shape() = default;
  template <class... E>
  constexpr explicit Shape(E... e) {
    (push(extent{e}), ...);
  }

  constexpr extent operator[](unsigned axis) const { return at[axis]; }
  /// Counted from the last axis: `from_end(0)` is the last one.
  constexpr extent from_end(unsigned i) const { return at[rank - 1 - i]; }
  /// One more axis, the last.
  constexpr void push(extent e) {
    if (rank < max_rank) at[rank++] = e;
  }
  /// The first axis with that extent, or -1.
  constexpr int find(extent e) const {
    for (unsigned i = 0; i < rank; ++i)
      if (at[i] == e) return static_cast<int>(i);
    return -1;
  }
  /// Does the compiler know every size?
  constexpr bool is_static() const {
    for (unsigned i = 0; i < rank; ++i)
      if (!at[i].is_static()) return false;
    return true;
  }
  constexpr bool operator==(const Shape& o) const {
    for (unsigned i = 0; i < rank && rank == o.rank; ++i)
      if (!(at[i] == o.at[i])) return false;
    return rank == o.rank;
  }
};

namespace detail {
/// Appends to a `text`, dropping what doesn't fit.
template <std::size_t N>
struct Speller {
  text<N> out;
  unsigned used = 0;

  constexpr void put(char c) {
    if (used + 1 < N) out.chars[used++] = c;
  }
  constexpr void put(std::int64_t n) {
    if (n < 0) put('-'), n = -n;
    char digits[20]{};
    unsigned count = 0;
    do digits[count++] = static_cast<char>('0' + n % 10);
    while (n /= 10);
    while (count) put(digits[--count]);
  }
};
}  // namespace detail

/// `(batch, 784)`; `?` for dyn.
constexpr text<128> spell(Shape s) {
  detail::Speller<128> to;
  to.put('(');
  for (unsigned i = 0; i < s.rank; ++i) {
    if (i) to.put(','), to.put(' ');
    for (char c : s[i].name)
      if (c) to.put(c);
    if (s[i].is_static()) to.put(s[i].size);
    if (s[i].is_dyn()) to.put('?');
  }
  to.put(')');
  return to.out;
}

}  // namespace mushin
