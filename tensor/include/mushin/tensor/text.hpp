#pragma once
#include <cstddef>

namespace mushin {

/// A string literal as a template argument, as in `Dim<"batch">`.
template <std::size_t N>
struct text {
  char chars[N]{};  ///< with the NUL

  constexpr text() = default;
  constexpr text(const char (&literal)[N]) {
    for (std::size_t i = 0; i < N; ++i) chars[i] = literal[i];
  }
  // Written out, as for all that has an array: of two defaulted comparisons in one constant expression GCC 14 gets the second wrong.
  constexpr bool operator==(const text& o) const {
    for (std::size_t i = 0; i < N; ++i)
      if (chars[i] != o.chars[i]) return false;
    return true;
  }
};

}  // namespace mushin
