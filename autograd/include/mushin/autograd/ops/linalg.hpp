#pragma once
#include "mushin/autograd/core/mapped.hpp"
#include "mushin/tensor/ops/linalg.hpp"

// Each op's contract is that of its core op; the gradient is in the comment. g: the result's cotangent, ^T: the last two axes swapped.
namespace mushin::core {
MUSHIN_API Traced solve(const Traced& a, const Traced& b);  // to b: h = solve(a^T, g); to a: -h x^T
MUSHIN_API Traced inv(const Traced&);                       // -y^T g y^T
MUSHIN_API Traced det(const Traced&);                       // g det(a) a^-T
/// L^-T P L^-1, made symmetric; P: the lower triangle of L^T g, its diagonal halved.
MUSHIN_API Traced cholesky(const Traced&);
/// ShapeError where there are fewer rows than columns. To q: (g + q S) r^-T, S symmetric with the lower triangle of -g^T q. To r: as r =
/// q^T a.
MUSHIN_API QrOf<Traced> qr(const Traced&);
/// To u and vt: infinite or NaN where singular values are equal or 0. To s: u diag(g) vt.
MUSHIN_API SvdOf<Traced> svd(const Traced&);
/// To the vectors: infinite or NaN where eigenvalues are equal. To the values: v diag(g) v^T. Symmetric.
MUSHIN_API EighOf<Traced> eigh(const Traced&);
}  // namespace mushin::core

// Batched forms, for mu::vmap.
namespace mushin::core::mapped {
/// As matmul_each.
MUSHIN_API Array solve_each(const Array& a, unsigned rank_a, const Array& b, unsigned rank_b, unsigned maps);
MUSHIN_API Traced solve_each(const Traced& a, unsigned rank_a, const Traced& b, unsigned rank_b, unsigned maps);

template <class A, class B>
auto solve(const A& a, const B& b) {
  using H = common<A, B>;
  using To = all_maps<A, B>;
  return result<A, B>(solve_each(H(broadcastable<To>(a, a.rank())), a.rank(), H(broadcastable<To>(b, b.rank())), b.rank(), To::count));
}
template <class A>
auto inv(const A& a) {
  return a.with(core::inv(a.whole()));
}
template <class A>
auto det(const A& a) {
  return a.with(core::det(a.whole()));
}
template <class A>
auto cholesky(const A& a) {
  return a.with(core::cholesky(a.whole()));
}
template <class A>
auto qr(const A& a) {
  auto f = core::qr(a.whole());
  return QrOf<decltype(a.with(f.q))>{a.with(f.q), a.with(f.r)};
}
template <class A>
auto svd(const A& a) {
  auto f = core::svd(a.whole());
  return SvdOf<decltype(a.with(f.u))>{a.with(f.u), a.with(f.s), a.with(f.vt)};
}
template <class A>
auto eigh(const A& a) {
  auto f = core::eigh(a.whole());
  return EighOf<decltype(a.with(f.values))>{a.with(f.values), a.with(f.vectors)};
}
}  // namespace mushin::core::mapped
