#pragma once
// What ops should give: plain loops over doubles, row-major, with no shared code with the library.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

namespace mushin::test {

using Index = std::vector<std::int64_t>;

/// A dense array of doubles.
struct Ref {
  Index shape;
  std::vector<double> values;

  double& at(const Index& p) { return values[offset(p)]; }
  double at(const Index& p) const { return values[offset(p)]; }

 private:
  std::size_t offset(const Index& p) const {
    std::int64_t at = 0;
    for (std::size_t i = 0; i < shape.size(); ++i) at = at * shape[i] + p[i];
    return static_cast<std::size_t>(at);
  }
};

inline std::int64_t count(const Index& shape) {
  std::int64_t n = 1;
  for (auto e : shape) n *= e;
  return n;
}

inline Ref full(Index shape, double value) {
  const auto n = static_cast<std::size_t>(count(shape));
  return {std::move(shape), std::vector<double>(n, value)};
}

/// Calls `visit(index)` for each index of `shape`, row-major.
template <class Visit>
void for_each_index(const Index& shape, Visit visit) {
  if (count(shape) == 0) return;
  Index p(shape.size(), 0);
  for (;;) {
    visit(static_cast<const Index&>(p));
    std::size_t axis = shape.size();
    while (axis > 0 && ++p[axis - 1] == shape[axis - 1]) p[--axis] = 0;
    if (axis == 0) return;
  }
}

/// A Ref whose element at `p` is `f(p)`.
template <class F>
Ref generate(const Index& shape, F f) {
  Ref out{shape, {}};
  for_each_index(shape, [&](const Index& p) { out.values.push_back(f(p)); });
  return out;
}

inline Index broadcast_shape(const Index& a, const Index& b) {
  Index out(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1, y = i < b.size() ? b[b.size() - 1 - i] : 1;
    out[out.size() - 1 - i] = x == 1 ? y : x;
  }
  return out;
}

/// The element of `a` that broadcasting puts at `p`.
inline double broadcast_at(const Ref& a, const Index& p) {
  Index q(a.shape.size());
  for (std::size_t i = 0; i < q.size(); ++i) q[i] = a.shape[i] == 1 ? 0 : p[p.size() - q.size() + i];
  return a.at(q);
}

inline Ref map(const Ref& a, const std::function<double(double)>& f) {
  return generate(a.shape, [&](const Index& p) { return f(a.at(p)); });
}
inline Ref map(const Ref& a, const Ref& b, const std::function<double(double, double)>& f) {
  return generate(broadcast_shape(a.shape, b.shape), [&](const Index& p) { return f(broadcast_at(a, p), broadcast_at(b, p)); });
}
inline Ref where(const Ref& c, const Ref& a, const Ref& b) {
  return generate(broadcast_shape(c.shape, broadcast_shape(a.shape, b.shape)),
                  [&](const Index& p) { return broadcast_at(c, p) != 0 ? broadcast_at(a, p) : broadcast_at(b, p); });
}
inline Ref broadcast_to(const Ref& a, const Index& shape) {
  return generate(shape, [&](const Index& p) { return broadcast_at(a, p); });
}

/// Folds `f` over `axes` (empty: all), beginning with `first`, in row-major order.
inline Ref reduce(const Ref& a, std::vector<int> axes, bool keep, double first, const std::function<double(double, double)>& f) {
  std::vector<bool> gone(a.shape.size(), axes.empty());
  for (int axis : axes) gone[static_cast<std::size_t>(axis < 0 ? axis + static_cast<int>(a.shape.size()) : axis)] = true;
  auto project = [&](const Index& p, bool sizes) {
    Index out;
    for (std::size_t i = 0; i < p.size(); ++i)
      if (!gone[i])
        out.push_back(p[i]);
      else if (keep)
        out.push_back(sizes ? 1 : 0);
    return out;
  };
  Ref out = full(project(a.shape, true), first);
  for_each_index(a.shape, [&](const Index& p) {
    double& to = out.at(project(p, false));
    to = f(to, a.at(p));
  });
  return out;
}
inline Ref sum(const Ref& a, std::vector<int> axes = {}, bool keep = false) {
  return reduce(a, std::move(axes), keep, 0, [](double s, double x) { return s + x; });
}
inline Ref max(const Ref& a, std::vector<int> axes = {}, bool keep = false) {
  return reduce(a, std::move(axes), keep, -HUGE_VAL, [](double m, double x) { return x > m || std::isnan(x) ? x : m; });
}
inline Ref mean(const Ref& a, std::vector<int> axes = {}, bool keep = false) {
  const Ref total = sum(a, std::move(axes), keep);
  const double n = static_cast<double>(count(a.shape)) / static_cast<double>(count(total.shape));
  return map(total, [n](double x) { return x / n; });
}

/// Operands of rank 2 or more; leading axes broadcast.
inline Ref matmul(const Ref& a, const Ref& b) {
  const Index lead_a(a.shape.begin(), a.shape.end() - 2), lead_b(b.shape.begin(), b.shape.end() - 2);
  Index shape = broadcast_shape(lead_a, lead_b);
  const std::int64_t inner = a.shape.back();
  shape.push_back(a.shape[a.shape.size() - 2]), shape.push_back(b.shape.back());
  auto element = [](const Ref& m, const Index& p, std::int64_t row, std::int64_t column) {
    const std::size_t leading = m.shape.size() - 2;
    Index q(m.shape.size());
    for (std::size_t i = 0; i < leading; ++i) q[i] = m.shape[i] == 1 ? 0 : p[p.size() - 2 - leading + i];
    q[leading] = row, q[leading + 1] = column;
    return m.at(q);
  };
  return generate(shape, [&](const Index& p) {
    double s = 0;
    for (std::int64_t k = 0; k < inner; ++k) s += element(a, p, p[p.size() - 2], k) * element(b, p, k, p.back());
    return s;
  });
}

inline Ref permute(const Ref& a, const std::vector<int>& order) {
  Index shape;
  for (int axis : order) shape.push_back(a.shape[static_cast<std::size_t>(axis)]);
  return generate(shape, [&](const Index& p) {
    Index q(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) q[static_cast<std::size_t>(order[i])] = p[i];
    return a.at(q);
  });
}

inline Ref slice(const Ref& a, std::size_t axis, std::int64_t begin, std::int64_t end) {
  Index shape = a.shape;
  shape[axis] = end - begin;
  return generate(shape, [&](Index p) { return p[axis] += begin, a.at(p); });
}

inline Ref gather(const Ref& a, std::size_t axis, const Ref& indices) {
  return generate(indices.shape, [&](Index p) {
    p[axis] = static_cast<std::int64_t>(indices.at(p));
    return a.at(p);
  });
}

inline Ref softmax(const Ref& a, int axis) {
  const Ref shifted = map(a, max(a, {axis}, true), [](double x, double m) { return std::exp(x - m); });
  return map(shifted, sum(shifted, {axis}, true), [](double x, double s) { return x / s; });
}

}  // namespace mushin::test
