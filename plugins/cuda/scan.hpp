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

template <ScanKind kind>
using Join = std::conditional_t<kind == ScanKind::sum, Sum, Prod>;
template <ScanKind kind, class A>
MUSHIN_TEAM A nothing() {
  return kind == ScanKind::sum ? static_cast<A>(-0.0) : static_cast<A>(1);  // -0 + -0 is -0
}

/// Of `n` elements, behind `before`, which it gives joined with all of them. Null `y`: nothing is written.
template <class Team, ScanKind kind, class T>
MUSHIN_TEAM Wide<T> scan_elements(const T* x, Index x_step, T* y, Index y_step, Index n, Wide<T> before) {
  using A = Wide<T>;
  constexpr Index each = 8, width = each * Team::lanes;  // elements of a lane, one behind the other, and of all lanes
  for (Index base = 0; base < n; base += width) {
    const auto walk = [&](int lane, A joined, const auto& put) {
      const Index first = base + lane * each, end = n - first < each ? n : first + each;
      for (Index i = first; i < end; ++i) put(i, joined = Join<kind>::join(joined, wide(x[i * x_step])));
      return joined;
    };
    before = Team::template scan<Join<kind>>(
        before, [&](int lane) { return walk(lane, nothing<kind, A>(), [](Index, A) {}); },
        [&](int lane, A others) {
          if (y) walk(lane, others, [&](Index i, A joined) { store(y[i * y_step], joined); });
        });
  }
  return before;
}

template <class Team, ScanKind kind, class T>
MUSHIN_TEAM Wide<T> scan_part(const Scan& s, const T* from, T* to, Index row, Index first, Index end, Wide<T> before) {
  const Offsets o = offsets(s.rows.walk, row);
  const Index sign = s.reverse ? -1 : 1, begin = s.reverse ? s.rows.n - 1 - first : first;
  T* const y = to ? to + o.of[2] + begin * s.rows.step[2] : nullptr;
  return scan_elements<Team, kind>(from + o.of[0] + begin * s.rows.step[0], sign * s.rows.step[0], y, sign * s.rows.step[2], end - first,
                                   before);
}

template <class Team, ScanKind kind, class T>
MUSHIN_TEAM void scan_row(const Scan& s, const T* from, T* to, Index row) {
  scan_part<Team, kind>(s, from, to, row, 0, s.rows.n, nothing<kind, Wide<T>>());
}

// ---- few long rows, in parts: all parts' totals, of these what comes before each, and then all parts ----

struct Parts {
  Index each = 0, count = 0;  // elements of a part; parts of a row
  MUSHIN_BOTH Index end(Index part, Index n) const { return n - part * each < each ? n : (part + 1) * each; }
};
/// Of a row of `n`; count 0: its rows aren't cut, as they are short, or many enough.
constexpr Parts parts_of(Index rows, Index n) {
  constexpr Index each = 8192, most_rows = 128, least_parts = 4;
  if (rows > most_rows || n < each * least_parts) return {};
  return {each, (n + each - 1) / each};
}

/// `piece`: of all rows' parts, as the place in `totals`.
template <class Team, ScanKind kind, class T>
MUSHIN_TEAM void total_of_part(const Scan& s, const Parts& p, const T* from, Wide<T>* totals, Index piece) {
  const Index part = piece % p.count;
  const Wide<T> total =
      scan_part<Team, kind, T>(s, from, nullptr, piece / p.count, part * p.each, p.end(part, s.rows.n), nothing<kind, Wide<T>>());
  Team::once([&] { totals[piece] = total; });
}
/// A row's totals become those up to and including each.
template <class Team, ScanKind kind, class A>
MUSHIN_TEAM void scan_totals(const Parts& p, A* totals, Index row) {
  A* const at = totals + row * p.count;
  scan_elements<Team, kind, A>(at, 1, at, 1, p.count, nothing<kind, A>());
}
template <class Team, ScanKind kind, class T>
MUSHIN_TEAM void scan_behind(const Scan& s, const Parts& p, const T* from, T* to, const Wide<T>* totals, Index piece) {
  const Index part = piece % p.count;
  scan_part<Team, kind>(s, from, to, piece / p.count, part * p.each, p.end(part, s.rows.n),
                        part ? totals[piece - 1] : nothing<kind, Wide<T>>());
}

}  // namespace mushin::cuda
