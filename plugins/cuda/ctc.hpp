// Connectionist temporal classification, a row of the batch at a time: the probabilities of all ways to each state, and on from it, in
// logarithms (Graves et al. 2006). States are the row's labels with a blank before each and behind the last.
#pragma once
#include "rows.hpp"

namespace mushin::cuda::ctc {

/// Of the views, all dense: log-probabilities and gradient (time, batch, classes), labels (batch, most), numbers and losses (batch).
struct Job {
  Index time = 0, batch = 0, classes = 0, most = 0, blank = 0;
  MUSHIN_BOTH Index most_states() const { return 2 * most + 1; }
};

/// Where a row has a label again.
struct Link {
  Index next;  // its length: nowhere
  bool first;  // not before
};

struct Places {
  const void* logs;
  const std::int64_t *labels, *steps, *lengths;
  void* to;
  // In workspace. `ways`: (batch, time, states), of which a loss has the last two steps in turn. The others are a gradient's alone:
  // `on` (batch, 2, states), links (batch, most), steps that have a slope (batch).
  void *ways, *on;
  Link* links;
  Index* sloped;
};

template <class T>
constexpr T impossible = -static_cast<T>(INFINITY);

/// Of probabilities, in logarithms; NaN where one is.
template <class T>
MUSHIN_TEAM T log_sum(T a, T b, T c) {
  T top = b > a ? b : a;
  if (c > top) top = c;
  return top == impossible<T> ? a + b + c : top + log_of(exp_of(a - top) + exp_of(b - top) + exp_of(c - top));
}

struct Least {
  template <class A>
  MUSHIN_TEAM static A join(A a, A b) {
    return a < b ? a : b;
  }
};

template <class T>
struct Sequence {
  const T* logs;  // of the first step
  Index step;     // from one to the next
  Index blank;
  const std::int64_t* labels;
  Index length, steps;

  MUSHIN_TEAM Sequence(const Job& j, const Places& at, Index row)
      : logs(static_cast<const T*>(at.logs) + row * j.classes),
        step(j.batch * j.classes),
        blank(j.blank),
        labels(at.labels + row * j.most),
        length(at.lengths[row]),
        steps(at.steps[row]) {}
  MUSHIN_TEAM Index states() const { return 2 * length + 1; }
  MUSHIN_TEAM T input(Index t, Index s) const { return logs[t * step + (s % 2 ? labels[s / 2] : blank)]; }
  /// Whether state s can follow s - 2: there is a blank between two equal labels.
  MUSHIN_TEAM bool skips(Index s) const { return s % 2 && s > 1 && labels[s / 2] != labels[s / 2 - 1]; }
};

/// What can't be in a row is told; nothing else of it may be read then.
template <class Team, class T, class Tell>
MUSHIN_TEAM bool is_sound(const Job& j, const Sequence<T>& q, Index row, const Tell& tell) {
  Finding wrong{FindingOf::ctc_steps, q.steps, j.time, row, j.blank};
  if (q.steps >= 0 && q.steps <= j.time) {
    wrong.of = FindingOf::ctc_length, wrong.value = q.length, wrong.limit = j.most;
    if (q.length >= 0 && q.length <= j.most) {
      const Index first = Team::template fold<Least>(q.length, q.length, [&](const Element& e) {
        const Index label = q.labels[e.i];
        return label >= 0 && label < j.classes && label != j.blank ? q.length : e.i;
      });
      if (first == q.length) return true;
      wrong.of = FindingOf::ctc_label, wrong.value = q.labels[first], wrong.limit = j.classes;
    }
  }
  Team::once([&] { tell(wrong); });
  return false;
}

/// Of the ways to each state after each step; kept of all steps, or of two in turn. Gives that of all ways.
template <class Team, bool all, class T>
MUSHIN_TEAM T forward(const Sequence<T>& q, T* ways, Index row) {
  const auto after = [&](Index t) { return ways + (all ? t : t % 2) * row; };
  for (Index t = 0; t < q.steps; ++t) {
    const T* const from = t > 0 ? after(t - 1) : nullptr;
    T* const to = after(t);
    Team::each(q.states(), [&](const Element& e) {
      const Index s = e.i;
      T sum = s < 2 ? T{0} : impossible<T>;
      if (from) sum = log_sum(from[s], s > 0 ? from[s - 1] : impossible<T>, q.skips(s) ? from[s - 2] : impossible<T>);
      to[s] = sum + q.input(t, s);
    });
    Team::barrier();
  }
  if (q.steps == 0) return q.length ? impossible<T> : T{0};
  const T* const end = after(q.steps - 1) + q.states() - 1;
  return log_sum(*end, q.length ? end[-1] : impossible<T>, impossible<T>);
}

/// Makes of the ways to each state its probability at each step, given the labels. `on`: two rows, by steps, of the ways on from each
/// state, its own step's input among them.
template <class Team, class T>
MUSHIN_TEAM void backward(const Sequence<T>& q, T* ways, T* on, Index row, T total) {
  const Index n = q.states();
  for (Index t = q.steps; t-- > 0;) {
    const T* const from = on + (t + 1) % 2 * row;
    T *const to = on + t % 2 * row, *const at = ways + t * row;
    Team::each(n, [&](const Element& e) {
      const Index s = e.i;
      T rest = s + 2 >= n ? T{0} : impossible<T>;
      if (t + 1 < q.steps)
        rest = log_sum(from[s], s + 1 < n ? from[s + 1] : impossible<T>, s + 2 < n && q.skips(s + 2) ? from[s + 2] : impossible<T>);
      at[s] = exp_of(at[s] + rest - total);
      to[s] = rest + q.input(t, s);
    });
    Team::barrier();
  }
}

template <class Team, class T>
MUSHIN_TEAM void link(const Sequence<T>& q, Link* links) {
  Team::each(q.length, [&](const Element& e) {
    Link l{e.i + 1, true};
    while (l.next < q.length && q.labels[l.next] != q.labels[e.i]) ++l.next;
    for (Index k = 0; k < e.i && l.first; ++k) l.first = q.labels[k] != q.labels[e.i];
    links[e.i] = l;
  });
}

/// A row's loss, or the probabilities that slopes are made of.
template <class Team, bool gradient, class T, class Tell>
MUSHIN_TEAM void compute_row(const Job& j, const Places& at, Index row, const Tell& tell) {
  const Sequence<T> q(j, at, row);
  const bool sound = is_sound<Team>(j, q, row, tell);
  const Index n = j.most_states();
  T* const ways = static_cast<T*>(at.ways) + row * (gradient ? j.time : 2) * n;
  T total = impossible<T>;
  if (sound) total = forward<Team, gradient>(q, ways, n);
  if constexpr (!gradient) {
    Team::once([&] { static_cast<T*>(at.to)[row] = -total; });
  } else {
    const bool slopes = total != impossible<T>;
    Team::once([&] { at.sloped[row] = slopes ? q.steps : 0; });
    if (!slopes) return;
    link<Team>(q, at.links + row * j.most);
    Team::barrier();  // all have read the total
    backward<Team>(q, ways, static_cast<T*>(at.on) + row * 2 * n, n, total);
  }
}

/// The slopes of a row's classes at a step: minus the probabilities of a class's states. `piece`: step and row.
template <class Team, class T>
MUSHIN_TEAM void compute_slopes(const Job& j, const Places& at, Index piece) {
  const Index t = piece / j.batch, row = piece % j.batch;
  T* const slope = static_cast<T*>(at.to) + piece * j.classes;
  Team::each(j.classes, [&](const Element& e) { slope[e.i] = 0; });
  if (t >= at.sloped[row]) return;
  Team::barrier();
  const Sequence<T> q(j, at, row);
  const T* const share = static_cast<const T*>(at.ways) + (row * j.time + t) * j.most_states();
  const T blank = Team::template fold<Sum>(q.length + 1, T{0}, [&](const Element& e) { return share[2 * e.i]; });
  Team::once([&] { slope[j.blank] = T{0} - blank; });
  const Link* const links = at.links + row * j.most;
  Team::each(q.length, [&](const Element& e) {
    if (!links[e.i].first) return;
    T sum = share[2 * e.i + 1];
    for (Index k = links[e.i].next; k < q.length; k = links[k].next) sum += share[2 * k + 1];
    slope[q.labels[e.i]] = T{0} - sum;
  });
}

/// Teams that take a row: lanes, and states that they are for.
struct Size {
  int lanes;
  Index states;
};
inline constexpr Size sizes[] = {{32, 128}, {256, 1024}, {512, INT64_MAX}};
inline constexpr int size_count = static_cast<int>(sizeof sizes / sizeof *sizes);
template <int which>
using TeamOf = Team<sizes[which].lanes, 0>;
constexpr int size_for(Index states) {
  int s = 0;
  while (sizes[s].states < states) ++s;
  return s;
}
using SlopeTeam = Team<32, 0>;

enum class Type : int { f32, f64 };

}  // namespace mushin::cuda::ctc
