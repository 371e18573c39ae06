#include "mushin/tensor/ops/elementary.hpp"

#include <limits>

#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/pointwise.hpp"
#include "mushin/tensor/ops/pointwise.hpp"

namespace mushin::core {

Array log1p(const Array& a) { return pointwise(MU_PW_LOG1P, a.type(), a); }
Array expm1(const Array& a) { return pointwise(MU_PW_EXPM1, a.type(), a); }
Array rsqrt(const Array& a) { return pointwise(MU_PW_RSQRT, a.type(), a); }
Array sin(const Array& a) { return pointwise(MU_PW_SIN, a.type(), a); }
Array cos(const Array& a) { return pointwise(MU_PW_COS, a.type(), a); }
Array asin(const Array& a) { return pointwise(MU_PW_ASIN, a.type(), a); }
Array acos(const Array& a) { return pointwise(MU_PW_ACOS, a.type(), a); }
Array atan(const Array& a) { return pointwise(MU_PW_ATAN, a.type(), a); }
Array floor(const Array& a) { return pointwise(MU_PW_FLOOR, a.type(), a); }
Array ceil(const Array& a) { return pointwise(MU_PW_CEIL, a.type(), a); }
Array round(const Array& a) { return pointwise(MU_PW_RINT, a.type(), a); }
Array isnan(const Array& a) { return pointwise(MU_PW_ISNAN, dtype::b8, a); }
Array isfinite(const Array& a) { return less(abs(a), constant(std::numeric_limits<double>::infinity(), a.type())); }
Array clamp(const Array& a, const Array& low, const Array& high) { return minimum(maximum(a, low), high); }

namespace {
Array whole_power(const Array& a, int exponent) {
  if (exponent == 1) return a;
  if (exponent == 2) return mul(a, a);
  if (is_half(a.type())) return cast(whole_power(cast(a, dtype::f32), exponent), a.type());  // rounded once
  if (exponent == 3) return mul(mul(a, a), a);
  const Array inverse = div(constant(1, a.type()), a);  // its square has the range of the power
  return exponent == -1 ? inverse : mul(inverse, inverse);
}
}  // namespace

Array pow(const Array& a, double exponent) {
  const bool below = is_float(a.type()) && (exponent == -1 || exponent == -2);
  if (below || exponent == 1 || exponent == 2 || exponent == 3) return whole_power(a, static_cast<int>(exponent));
  return pow(a, literal(exponent, a.type()));
}
Array pow(const Array& a, const Array& b) { return pointwise(MU_PW_POW, a.type(), a, b); }
void fail_negative_exponent(std::int64_t e) { fail<Error>("[pow] integers have no negative powers: the exponent is {}", e); }

// What is made of several opcodes is computed in float for 16-bit floats, and rounded once.
Array tan(const Array& a) {
  if (is_half(a.type())) return cast(tan(cast(a, dtype::f32)), a.type());
  return div(sin(a), cos(a));
}

Array sign(const Array& a) {
  const Array zero = constant(0, a.type());
  return where(greater(a, zero), constant(1, a.type()), where(less(a, zero), constant(-1, a.type()), a));
}

namespace {
// e^|x| / 2 as a product, whose halves stay finite as long as the result does, and e^-|x| / 2.
struct Halves {
  Array grown, shrunk;
};
Halves halves(const Array& magnitude) {
  const Array half = constant(0.5, magnitude.type()), root = exp(mul(magnitude, half));
  return {mul(mul(root, half), root), div(half, mul(root, root))};
}
}  // namespace

Array sinh(const Array& a) {
  if (is_half(a.type())) return cast(sinh(cast(a, dtype::f32)), a.type());
  const Array one = constant(1, a.type()), half = constant(0.5, a.type()), magnitude = abs(a), e = expm1(magnitude);
  const Array near = mul(add(e, div(e, add(e, one))), half);
  const Halves far = halves(magnitude);
  return mul(where(less(magnitude, one), near, sub(far.grown, far.shrunk)), sign(a));
}

Array cosh(const Array& a) {
  if (is_half(a.type())) return cast(cosh(cast(a, dtype::f32)), a.type());
  const Halves h = halves(abs(a));
  return add(h.grown, h.shrunk);
}

}  // namespace mushin::core
