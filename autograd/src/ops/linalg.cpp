#include "mushin/autograd/ops/linalg.hpp"

#include <algorithm>
#include <string>

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/diagonal.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/makers.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/einsum.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::core {
namespace {

constexpr std::uint8_t for_a = 1, for_b = 2, for_c = 4;

Array number(const Traced& t, double value) { return literal(value, t.type()); }
Traced symmetric_part(const Traced& a) { return mul(add(a, transpose(a)), number(a, 0.5)); }

/// `a` with the axis from the end that it lacks, as a column (0) or a row (1) beside a matrix.
Traced beside(const Traced& a, unsigned from_end) {
  Sizes s = a.sizes();
  s.push(1);
  if (from_end == 1) std::swap(s.at[s.rank - 1], s.at[s.rank - 2]);
  return reshape(a, s);
}
Traced times_columns(const Traced& m, const Traced& each) { return mul(m, beside(each, 1)); }

/// 1 / (v[j] - v[i]), and 0 on the diagonal.
Traced inverse_differences(const Traced& v) {
  const std::int64_t n = v.sizes()[v.rank() - 1];
  const Array one = to_device(eye({n, n}, v.type(), 1), v.device());
  return div(sub(number(v, 1), one), add(sub(beside(v, 1), beside(v, 0)), one));
}

/// x r^-T
Traced times_inverse_transposed(const Traced& x, const Traced& r) { return transpose(solve(r, transpose(x))); }

Traced solve_matrices(const Traced& a, const Traced& b) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced to_b = solve(transpose(p.operand(0)), p.cotangent());
    if (p.wants(0)) p.give(0, neg(matmul(to_b, transpose(p.result()))));
    p.give(1, to_b);
  };
  static constexpr Rule rule{"solve", {{for_a | for_b, 0, 0, for_a}}, pull};
  return record(rule, solve(a.value(), b.value()), a, b);
}

}  // namespace

Traced solve(const Traced& a, const Traced& b) {
  if (b.rank() != 1) return solve_matrices(a, b);
  const Traced x = solve_matrices(a, beside(b, 0));
  Sizes s = x.sizes();
  --s.rank;
  return reshape(x, s);
}

Traced inv(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced y = transpose(p.result());
    p.give(0, neg(matmul(matmul(y, p.cotangent()), y)));
  };
  static constexpr Rule rule{"inv", {{0, 0, 0, for_a}}, pull};
  return record(rule, inv(a.value()), a);
}

Traced det(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced scale = beside(beside(mul(p.cotangent(), p.result()), 0), 0);
    p.give(0, mul(scale, transpose(inv(p.operand(0)))));
  };
  static constexpr Rule rule{"det", {{for_a, 0, 0, for_a}}, pull};
  return record(rule, det(a.value()), a);
}

Traced cholesky(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced l = p.result(), lt = transpose(l), m = matmul(lt, tril(p.cotangent(), 0));
    const Traced half = mul(add(tril(m, 0), tril(m, -1)), number(m, 0.5));
    p.give(0, symmetric_part(solve(lt, transpose(solve(lt, transpose(half))))));
  };
  static constexpr Rule rule{"cholesky", {{0, 0, 0, for_a}}, pull};
  return record(rule, cholesky(a.value()), a);
}

QrOf<Traced> qr(const Traced& a) {
  static constexpr auto pull_q = [](Pullback& p) {
    const Traced q = p.result(), r = triu(matmul(transpose(q), p.operand(0)), 0), m = neg(matmul(transpose(p.cotangent()), q));
    const Traced mirrored = add(tril(m, 0), transpose(tril(m, -1)));
    p.give(0, times_inverse_transposed(add(p.cotangent(), matmul(q, mirrored)), r));
  };
  static constexpr auto pull_r = [](Pullback& p) {
    const Traced g = triu(p.cotangent(), 0);
    if (p.wants(0)) p.give(0, matmul(p.operand(1), transpose(g)));
    if (p.wants(1)) p.give(1, matmul(p.operand(0), g));
  };
  static constexpr Rule rule_q{"qr q", {{for_a, 0, 0, for_a}}, pull_q}, rule_r{"qr r", {{for_b, for_a}}, pull_r};
  QrOf<Array> f = qr(a.value());
  if (!a.node()) return {std::move(f.q), std::move(f.r)};
  const std::int64_t rows = a.sizes()[a.rank() - 2], columns = a.sizes()[a.rank() - 1];
  if (rows < columns)
    throw ShapeError(("[qr] has a gradient only where there are as many rows as columns: " + std::to_string(rows) + " rows, " +
                      std::to_string(columns) + " columns")
                         .c_str());
  Traced q = record(rule_q, std::move(f.q), a);
  Traced r = record(rule_r, std::move(f.r), q, a);
  return {std::move(q), std::move(r)};
}

namespace {
/// u of a = u s v^T, from which s and v^T follow: u^T a = s v^T.
Traced left_vectors(Array u, const Traced& a) {
  static constexpr auto pull = [](Pullback& p) {
    const Traced v = p.result(), ut = transpose(v), g = p.cotangent(), rows = matmul(ut, p.operand(0));
    const Traced squares = sum(mul(rows, rows), 1u << (rows.rank() - 1), false), s = sqrt(squares);
    const Traced k = matmul(ut, g), turned = mul(inverse_differences(squares), sub(k, transpose(k)));
    const Traced along = matmul(v, times_columns(turned, s)), out_of = div(sub(g, matmul(v, k)), beside(s, 1));
    p.give(0, matmul(add(along, out_of), div(rows, beside(s, 0))));
  };
  static constexpr Rule rule{"svd u", {{for_a, 0, 0, for_a}}, pull};
  return record(rule, std::move(u), a);
}
}  // namespace

SvdOf<Traced> svd(const Traced& a) {
  static constexpr auto pull = [](Pullback& p) { p.give(2, matmul(times_columns(p.operand(0), p.cotangent()), transpose(p.operand(1)))); };
  static constexpr Rule rule{"svd s", {{for_c, for_c}}, pull};
  SvdOf<Array> f = svd(a.value());
  if (!a.node()) return {std::move(f.u), std::move(f.s), std::move(f.vt)};
  Traced u = left_vectors(std::move(f.u), a), v = left_vectors(transpose(f.vt), transpose(a));
  Traced s = record(rule, std::move(f.s), u, v, a);
  return {std::move(u), std::move(s), transpose(v)};
}

EighOf<Traced> eigh(const Traced& a) {
  static constexpr auto pull_vectors = [](Pullback& p) {
    const Traced v = p.result(), vt = transpose(v);
    const Traced w = sum(mul(v, matmul(p.operand(0), v)), 1u << (v.rank() - 2), false);
    p.give(0, symmetric_part(matmul(matmul(v, mul(inverse_differences(w), matmul(vt, p.cotangent()))), vt)));
  };
  static constexpr auto pull_values = [](Pullback& p) {
    const Traced v = p.operand(0);
    p.give(1, matmul(times_columns(v, p.cotangent()), transpose(v)));
  };
  static constexpr Rule rule_vectors{"eigh vectors", {{for_a, 0, 0, for_a}}, pull_vectors},
      rule_values{"eigh values", {{for_b}}, pull_values};
  EighOf<Array> f = eigh(a.value());
  if (!a.node()) return {std::move(f.values), std::move(f.vectors)};
  Traced vectors = record(rule_vectors, std::move(f.vectors), symmetric_part(a));
  Traced values = record(rule_values, std::move(f.values), vectors, symmetric_part(a));
  return {std::move(values), std::move(vectors)};
}

namespace {

template <class H>
H solved_each(const H& a, unsigned rank_a, const H& b, unsigned rank_b, unsigned maps) {
  const bool vector = rank_b == 1, same_b = b.rank() == rank_b;
  const unsigned rank = std::max(rank_a, vector ? 2 : rank_b);
  check_rank("solve", maps + rank);
  mapped::Places in_order{{}, maps};
  for (unsigned i = 0; i < maps; ++i) in_order.at[i] = static_cast<int>(i);
  const H left = a.rank() == rank_a ? a : mapped::aligned(a, rank_a, in_order, rank);
  if (vector && same_b) return solve(left, b);
  Sizes column = b.sizes();
  if (vector) column.push(1);
  const H right = vector ? reshape(b, column) : b;
  const H x = solve(left, same_b ? right : mapped::aligned(right, vector ? 2 : rank_b, in_order, rank));
  if (!vector) return x;
  Sizes to = x.sizes();
  --to.rank;
  return reshape(x, to);
}

}  // namespace

namespace mapped {

Array solve_each(const Array& a, unsigned rank_a, const Array& b, unsigned rank_b, unsigned maps) {
  return solved_each(a, rank_a, b, rank_b, maps);
}
Traced solve_each(const Traced& a, unsigned rank_a, const Traced& b, unsigned rank_b, unsigned maps) {
  return solved_each(a, rank_a, b, rank_b, maps);
}

}  // namespace mapped

}  // namespace mushin::core
