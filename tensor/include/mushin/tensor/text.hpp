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
  constexpr bool operator==(const text&) const = default;
};

}  // namespace mushin
