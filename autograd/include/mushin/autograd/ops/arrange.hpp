#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/arrange.hpp"

// Gradients are the adjoint moves: parts of the cotangent, or the sum over repetitions.
namespace mushin::core {
MUSHIN_API Traced concat(const Traced* parts, unsigned count, unsigned axis, const char* op = "concat");
MUSHIN_API Traced stack(const Traced* parts, unsigned count, unsigned axis);
MUSHIN_API Traced flip(const Traced&, unsigned axes);
MUSHIN_API Traced pad(const Traced& a, const std::int64_t* before, const std::int64_t* after, const Array& value);
MUSHIN_API Traced tile(const Traced&, const Sizes& times);
MUSHIN_API Traced at(const Traced&, unsigned axis, std::int64_t i);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
template <class A>
auto concat(const A* parts, unsigned count, unsigned axis, const char* op = "concat") {
  return parts->with(core::concat(spread_parts(parts, count).data(), count, axis + A::count, op));
}
template <class A>
auto stack(const A* parts, unsigned count, unsigned axis) {
  return parts->with(core::stack(spread_parts(parts, count).data(), count, axis + A::count));
}
template <class A>
auto flip(const A& a, unsigned axes) {
  return a.with(core::flip(a.whole(), axes << A::count));
}
template <class A>
auto pad(const A& a, const std::int64_t* before, const std::int64_t* after, const Array& value) {
  std::int64_t in_front[max_rank]{}, behind_it[max_rank]{};
  for (unsigned i = 0; i < a.rank(); ++i) in_front[A::count + i] = before[i], behind_it[A::count + i] = after[i];
  return a.with(core::pad(a.whole(), in_front, behind_it, value));
}
template <class A>
auto tile(const A& a, const Sizes& times) {
  const unsigned rank = times.rank > a.rank() ? times.rank : a.rank();
  return a.with(core::tile(lifted<typename A::maps>(a, rank), times));
}
template <class A>
auto at(const A& a, unsigned axis, std::int64_t i) {
  return a.with(core::at(a.whole(), axis + A::count, i));
}
}  // namespace mushin::core::mapped
