#include "mushin/tensor/ops/statistics.hpp"

#include <algorithm>
#include <limits>

#include "core/literal.hpp"
#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {
namespace {

// What was kept as 1, without those axes.
Array without(const Array& kept, unsigned axes) {
  Sizes to;
  for (unsigned i = 0; i < kept.rank(); ++i)
    if (!(axes >> i & 1u)) to.push(kept.sizes()[i]);
  return reshape(kept, to);
}

}  // namespace

// 16-bit floats are computed in float, which has room for their squares and counts.
Array var(const Array& a, unsigned axes, bool keep, double correction) {
  if (is_half(a.type())) return cast(var(cast(a, dtype::f32), axes, keep, correction), a.type());
  double n = 1;
  for (unsigned i = 0; i < a.rank(); ++i)
    if (axes >> i & 1u) n *= static_cast<double>(a.sizes()[i]);
  const Array middle = mean(a, axes, true), distance = sub(a, middle), squares = sum(mul(distance, distance), axes, keep);
  // What the mean was rounded by is what the distances' mean isn't 0 by; its square is in each of theirs.
  const Array rest = sum(sub(a, middle), axes, keep), rounded = mul(rest, div(rest, literal(n, a.type())));
  const Array exact = where(isfinite(squares), maximum(sub(squares, rounded), constant(0, a.type())), squares);
  return div(exact, literal(::std::max(n - correction, 0.0), a.type()));
}

Array std(const Array& a, unsigned axes, bool keep, double correction) {
  if (is_half(a.type())) return cast(std(cast(a, dtype::f32), axes, keep, correction), a.type());
  return sqrt(var(a, axes, keep, correction));
}

Array logsumexp(const Array& a, unsigned axes, bool keep) {
  if (is_half(a.type())) return cast(logsumexp(cast(a, dtype::f32), axes, keep), a.type());
  // An infinity is its own result, but would turn the others into NaN: then 0 takes its place.
  const Array most = max(a, axes, true), shift = where(isfinite(most), most, constant(0, a.type()));
  const Array rest = log(sum(exp(sub(a, shift)), axes, keep));
  return add(rest, keep ? shift : without(shift, axes));
}

Array norm(const Array& a, unsigned axes, bool keep) {
  if (is_half(a.type())) return cast(norm(cast(a, dtype::f32), axes, keep), a.type());
  const Array most = max(abs(a), axes, true), zero = constant(0, a.type());
  const Array scale = where(logical_and(greater(most, zero), isfinite(most)), most, constant(1, a.type()));
  const Array part = div(a, scale);
  return mul(sqrt(sum(mul(part, part), axes, keep)), keep ? scale : without(scale, axes));
}

}  // namespace mushin::core
