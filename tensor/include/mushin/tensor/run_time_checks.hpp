#pragma once
#include "mushin/tensor/core/array.hpp"
#include "mushin/tensor/shape_rules/broadcast.hpp"

namespace mushin::core {

/// A name and the size given for it.
struct Given {
  const char* name;
  std::int64_t size;
};
/// ShapeError where a size is negative.
MUSHIN_API void check_given(std::initializer_list<Given>);
/// ShapeError unless `a[pair.a] == b[pair.b]` for each pair.
MUSHIN_API void check_named(const char* op, const Sizes& a, const Sizes& b, const rules::NamePairs&);
/// Throws the Error of a number that an integer type doesn't have.
[[noreturn]] MUSHIN_API void fail_number(double, dtype);
/// from_values, but ShapeError unless `count` is `sizes.count()`.
MUSHIN_API Array from_counted_values(const char* op, const Sizes&, dtype, const void* values, std::size_t count);

}  // namespace mushin::core

namespace mushin::detail {

/// What a size must be at run time: -1 for anything.
inline constexpr auto run_time_size = [](extent e) { return e.is_static() ? e.size : std::int64_t{-1}; };

template <extent... E>
bool describes(const core::Sizes& sizes) {
  if (sizes.rank != sizeof...(E)) return false;
  unsigned axis = 0;
  return ((sizes[axis++] == E.size || !E.is_static()) && ...);
}

/// Names in both operands have one size in both, and nothing but a written 1 broadcasts. Vanishes for static shapes.
template <class A, class B>
void check_broadcast(const char* op, const A& a, const B& b) {
  constexpr unsigned axes = rules::equal_at_run_time(A::extents, B::extents);
  if constexpr (axes != 0) core::check_equal(op, a.shape(), b.shape(), axes);
  constexpr rules::NamePairs crossed = rules::crossed_names(A::extents, B::extents);
  if constexpr (crossed.count != 0) core::check_named(op, a.shape(), b.shape(), crossed);
}

}  // namespace mushin::detail
