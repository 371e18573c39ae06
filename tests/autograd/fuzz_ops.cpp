#include "fuzz_ops.hpp"

#include <algorithm>
#include <numeric>

namespace mushin::test {
namespace {

using core::Traced;
using Values = std::vector<Ref>;

bool positive(double x) { return x > 0.1; }
bool not_zero(double x) { return std::abs(x) > kink; }
bool differ(double a, double b) { return std::abs(a - b) > kink; }
Id negative(Tape& t, Id a) { return t.sub(t.constant(0), a); }
Id square(Tape& t, Id a) { return t.mul(a, a); }
Id sigmoid(Tape& t, Id a) { return t.div(t.constant(1), t.add(t.constant(1), t.exp(negative(t, a)))); }
Id tanh_of(Tape& t, Id a) {
  const Id e = t.exp(t.mul(t.constant(2), a));
  return t.div(t.sub(e, t.constant(1)), t.add(e, t.constant(1)));
}
/// a where the number is positive, 0 elsewhere.
Id passed(Tape& t, double sign, Id a) { return sign > 0 ? a : t.mul(t.constant(0), a); }

Id sum_of(Tape& t, const Ids& v) {
  Id s = t.constant(0);
  for (Id a : v) s = t.add(s, a);
  return s;
}
Id mean_of(Tape& t, const Ids& v) { return t.div(sum_of(t, v), t.constant(static_cast<double>(v.size()))); }
Id sum_of_squares(Tape& t, const Ids& v) {
  Ids squares;
  for (Id a : v) squares.push_back(square(t, a));
  return sum_of(t, squares);
}
Id var_of(Tape& t, const Ids& v) {
  const Id m = mean_of(t, v);
  Ids d;
  for (Id a : v) d.push_back(t.sub(a, m));
  return t.div(sum_of_squares(t, d), t.constant(static_cast<double>(v.size())));
}
Ids exps(Tape& t, const Ids& v) {
  Ids out;
  for (Id a : v) out.push_back(t.exp(a));
  return out;
}
Ids by_value(Tape& t, Ids v) {
  std::sort(v.begin(), v.end(), [&](Id a, Id b) { return t.value(a) < t.value(b); });
  return v;
}
bool apart(const std::vector<double>& v) { return distinct(v); }
bool spread_out(const std::vector<double>& v) { return v.size() > 1 && distinct(v); }
bool long_enough(const std::vector<double>& v) {
  double s = 0;
  for (double x : v) s += x * x;
  return s > 0.1;
}

/// An op that moves elements: `f` on values that are recorded, `g` on the tape's numbers, in which `zero` stands for 0.
Op moving(std::string name, bool (*choose)(Random&, Step&, const Values&), Traced (*f)(const Step&, const std::vector<Traced>&),
          Ref (*g)(const Step&, const std::vector<Grid>&, double zero), unsigned operands = 1) {
  return {std::move(name), operands, choose, f,
          [g](Tape& t, const Step& s, const auto& x) { return g(s, x, static_cast<double>(t.constant(0))); }};
}

bool some_axis(Random& r, Step& s, const Values& v) {
  if (v[0].shape.empty()) return false;
  s.n[0] = r.below(static_cast<std::int64_t>(v[0].shape.size()));
  return true;
}
std::size_t axis_of(const Step& s) { return static_cast<std::size_t>(s.n[0]); }
unsigned u(std::int64_t n) { return static_cast<unsigned>(n); }

bool some_slice(Random& r, Step& s, const Values& v) {
  if (!some_axis(r, s, v)) return false;
  const auto size = v[0].shape[axis_of(s)];
  s.n[1] = r.below(size);
  s.n[2] = s.n[1] + 1 + r.below(size - s.n[1]);
  return true;
}
bool some_shape(Random& r, Step& s, const Values& v) {
  std::int64_t left = count(v[0].shape);
  while (left > 1) {
    std::int64_t d = 1 + r.below(left);
    while (left % d) ++d;
    s.to.push_back(d);
    left /= d;
    if (s.to.size() == 3 && left > 1) return false;
  }
  if (s.to.size() < 3 && r.one_in(3)) s.to.insert(s.to.begin() + r.below(static_cast<std::int64_t>(s.to.size()) + 1), 1);
  return true;
}
bool some_order(Random& r, Step& s, const Values& v) {
  s.to.resize(v[0].shape.size());
  std::iota(s.to.begin(), s.to.end(), 0);
  for (std::size_t i = s.to.size(); i > 1; --i)
    std::swap(s.to[i - 1], s.to[static_cast<std::size_t>(r.below(static_cast<std::int64_t>(i)))]);
  return s.to.size() > 1;
}
bool some_wider_shape(Random& r, Step& s, const Values& v) {
  s.to = v[0].shape;
  for (auto& n : s.to)
    if (n == 1) n = 1 + r.below(3);
  if (s.to.size() < 3) s.to.insert(s.to.begin(), 1 + r.below(3));
  return count(s.to) <= 27;
}
bool some_indices(Random& r, Step& s, const Values& v) {
  if (!some_axis(r, s, v)) return false;
  Index shape = v[0].shape;
  const auto size = shape[axis_of(s)];
  shape[axis_of(s)] = 1 + r.below(4);
  s.table = generate(shape, [&](const Index&) { return static_cast<double>(r.below(size)); });
  return true;
}
bool same_but_along(Random& r, Step& s, const Values& v) {
  if (v[0].shape.size() != v[1].shape.size() || !some_axis(r, s, v)) return false;
  Index a = v[0].shape, b = v[1].shape;
  a[axis_of(s)] = b[axis_of(s)] = 1;
  return a == b && count(v[0].shape) + count(v[1].shape) <= 27;
}
Ref joined(const Ref& a, const Ref& b, std::size_t axis) {
  Index shape = a.shape;
  shape[axis] += b.shape[axis];
  return generate(shape, [&](Index p) { return p[axis] < a.shape[axis] ? a.at(p) : (p[axis] -= a.shape[axis], b.at(p)); });
}
Ref flipped(const Ref& a, std::size_t axis) {
  return generate(a.shape, [&](Index p) { return p[axis] = a.shape[axis] - 1 - p[axis], a.at(p); });
}
Ref padded(const Ref& a, std::size_t axis, std::int64_t before, std::int64_t after, double zero) {
  Index shape = a.shape;
  shape[axis] += before + after;
  return generate(shape, [&](Index p) {
    p[axis] -= before;
    return p[axis] < 0 || p[axis] >= a.shape[axis] ? zero : a.at(p);
  });
}
Ref lower_part(const Ref& a, std::int64_t offset, double zero) {
  const std::size_t k = a.shape.size();
  return generate(a.shape, [&](const Index& p) { return p[k - 1] - p[k - 2] <= offset ? a.at(p) : zero; });
}

/// As a matrix: 1-D is a row on the left, a column on the right.
Ref as_matrix(Ref a, bool left) {
  if (a.shape.size() == 1) a.shape.insert(left ? a.shape.begin() : a.shape.end(), 1);
  return a;
}
Index leading(const Ref& a) { return {a.shape.begin(), a.shape.end() - 2}; }
/// Row `row` of the matrix that stands at the leading indices of `p`, or, turned, its column.
Ids line(const Grid& m, const Index& p, std::int64_t at, bool column) {
  const std::size_t lead = m.shape.size() - 2;
  Ids out;
  for (std::int64_t k = 0; k < m.shape[lead + !column]; ++k) {
    Index q;
    for (std::size_t i = 0; i < lead; ++i) q.push_back(m.shape[i] == 1 ? 0 : p[p.size() - 2 - lead + i]);
    q.push_back(column ? k : at), q.push_back(column ? at : k);
    out.push_back(id_of(m.at(q)));
  }
  return out;
}

Op matmul_op() {
  return {"matmul", 2,
          [](Random&, Step&, const Values& v) {
            if (v[0].shape.empty() || v[1].shape.empty()) return false;
            const Ref a = as_matrix(v[0], true), b = as_matrix(v[1], false);
            return a.shape.back() == b.shape[b.shape.size() - 2] && broadcast(leading(a), leading(b));
          },
          [](const Step&, const auto& x) { return core::matmul(x[0], x[1]); },
          [](Tape& t, const Step&, const std::vector<Grid>& x) {
            const Grid a = as_matrix(x[0], true), b = as_matrix(x[1], false);
            Index shape = broadcast_shape(leading(a), leading(b));
            shape.push_back(a.shape[a.shape.size() - 2]), shape.push_back(b.shape.back());
            Grid out = generate(shape, [&](const Index& p) {
              const Ids row = line(a, p, p[p.size() - 2], false), column = line(b, p, p.back(), true);
              Ids products;
              for (std::size_t k = 0; k < row.size(); ++k) products.push_back(t.mul(row[k], column[k]));
              return static_cast<double>(sum_of(t, products));
            });
            if (x[1].shape.size() == 1) out.shape.pop_back();
            if (x[0].shape.size() == 1) out.shape.erase(out.shape.end() - (x[1].shape.size() == 1 ? 1 : 2));
            return out;
          }};
}

Op where_op() {
  return {"where", 3,
          [](Random&, Step&, const Values& v) {
            return broadcast(v[0].shape, v[1].shape) && broadcast(broadcast_shape(v[0].shape, v[1].shape), v[2].shape) &&
                   all_of(v[0], not_zero);
          },
          [](const Step&, const auto& x) { return core::where(core::less(x[0].value(), core::literal(0, dtype::f64)), x[1], x[2]); },
          [](Tape& t, const Step&, const auto& x) {
            return where(map(x[0], [&](double c) { return t.value(id_of(c)) < 0 ? 1.0 : 0.0; }), x[1], x[2]);
          }};
}

Op scatter_op() {
  return {"scatter_add", 2,
          [](Random& r, Step& s, const Values& v) {
            if (!same_but_along(r, s, v)) return false;
            s.table = generate(v[1].shape, [&](const Index&) { return static_cast<double>(r.below(v[0].shape[axis_of(s)])); });
            return true;
          },
          [](const Step& s, const auto& x) { return core::scatter_add(x[0], u(s.n[0]), indices_from(s.table), x[1]); },
          [](Tape& t, const Step& s, const auto& x) {
            Grid out = x[0];
            for_each_index(x[1].shape, [&](const Index& p) {
              Index q = p;
              q[axis_of(s)] = static_cast<std::int64_t>(s.table.at(p));
              out.at(q) = static_cast<double>(t.add(id_of(out.at(q)), id_of(x[1].at(p))));
            });
            return out;
          }};
}

Op layer_norm_op() {
  static constexpr double eps = 0.1;
  return {"layer_norm", 3,
          [](Random&, Step&, const Values& v) {
            return v[0].shape.size() > 1 && v[1].shape == Index{v[0].shape.back()} && v[2].shape == v[1].shape && v[0].shape.back() > 1;
          },
          [](const Step&, const auto& x) { return core::layer_norm(x[0], x[1], x[2], eps); },
          [](Tape& t, const Step&, const auto& x) {
            Grid out{x[0].shape, {}};
            for (const auto& group : groups(x[0], 1 << (x[0].shape.size() - 1))) {
              const Ids row = ids_of(group);
              const Id m = mean_of(t, row), spread = t.sqrt(t.add(var_of(t, row), t.constant(eps)));
              for (std::size_t i = 0; i < row.size(); ++i)
                out.values.push_back(
                    static_cast<double>(t.add(t.mul(t.div(t.sub(row[i], m), spread), id_of(x[1].values[i])), id_of(x[2].values[i]))));
            }
            return out;
          }};
}

}  // namespace

std::vector<Op> pointwise_ops() {
  return {
      unary("neg", core::neg, negative),
      unary("exp", core::exp, [](Tape& t, Id a) { return t.exp(a); }),
      unary(
          "log", core::log, [](Tape& t, Id a) { return t.log(a); }, positive),
      unary("tanh", core::tanh, tanh_of),
      unary("sigmoid", core::sigmoid, sigmoid),
      unary(
          "sqrt", core::sqrt, [](Tape& t, Id a) { return t.sqrt(a); }, positive),
      unary(
          "rsqrt", core::rsqrt, [](Tape& t, Id a) { return t.div(t.constant(1), t.sqrt(a)); }, positive),
      unary("sin", core::sin, [](Tape& t, Id a) { return t.sin(a); }),
      unary("cos", core::cos, [](Tape& t, Id a) { return t.cos(a); }),
      unary(
          "log1p", core::log1p, [](Tape& t, Id a) { return t.log(t.add(t.constant(1), a)); }, positive),
      unary("expm1", core::expm1, [](Tape& t, Id a) { return t.sub(t.exp(a), t.constant(1)); }),
      unary(
          "relu", core::relu, [](Tape& t, Id a) { return passed(t, t.value(a), a); }, not_zero),
      unary(
          "abs", core::abs, [](Tape& t, Id a) { return t.value(a) > 0 ? a : negative(t, a); }, not_zero),
      unary(
          "square", [](const Traced& a) { return core::mul(a, a); }, square),
      unary(
          "cube", [](const Traced& a) { return core::pow(a, 3.0); }, [](Tape& t, Id a) { return t.mul(square(t, a), a); }),
      unary(
          "clamp", [](const Traced& a) { return core::clamp(a, core::literal(-0.5, dtype::f64), core::literal(1, dtype::f64)); },
          [](Tape& t, Id a) { return t.value(a) < -0.5 ? t.constant(-0.5)
                                     : t.value(a) > 1  ? t.constant(1)
                                                       : a; },
          [](double x) { return differ(x, -0.5) && differ(x, 1); }),
      binary("add", core::add, [](Tape& t, Id a, Id b) { return t.add(a, b); }),
      binary("sub", core::sub, [](Tape& t, Id a, Id b) { return t.sub(a, b); }),
      binary("mul", core::mul, [](Tape& t, Id a, Id b) { return t.mul(a, b); }),
      binary(
          "div", core::div, [](Tape& t, Id a, Id b) { return t.div(a, b); }, [](double, double b) { return std::abs(b) > 0.2; }),
      binary(
          "maximum", core::maximum, [](Tape& t, Id a, Id b) { return t.value(a) > t.value(b) ? a : b; }, differ),
      binary(
          "minimum", core::minimum, [](Tape& t, Id a, Id b) { return t.value(a) < t.value(b) ? a : b; }, differ),
      binary(
          "pow", [](const Traced& a, const Traced& b) { return core::pow(a, b); },
          [](Tape& t, Id a, Id b) { return t.exp(t.mul(b, t.log(a))); }, [](double a, double) { return positive(a); }),
      where_op(),
  };
}

std::vector<Op> folding_ops() {
  return {
      reduction("sum", core::sum, sum_of),
      reduction("mean", core::mean, mean_of),
      reduction("prod", core::prod,
                [](Tape& t, const Ids& v) {
                  Id p = t.constant(1);
                  for (Id a : v) p = t.mul(p, a);
                  return p;
                }),
      reduction(
          "max", core::max, [](Tape& t, const Ids& v) { return by_value(t, v).back(); }, apart),
      reduction(
          "min", core::min, [](Tape& t, const Ids& v) { return by_value(t, v).front(); }, apart),
      reduction(
          "var", [](const Traced& a, unsigned axes, bool keep) { return core::var(a, axes, keep, 0); }, var_of),
      reduction(
          "std", [](const Traced& a, unsigned axes, bool keep) { return core::std(a, axes, keep, 0); },
          [](Tape& t, const Ids& v) { return t.sqrt(var_of(t, v)); },
          [](const std::vector<double>& v) {
            const auto [low, high] = std::minmax_element(v.begin(), v.end());
            return spread_out(v) && *high - *low > 0.3;
          }),
      reduction("logsumexp", core::logsumexp, [](Tape& t, const Ids& v) { return t.log(sum_of(t, exps(t, v))); }),
      reduction(
          "norm", core::norm, [](Tape& t, const Ids& v) { return t.sqrt(sum_of_squares(t, v)); }, long_enough),
      along_axis("softmax", core::softmax,
                 [](Tape& t, const Ids& v) {
                   Ids e = exps(t, v);
                   const Id s = sum_of(t, e);
                   for (Id& a : e) a = t.div(a, s);
                   return e;
                 }),
      along_axis("log_softmax", core::log_softmax,
                 [](Tape& t, const Ids& v) {
                   const Id s = t.log(sum_of(t, exps(t, v)));
                   Ids out;
                   for (Id a : v) out.push_back(t.sub(a, s));
                   return out;
                 }),
      along_axis(
          "cumsum", [](const Traced& a, unsigned axis) { return core::cumsum(a, axis, false); },
          [](Tape& t, const Ids& v) {
            Ids out;
            for (Id a : v) out.push_back(out.empty() ? a : t.add(out.back(), a));
            return out;
          }),
      along_axis("cumprod", core::cumprod,
                 [](Tape& t, const Ids& v) {
                   Ids out;
                   for (Id a : v) out.push_back(out.empty() ? a : t.mul(out.back(), a));
                   return out;
                 }),
      along_axis(
          "sort", [](const Traced& a, unsigned axis) { return core::sort(a, axis, false); },
          [](Tape& t, const Ids& v) { return by_value(t, v); }, [](std::vector<double> v) { return distinct(std::move(v)); }),
      matmul_op(),
      layer_norm_op(),
  };
}

std::vector<Op> moving_ops() {
  using In = const std::vector<Traced>&;
  using Numbers = const std::vector<Grid>&;
  return {
      moving(
          "reshape", some_shape, [](const Step& s, In x) { return core::reshape(x[0], sizes_from(s.to)); },
          [](const Step& s, Numbers x, double) {
            return Ref{s.to, x[0].values};
          }),
      moving(
          "permute", some_order,
          [](const Step& s, In x) { return core::permute(x[0], std::vector<unsigned>(s.to.begin(), s.to.end()).data()); },
          [](const Step& s, Numbers x, double) { return permute(x[0], std::vector<int>(s.to.begin(), s.to.end())); }),
      moving(
          "broadcast_to", some_wider_shape, [](const Step& s, In x) { return core::broadcast_to(x[0], sizes_from(s.to)); },
          [](const Step& s, Numbers x, double) { return broadcast_to(x[0], s.to); }),
      moving(
          "slice", some_slice, [](const Step& s, In x) { return core::slice(x[0], u(s.n[0]), s.n[1], s.n[2]); },
          [](const Step& s, Numbers x, double) { return slice(x[0], axis_of(s), s.n[1], s.n[2]); }),
      moving(
          "place",
          [](Random& r, Step& s, const Values& v) {
            if (!some_axis(r, s, v)) return false;
            s.n[1] = r.below(2), s.n[2] = r.below(2);
            return count(v[0].shape) <= 12;
          },
          [](const Step& s, In x) { return core::place(x[0], u(s.n[0]), s.n[1], s.n[1] + s.n[2] + x[0].sizes()[u(s.n[0])]); },
          [](const Step& s, Numbers x, double zero) { return padded(x[0], axis_of(s), s.n[1], s.n[2], zero); }),
      moving(
          "flip", some_axis, [](const Step& s, In x) { return core::flip(x[0], 1u << s.n[0]); },
          [](const Step& s, Numbers x, double) { return flipped(x[0], axis_of(s)); }),
      moving(
          "concat", same_but_along, [](const Step& s, In x) { return core::concat(x.data(), 2, u(s.n[0])); },
          [](const Step& s, Numbers x, double) { return joined(x[0], x[1], axis_of(s)); }, 2),
      moving(
          "tril", [](Random& r, Step& s, const Values& v) { return s.n[0] = r.below(3) - 1, v[0].shape.size() > 1; },
          [](const Step& s, In x) { return core::tril(x[0], s.n[0]); },
          [](const Step& s, Numbers x, double zero) { return lower_part(x[0], s.n[0], zero); }),
      moving(
          "gather", some_indices, [](const Step& s, In x) { return core::gather(x[0], u(s.n[0]), indices_from(s.table)); },
          [](const Step& s, Numbers x, double) { return gather(x[0], axis_of(s), s.table); }),
      scatter_op(),
  };
}

}  // namespace mushin::test
