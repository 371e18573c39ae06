// Sums and products of rows up to each element, by a team.
#pragma once
#include <type_traits>

#include "rows.hpp"

namespace mushin::cuda {

enum class ScanKind : int { sum, product };
inline constexpr int scan_kinds = 2;
enum class ScanType : int { f32, f16, bf16, f64, i64 };  // unsigned, as which 64-bit integers wrap

/// Views of `rows`: 0 what is summed, 2 the result.
struct Scan {
  Rows rows;
  bool reverse = false;
};

template <class Team, ScanKind kind, class T>
MUSHIN_TEAM void scan_row(const Scan& s, const T* from, T* to, Index row) {
  using A = Wide<T>;
  using Join = std::conditional_t<kind == ScanKind::sum, Sum, Prod>;
  constexpr Index each = 8, width = each * Team::lanes;  // elements of a lane, one behind the other, and of all lanes
  const Offsets o = offsets(s.rows.walk, row);
  const Index n = s.rows.n, last = s.reverse ? n - 1 : 0, sign = s.reverse ? -1 : 1;
  const T* const x = from + o.of[0] + last * s.rows.step[0];
  T* const y = to + o.of[2] + last * s.rows.step[2];
  const Index x_step = sign * s.rows.step[0], y_step = sign * s.rows.step[2];
  const A nothing = kind == ScanKind::sum ? static_cast<A>(-0.0) : static_cast<A>(1);  // -0 + -0 is -0
  A before = nothing;
  for (Index base = 0; base < n; base += width) {
    const auto walk = [&](int lane, A joined, const auto& put) {
      const Index first = base + lane * each, end = n - first < each ? n : first + each;
      for (Index i = first; i < end; ++i) put(i, joined = Join::join(joined, wide(x[i * x_step])));
      return joined;
    };
    before = Team::template scan<Join>(
        before, [&](int lane) { return walk(lane, nothing, [](Index, A) {}); },
        [&](int lane, A others) { walk(lane, others, [&](Index i, A joined) { store(y[i * y_step], joined); }); });
  }
}

}  // namespace mushin::cuda
