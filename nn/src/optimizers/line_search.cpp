#include "optimizers/line_search.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mushin::nn {
namespace {

/// The least value between two bounds of the cubic through both points (Nocedal & Wright, 3.59); the middle where it has none.
double least_of_cubic(const LinePoint& a, const LinePoint& b, double low, double high) {
  const auto& [left, right] =
      a.t <= b.t ? std::pair<const LinePoint&, const LinePoint&>(a, b) : std::pair<const LinePoint&, const LinePoint&>(b, a);
  const double d = a.slope + b.slope - 3 * (a.value - b.value) / (a.t - b.t), square = d * d - a.slope * b.slope;
  if (!(square >= 0)) return (low + high) / 2;
  const double root = std::sqrt(square);
  const double t = right.t - (right.t - left.t) * ((right.slope + root - d) / (right.slope - left.slope + 2 * root));
  return std::min(std::max(t, low), high);
}

class Search {
 public:
  Search(const std::function<LinePoint(double)>& at, LinePoint start, double reach, const LineSearch& rules, std::int64_t& count)
      : at_(at), start_(std::move(start)), reach_(reach), rules_(rules), count_(count) {
    count_ = 0;
  }

  LinePoint run(double first) {
    LinePoint last = start_, now = look(first);
    std::int64_t taken = 0;  // points besides the first
    while (taken < rules_.most) {
      if (too_high(now) || (taken > 1 && now.value >= last.value) || (!flat(now) && now.slope >= 0))
        return zoom(std::move(last), std::move(now), taken);
      if (flat(now)) return now;
      const double t = least_of_cubic(last, now, now.t + 0.01 * (now.t - last.t), now.t * 10);
      last = std::exchange(now, look(t));
      ++taken;
    }
    return now.value < start_.value ? now : start_;
  }

 private:
  LinePoint look(double t) {
    ++count_;
    return at_(t);
  }
  bool too_high(const LinePoint& p) const { return p.value > start_.value + rules_.sufficient * p.t * start_.slope; }
  bool flat(const LinePoint& p) const { return std::abs(p.slope) <= -rules_.curvature * start_.slope; }

  // A point that satisfies the conditions lies between the two.
  LinePoint zoom(LinePoint one, LinePoint other, std::int64_t taken) {
    LinePoint best = std::move(one), far = std::move(other);
    if (far.value < best.value) std::swap(best, far);
    bool slow = false;  // the last point was near an end
    while (taken < rules_.most && std::abs(far.t - best.t) * reach_ >= rules_.least_change) {
      LinePoint now = look(between(best, far, slow));
      ++taken;
      if (too_high(now) || now.value >= best.value) {
        far = std::move(now);
        if (far.value < best.value) std::swap(best, far);
        continue;
      }
      if (flat(now)) return now;
      if (now.slope * (far.t - best.t) >= 0) far = std::move(best);
      best = std::move(now);
    }
    return best;
  }

  // Not near an end twice in turn: a tenth of the way off it then.
  static double between(const LinePoint& a, const LinePoint& b, bool& slow) {
    const double low = std::min(a.t, b.t), high = std::max(a.t, b.t), margin = 0.1 * (high - low);
    const double t = least_of_cubic(a, b, low, high);
    if (std::min(high - t, t - low) >= margin) {
      slow = false;
      return t;
    }
    if (!slow && t < high && t > low) {
      slow = true;
      return t;
    }
    slow = false;
    return high - t < t - low ? high - margin : low + margin;
  }

  const std::function<LinePoint(double)>& at_;
  LinePoint start_;
  double reach_;
  const LineSearch& rules_;
  std::int64_t& count_;
};

}  // namespace

LinePoint strong_wolfe(const std::function<LinePoint(double)>& at, LinePoint start, double first, double reach, const LineSearch& rules,
                       std::int64_t& count) {
  return Search(at, std::move(start), reach, rules, count).run(first);
}

}  // namespace mushin::nn
