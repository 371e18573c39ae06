#pragma once
#include "mushin/tensor/shape.hpp"

namespace mushin::rules {

/// Axes as the user wrote them: -1 is the last. None means all.
struct Axes {
  int at[max_rank]{};
  unsigned count = 0;

  constexpr explicit Axes(auto... axis) { ((count < max_rank ? void(at[count++] = static_cast<int>(axis)) : void()), ...); }
};

/// `(0, -1)`, for errors.
constexpr text<128> spell(Axes which) {
  mushin::detail::Speller<128> to;
  to.put('(');
  for (unsigned i = 0; i < which.count; ++i) {
    if (i) to.put(','), to.put(' ');
    to.put(std::int64_t{which.at[i]});
  }
  to.put(')');
  return to.out;
}

constexpr bool axis_in_range(Shape a, int axis) {
  const int rank = static_cast<int>(a.rank);
  return -rank <= axis && axis < rank;
}

/// -1 is the last axis. Out of range: 0.
constexpr unsigned axis(Shape a, int written) {
  if (!axis_in_range(a, written)) return 0;
  return static_cast<unsigned>(written < 0 ? written + static_cast<int>(a.rank) : written);
}

constexpr bool axes_in_range(Shape a, Axes which) {
  for (unsigned i = 0; i < which.count; ++i)
    if (!axis_in_range(a, which.at[i])) return false;
  return true;
}

constexpr bool axes_distinct(Shape a, Axes which) {
  for (unsigned i = 0; i < which.count; ++i)
    for (unsigned j = 0; j < i; ++j)
      if (axis(a, which.at[i]) == axis(a, which.at[j])) return false;
  return true;
}

/// Bit i is axis i; all of them when none is written.
constexpr unsigned axes_mask(Shape a, Axes which) {
  if (which.count == 0) return (1u << a.rank) - 1;
  unsigned out = 0;
  for (unsigned i = 0; i < which.count; ++i) out |= 1u << axis(a, which.at[i]);
  return out;
}

}  // namespace mushin::rules
