// Softmax, layer and RMS normalization of rows, each by a team.
#pragma once
#include "half.hpp"
#include "team.hpp"

namespace mushin::cuda {

enum class RowKind : int { softmax, log_softmax, softmax_backward, log_softmax_backward, layer, rms, layer_backward, rms_backward };
inline constexpr int row_kinds = 8;
MUSHIN_BOTH constexpr bool is_softmax(RowKind k) { return k <= RowKind::log_softmax_backward; }
MUSHIN_BOTH constexpr bool is_layer(RowKind k) { return k == RowKind::layer || k == RowKind::layer_backward; }
MUSHIN_BOTH constexpr bool sums_rows(RowKind k) { return k == RowKind::layer_backward || k == RowKind::rms_backward; }
enum class RowType : int { f32, f16, bf16, f64 };

/// Views of `walk`, which has all axes but the rows' own: 0 x (of softmax's backward kinds y), 1 dy, 2 the result.
struct Rows {
  Walk walk;
  Index n = 0;
  Index step[Walk::most_views] = {};  // from one element of a row to the next
  // Of normalization alone.
  Index gain_step = 0, bias_step = 0;
  double eps = 0;
  // Of its backward kinds: dgain and dbias are summed over each part's rows, and then over the parts, in order.
  Index rows_in_part = 1;
  MUSHIN_BOTH Index parts() const { return (walk.count + rows_in_part - 1) / rows_in_part; }
};

MUSHIN_TEAM float exp_of(float x) { return expf(x); }
MUSHIN_TEAM float log_of(float x) { return logf(x); }
MUSHIN_TEAM float root_of(float x) { return sqrtf(x); }
MUSHIN_TEAM double exp_of(double x) { return exp(x); }
MUSHIN_TEAM double log_of(double x) { return log(x); }
MUSHIN_TEAM double root_of(double x) { return sqrt(x); }

/// Where an element of a row lies, from its first.
struct Steps {
  Index step;
  MUSHIN_TEAM Index operator()(const Element& e) const { return e.i * step; }
};

/// Elements in memory, kept by the team's lanes if they keep anything.
template <class Team, class T, class Where = Steps>
class Row {
 public:
  using A = Wide<T>;
  MUSHIN_TEAM Row(const T* first, Where where, Index n) : first_(first), where_(where) {
    if constexpr (Team::keeps) Team::each(n, [&](const Element& e) { kept_[e] = wide(first_[where_(e)]); });
  }
  MUSHIN_TEAM A operator()(const Element& e) const {
    if constexpr (Team::keeps)
      return kept_[e];
    else
      return wide(first_[where_(e)]);
  }

 private:
  const T* first_;
  Where where_;
  typename Team::template Kept<A> kept_;
};

/// Sums that each lane makes of its own elements, over rows; `place` is where they end up.
template <class Team, class A>
class Sums {
 public:
  MUSHIN_TEAM Sums(A* place, Index n) : place_(place) {
    Team::each(n, [&](const Element& e) { at(e) = 0; });
  }
  MUSHIN_TEAM void add(const Element& e, A x) { at(e) += x; }
  MUSHIN_TEAM void write(Index n) {
    if constexpr (Team::keeps) Team::each(n, [&](const Element& e) { place_[e.i] = kept_[e]; });
  }

 private:
  MUSHIN_TEAM A& at(const Element& e) {
    if constexpr (Team::keeps)
      return kept_[e];
    else
      return place_[e.i];
  }
  A* place_;
  typename Team::template Kept<A> kept_;
};

// ---- softmax ----

template <class Team, RowKind kind, class T>
MUSHIN_TEAM void softmax_forward(const Rows& j, const T* from, T* to) {
  using A = Wide<T>;
  const Row<Team, T> x(from, {j.step[0]}, j.n);
  const A top = Team::template fold<Max>(j.n, -static_cast<A>(INFINITY), x);
  const A total = Team::template fold<Sum>(j.n, A{0}, [&](const Element& e) { return exp_of(x(e) - top); });
  if constexpr (kind == RowKind::softmax) {
    Team::each(j.n, [&](const Element& e) { store(to[e.i * j.step[2]], exp_of(x(e) - top) / total); });
  } else {
    const A shift = log_of(total);
    Team::each(j.n, [&](const Element& e) { store(to[e.i * j.step[2]], x(e) - top - shift); });
  }
}

template <class Team, RowKind kind, class T>
MUSHIN_TEAM void softmax_back(const Rows& j, const T* result, const T* cotangent, T* to) {
  using A = Wide<T>;
  const Row<Team, T> y(result, {j.step[0]}, j.n), dy(cotangent, {j.step[1]}, j.n);
  if constexpr (kind == RowKind::softmax_backward) {
    const A along = Team::template fold<Sum>(j.n, A{0}, [&](const Element& e) { return y(e) * dy(e); });
    Team::each(j.n, [&](const Element& e) { store(to[e.i * j.step[2]], y(e) * (dy(e) - along)); });
  } else {
    const A total = Team::template fold<Sum>(j.n, A{0}, dy);
    Team::each(j.n, [&](const Element& e) { store(to[e.i * j.step[2]], dy(e) - exp_of(y(e)) * total); });
  }
}

// ---- normalization ----

/// What a row is normalized by: (x - mean) scale.
template <class Team, bool layer, class T>
struct Moments {
  using A = Wide<T>;
  A mean = 0, scale;
  MUSHIN_TEAM Moments(const Rows& j, const Row<Team, T>& x) {
    const A n = static_cast<A>(j.n);
    if constexpr (layer) mean = Team::template fold<Sum>(j.n, A{0}, x) / n;
    const A squares = Team::template fold<Sum>(j.n, A{0}, [&](const Element& e) {
      const A d = x(e) - mean;
      return d * d;
    });
    scale = A{1} / root_of(squares / n + static_cast<A>(j.eps));
  }
  MUSHIN_TEAM A of(A x) const {
    if constexpr (layer) x = x - mean;
    return x * scale;
  }
};

template <class Team, RowKind kind, class T>
MUSHIN_TEAM void normalize_row(const Rows& j, const T* from, const T* gain, const T* bias, T* to) {
  const Row<Team, T> x(from, {j.step[0]}, j.n);
  const Moments<Team, kind == RowKind::layer, T> m(j, x);
  Team::each(j.n, [&](const Element& e) {
    Wide<T> y = m.of(x(e)) * wide(gain[e.i * j.gain_step]);
    if constexpr (kind == RowKind::layer) y = y + wide(bias[e.i * j.bias_step]);
    store(to[e.i * j.step[2]], y);
  });
}

/// `sums`: of this part, n for dgain and n for dbias, which RMS leaves out.
template <class Team, RowKind kind, class T>
MUSHIN_TEAM void normalize_back(const Rows& j, const T* x0, const T* dy0, const T* gain, T* dx, Wide<T>* sums, Index part) {
  using A = Wide<T>;
  constexpr bool layer = kind == RowKind::layer_backward;
  Sums<Team, A> dgain(sums, j.n), dbias(sums + (layer ? j.n : 0), layer ? j.n : 0);
  const Index first = part * j.rows_in_part, rest = j.walk.count - first, end = first + (rest < j.rows_in_part ? rest : j.rows_in_part);
  for (Index row = first; row < end; ++row) {
    const Offsets o = offsets(j.walk, row);
    const Row<Team, T> x(x0 + o.of[0], {j.step[0]}, j.n), dy(dy0 + o.of[1], {j.step[1]}, j.n);
    const Moments<Team, layer, T> m(j, x);
    const auto g = [&](const Element& e) { return dy(e) * wide(gain[e.i * j.gain_step]); };
    const A n = static_cast<A>(j.n);
    A mean = 0;
    if constexpr (layer) mean = Team::template fold<Sum>(j.n, A{0}, g) / n;
    const A slope = Team::template fold<Sum>(j.n, A{0}, [&](const Element& e) { return g(e) * m.of(x(e)); }) / n;
    Team::each(j.n, [&](const Element& e) {
      const A value = m.of(x(e));
      dgain.add(e, dy(e) * value);
      if constexpr (layer) dbias.add(e, dy(e));
      store(dx[o.of[2] + e.i * j.step[2]], (g(e) - mean - value * slope) * m.scale);
    });
  }
  dgain.write(j.n);
  if constexpr (layer) dbias.write(j.n);
}

// ---- rows of any kind ----

/// As many as a kind has pieces of work: rows, or parts.
template <RowKind kind>
MUSHIN_BOTH Index pieces(const Rows& j) {
  return sums_rows(kind) ? j.parts() : j.walk.count;
}
/// `sums`: room for 2 n of each part.
template <class Team, RowKind kind, class T>
MUSHIN_TEAM void compute_piece(const Rows& j, const T* x, const T* dy, const T* gain, const T* bias, T* to, Wide<T>* sums, Index piece) {
  if constexpr (sums_rows(kind)) {
    normalize_back<Team, kind>(j, x, dy, gain, to, sums + piece * 2 * j.n, piece);
  } else {
    const Offsets o = offsets(j.walk, piece);
    if constexpr (kind == RowKind::layer || kind == RowKind::rms)
      normalize_row<Team, kind>(j, x + o.of[0], gain, bias, to + o.of[2]);
    else if constexpr (kind == RowKind::softmax || kind == RowKind::log_softmax)
      softmax_forward<Team, kind>(j, x + o.of[0], to + o.of[2]);
    else
      softmax_back<Team, kind>(j, x + o.of[0], dy + o.of[1], to + o.of[2]);
  }
}

/// What is left of the backward kinds: columns of the parts' sums, to dgain and dbias.
struct Columns {
  Index n = 0, parts = 0;
  Index step[2] = {};  // of dgain and of dbias
  int results = 1;     // RMS: dgain alone
  MUSHIN_BOTH Index count() const { return n * results; }
};
template <class Team, class T>
MUSHIN_TEAM void sum_column(const Columns& c, const Wide<T>* sums, T* dgain, T* dbias, Index column) {
  using A = Wide<T>;
  const A total = Team::template fold<Sum>(c.parts, A{0}, [&](const Element& e) { return sums[e.i * 2 * c.n + column]; });
  Team::once([&] {
    if (column < c.n)
      store(dgain[column * c.step[0]], total);
    else
      store(dbias[(column - c.n) * c.step[1]], total);
  });
}

}  // namespace mushin::cuda
