#pragma once
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/linalg.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
template <class Handle>
struct QrOf {
  Handle q, r;
};
template <class Handle>
struct SvdOf {
  Handle u, s, vt;
};
template <class Handle>
struct EighOf {
  Handle values, vectors;
};
// f32 and f64, of each matrix in the last two axes. Computed at once, by LAPACK on the host. ShapeError where a matrix that must be square
// isn't; Error where LAPACK is missing, and for a matrix that has no such result, with its number in the batch.
MUSHIN_API Array solve(const Array& a, const Array& b);
MUSHIN_API Array inv(const Array&);
MUSHIN_API Array det(const Array&);
/// Of (a + a^T) / 2, as eigh.
MUSHIN_API Array cholesky(const Array&);
MUSHIN_API QrOf<Array> qr(const Array&);
MUSHIN_API SvdOf<Array> svd(const Array&);
MUSHIN_API EighOf<Array> eigh(const Array&);
}  // namespace mushin::core

namespace mushin {

/// `auto [q, r] = qr(a)`, `auto [u, s, vt] = svd(a)`, `auto [values, vectors] = eigh(a)`.
template <class Q, class R>
struct Qr {
  Q q;
  R r;
};
/// `auto [u, s, vt] = svd(a)`.
template <class U, class S, class Vt>
struct Svd {
  U u;
  S s;
  Vt vt;
};
/// `auto [values, vectors] = eigh(a)`.
template <class Values, class Vectors>
struct Eigh {
  Values values;
  Vectors vectors;
};

/// What LAPACK computes with: float or double.
template <class A>
inline constexpr bool lapack_elements = std::same_as<typename A::element, float> || std::same_as<typename A::element, double>;

#define MUSHIN_RULE_MATRIX(op, A)                                                                       \
  static_assert(lapack_elements<A>, "[" op "] needs float or double elements: cast with .to<float>()"); \
  static_assert(A::extents.rank >= 2, "[" op "] needs a matrix: at least two axes")
#define MUSHIN_RULE_SQUARE(op, A)           \
  MUSHIN_RULE_MATRIX(op, A);                \
  if constexpr (!rules::square(A::extents)) \
  static_assert(matrix_is_square<spell(A::extents)>, "[" op "] needs a square matrix: the last two extents must be equal")

// All of these work on the matrices in the last two axes, are computed at once, on the host, by LAPACK, which is opened at the first use:
// Error where it is missing. float and double.

/// x with a x = b. a: (…, n, n); b: (n), or (…, n, k) with leading axes that broadcast with a's; result: (n) with a's leading axes, or (…,
/// n, k). Gradients: db = solve(a^T, dx), da = -db x^T. ShapeError when sizes that only the run knows disagree; Error when a matrix is
/// singular, which is: has a pivot of exactly 0. Nearly singular ones give what LU with row exchanges gives.
template <TensorLike A, TensorLike B>
auto solve(const A& a, const B& b) {
  static_assert(same_element_type<A, B>, "[solve] both tensors must have the same element type: cast with .to<T>()");
  MUSHIN_RULE_SQUARE("solve", A);
  static_assert(B::extents.rank > 0, "[solve] a scalar has no axes");
  if constexpr (!rules::matmul_inner_matches(A::extents, B::extents))
    static_assert(inner_extents_match<spell(A::extents), spell(B::extents)>, "[solve] b must have as many rows as a");
  if constexpr (!rules::matmul_batch_broadcasts(A::extents, B::extents))
    static_assert(batch_extents_broadcast<spell(A::extents), spell(B::extents)>, "[solve] leading extents must be equal or 1");
  constexpr unsigned leading = rules::matmul_batch_equal_at_run_time(A::extents, B::extents);
  if constexpr (leading != 0) core::check_equal("solve", a.shape(), b.shape(), leading);
  constexpr rules::NamePairs names = rules::shared_names(A::extents, B::extents);
  if constexpr (names.count != 0) core::check_named("solve", a.shape(), b.shape(), names);
  using core::solve;
  return detail::made<typename A::element, rules::matmul(A::extents, B::extents)>(solve(a.raw(), b.raw()));
}

/// The inverse. (…, n, n) -> (…, n, n). Gradient: -y^T dy y^T. Error when a matrix is singular. Where a product with the inverse is all
/// that is wanted, solve is faster and more exact.
template <TensorLike A>
auto inv(const A& a) {
  MUSHIN_RULE_SQUARE("inv", A);
  using core::inv;
  return detail::like<A>(inv(a.raw()));
}

/// The determinant. (…, n, n) -> (…). Gradient: det(a) a^-T, so Error from the backward pass when a matrix is singular.
template <TensorLike A>
auto det(const A& a) {
  MUSHIN_RULE_SQUARE("det", A);
  using core::det;
  return detail::made<typename A::element, rules::matmul_batch(A::extents)>(det(a.raw()));
}

/// The lower triangular L with L L^T = (a + a^T) / 2, which is `a` where that is symmetric. (…, n, n) -> (…, n, n). Gradient: L^-T P L^-1,
/// with P the lower triangle of L^T dL, its diagonal halved; made symmetric. Error when a matrix is not positive definite (or holds NaN).
template <TensorLike A>
auto cholesky(const A& a) {
  MUSHIN_RULE_SQUARE("cholesky", A);
  using core::cholesky;
  return detail::like<A>(cholesky(a.raw()));
}

/// a = q r, with orthonormal columns in q and upper triangular r, whose diagonal may be negative. (…, m, n) -> q (…, m, k), r (…, k, n), k
/// the lesser of m and n: `auto [q, r] = qr(a)`. Gradient: where m >= n (else a variable does not compile; ShapeError where only the run
/// knows) and a's columns are independent; Error from the backward pass when r is singular.
template <TensorLike A>
auto qr(const A& a) {
  MUSHIN_RULE_MATRIX("qr", A);
  if constexpr (Differentiable<A> && !rules::tall(A::extents))
    static_assert(has_gradient_rule<A>,
                  "[qr] has a gradient only where there are as many rows as columns: take the qr of the value, x.value()");
  using core::qr;
  auto f = qr(a.raw());
  using T = typename A::element;
  using Raw = decltype(f.q);
  using Q = typed<Raw, T, rules::left_factor(A::extents)>;
  using R = typed<Raw, T, rules::right_factor(A::extents)>;
  return Qr<Q, R>{Q{std::move(f.q)}, R{std::move(f.r)}};
}

/// a = u diag(s) vt, with orthonormal columns in u, orthonormal rows in vt, and singular values s >= 0 in descending order. (…, m, n) -> u
/// (…, m, k), s (…, k), vt (…, k, n), k the lesser of m and n: `auto [u, s, vt] = svd(a)`. Gradient of s: u diag(ds) vt. Gradients of u and
/// vt: where the singular values differ and none is 0; elsewhere infinite or NaN, and so is the second gradient of s. Error when a matrix
/// holds NaN or infinity, or LAPACK's iteration does not converge.
template <TensorLike A>
auto svd(const A& a) {
  MUSHIN_RULE_MATRIX("svd", A);
  using core::svd;
  auto f = svd(a.raw());
  using T = typename A::element;
  using Raw = decltype(f.u);
  using U = typed<Raw, T, rules::left_factor(A::extents)>;
  using S = typed<Raw, T, rules::singular_values(A::extents)>;
  using Vt = typed<Raw, T, rules::right_factor(A::extents)>;
  return Svd<U, S, Vt>{U{std::move(f.u)}, S{std::move(f.s)}, Vt{std::move(f.vt)}};
}

/// The eigenvalues, ascending, of the symmetric matrix (a + a^T) / 2, which is `a` where that is symmetric, and its orthonormal
/// eigenvectors as columns. (…, n, n) -> values (…, n), vectors (…, n, n): `auto [values, vectors] = eigh(a)`. Gradient of the values: v
/// diag(dw) v^T. Gradient of the vectors: where the eigenvalues differ; elsewhere infinite or NaN, and so is the second gradient of the
/// values. Error as svd.
template <TensorLike A>
auto eigh(const A& a) {
  MUSHIN_RULE_SQUARE("eigh", A);
  using core::eigh;
  auto f = eigh(a.raw());
  using T = typename A::element;
  using Raw = decltype(f.values);
  using Values = typed<Raw, T, rules::eigenvalues(A::extents)>;
  using Vectors = typed<Raw, T, A::extents>;
  return Eigh<Values, Vectors>{Values{std::move(f.values)}, Vectors{std::move(f.vectors)}};
}

#undef MUSHIN_RULE_MATRIX
#undef MUSHIN_RULE_SQUARE

}  // namespace mushin
