#include "mushin/tensor/ops/pointwise.hpp"

#include "core/pointwise.hpp"

namespace mushin::core {

Array add(const Array& a, const Array& b) { return pointwise(MU_PW_ADD, a.type(), a, b); }
Array sub(const Array& a, const Array& b) { return pointwise(MU_PW_SUB, a.type(), a, b); }
Array mul(const Array& a, const Array& b) { return pointwise(MU_PW_MUL, a.type(), a, b); }
Array div(const Array& a, const Array& b) { return pointwise(MU_PW_DIV, a.type(), a, b); }
namespace {
// Where the remainder `rest` of a / b has another sign than b.
Array is_off(const Array& rest, const Array& b) {
  const Array zero = literal(0, b.type());
  return logical_and(not_equal(rest, zero), not_equal(less(rest, zero), less(b, zero)));
}
}  // namespace

Array floor_divide(const Array& a, const Array& b) {
  return sub(div(a, b), cast(is_off(pointwise(MU_PW_REM, a.type(), a, b), b), a.type()));
}
Array remainder(const Array& a, const Array& b) {
  const Array rest = pointwise(MU_PW_REM, a.type(), a, b);
  return where(is_off(rest, b), add(rest, b), rest);
}
Array maximum(const Array& a, const Array& b) { return pointwise(MU_PW_MAX, a.type(), a, b); }
Array minimum(const Array& a, const Array& b) { return pointwise(MU_PW_MIN, a.type(), a, b); }
Array neg(const Array& a) { return pointwise(MU_PW_NEG, a.type(), a); }
Array abs(const Array& a) { return pointwise(MU_PW_ABS, a.type(), a); }
Array exp(const Array& a) { return pointwise(MU_PW_EXP, a.type(), a); }
Array log(const Array& a) { return pointwise(MU_PW_LOG, a.type(), a); }
Array tanh(const Array& a) { return pointwise(MU_PW_TANH, a.type(), a); }
Array erf(const Array& a) { return pointwise(MU_PW_ERF, a.type(), a); }
Array sqrt(const Array& a) { return pointwise(MU_PW_SQRT, a.type(), a); }
Array sigmoid(const Array& a) { return pointwise(MU_PW_SIGMOID, a.type(), a); }
Array relu(const Array& a) { return is_float(a.type()) ? pointwise(MU_PW_RELU, a.type(), a) : maximum(a, literal(0, a.type())); }
Array step(const Array& x, const Array& g) { return pointwise(MU_PW_STEP, g.type(), x, g); }
Array where(const Array& c, const Array& a, const Array& b) { return pointwise(MU_PW_SELECT, a.type(), c, a, b); }
Array cast(const Array& a, dtype to) { return a.type() == to ? a : pointwise(MU_PW_CAST, to, a); }
Array equal(const Array& a, const Array& b) { return pointwise(MU_PW_EQ, dtype::b8, a, b); }
Array not_equal(const Array& a, const Array& b) { return pointwise(MU_PW_NE, dtype::b8, a, b); }
Array less(const Array& a, const Array& b) { return pointwise(MU_PW_LT, dtype::b8, a, b); }
Array less_equal(const Array& a, const Array& b) { return pointwise(MU_PW_LE, dtype::b8, a, b); }
Array greater(const Array& a, const Array& b) { return pointwise(MU_PW_GT, dtype::b8, a, b); }
Array greater_equal(const Array& a, const Array& b) { return pointwise(MU_PW_GE, dtype::b8, a, b); }
Array logical_and(const Array& a, const Array& b) { return pointwise(MU_PW_AND, a.type(), a, b); }
Array logical_or(const Array& a, const Array& b) { return pointwise(MU_PW_OR, a.type(), a, b); }
Array logical_not(const Array& a) { return pointwise(MU_PW_NOT, a.type(), a); }

}  // namespace mushin::core
