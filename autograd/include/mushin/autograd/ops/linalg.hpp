#pragma once
#include "mushin/autograd/core/traced.hpp"
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
