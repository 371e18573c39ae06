#include "reference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace backend_test {
namespace {

template <class T>
T from(Bits b) {
  T x;
  std::memcpy(&x, &b, sizeof x);
  return x;
}
template <class T>
Bits to(T x) {
  Bits b = 0;
  std::memcpy(&b, &x, sizeof x);
  return b;
}

template <class T>
Bits real_op(int op, T a, T b, T c) {
  const T nan = std::numeric_limits<T>::quiet_NaN();
  switch (op) {
    case MU_PW_ADD:
      return to<T>(a + b);
    case MU_PW_SUB:
      return to<T>(a - b);
    case MU_PW_MUL:
      return to<T>(a * b);
    case MU_PW_DIV:
      return to<T>(a / b);
    case MU_PW_REM:
      return to<T>(std::fmod(a, b));
    case MU_PW_MIN:
      return to<T>(a != a || b != b ? nan : a < b ? a : b);
    case MU_PW_MAX:
      return to<T>(a != a || b != b ? nan : a > b ? a : b);
    case MU_PW_FMA:
      return to<T>(std::fma(a, b, c));
    case MU_PW_NEG:
      return to<T>(-a);
    case MU_PW_ABS:
      return to<T>(std::fabs(a));
    case MU_PW_SQRT:
      return to<T>(std::sqrt(a));
    case MU_PW_FLOOR:
      return to<T>(std::floor(a));
    case MU_PW_CEIL:
      return to<T>(std::ceil(a));
    case MU_PW_TRUNC:
      return to<T>(std::trunc(a));
    case MU_PW_RINT:
      return to<T>(std::nearbyint(a));
    case MU_PW_RELU:
      return to<T>(a < 0 ? T(0) : a);
    case MU_PW_STEP:
      return to<T>(a > 0 ? b : T(0));
    default:
      ADD_FAILURE() << "opcode " << op;
      return 0;
  }
}

Bits whole_op(int op, std::int64_t a, std::int64_t b, Bits width) {
  const auto ua = static_cast<Bits>(a), ub = static_cast<Bits>(b);
  switch (op) {
    case MU_PW_ADD:
      return ua + ub;
    case MU_PW_SUB:
      return ua - ub;
    case MU_PW_MUL:
      return ua * ub;
    case MU_PW_DIV:
      return b == 0 ? 0 : b == -1 ? 0 - ua : static_cast<Bits>(a / b);
    case MU_PW_REM:
      return b == 0 || b == -1 ? 0 : static_cast<Bits>(a % b);
    case MU_PW_MIN:
      return static_cast<Bits>(a < b ? a : b);
    case MU_PW_MAX:
      return static_cast<Bits>(a > b ? a : b);
    case MU_PW_NEG:
      return 0 - ua;
    case MU_PW_ABS:
      return a < 0 ? 0 - ua : ua;
    case MU_PW_POW: {
      if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? static_cast<Bits>(-1) : 1) : 0;
      Bits r = 1, square = ua;
      for (Bits e = ub; e; e /= 2, square *= square) r *= e % 2 ? square : 1;
      return r;
    }
    case MU_PW_AND:
      return ua & ub;
    case MU_PW_OR:
      return ua | ub;
    case MU_PW_XOR:
      return ua ^ ub;
    case MU_PW_NOT:
      return ~ua;
    case MU_PW_SHL:
      return ub >= width ? 0 : ua << ub;
    case MU_PW_SHR:
      return ub >= width ? (a < 0 ? ~Bits{0} : 0) : static_cast<Bits>(a >> b);
    default:
      ADD_FAILURE() << "opcode " << op;
      return 0;
  }
}

Bits truth_op(int op, bool a, bool b) {
  switch (op) {
    case MU_PW_ADD:
    case MU_PW_MAX:
    case MU_PW_OR:
      return a || b;
    case MU_PW_MUL:
    case MU_PW_MIN:
    case MU_PW_AND:
      return a && b;
    case MU_PW_XOR:
      return a != b;
    case MU_PW_NOT:
      return !a;
    default:
      ADD_FAILURE() << "opcode " << op;
      return 0;
  }
}

template <class T>
bool compare(int op, T a, T b) {
  switch (op) {
    case MU_PW_EQ:
      return a == b;
    case MU_PW_NE:
      return a != b;
    case MU_PW_LT:
      return a < b;
    case MU_PW_LE:
      return a <= b;
    case MU_PW_GT:
      return a > b;
    default:
      return a >= b;
  }
}

bool is_whole(mu_dtype t) { return (t & 0xFFu) < 2; }
Bits masked(mu_dtype t, Bits b) { return mu_dtype_bytes(t) == 8 ? b : b & ((Bits{1} << 8 * mu_dtype_bytes(t)) - 1); }
// An integer's value; a bool's.
std::int64_t whole(mu_dtype t, Bits b) {
  const unsigned unused = 64 - 8 * mu_dtype_bytes(t);
  return (t & 0xFFu) == 0 ? static_cast<std::int64_t>(b << unused) >> unused : static_cast<std::int64_t>(b);
}

// A 16-bit float: digits behind the first, and the least exponent of a normal number.
struct Format {
  int digits, least;
};
Format format(mu_dtype t) { return t == MU_F16 ? Format{10, -14} : Format{7, -126}; }
long double half_value(mu_dtype t, Bits b) {
  const Format f = format(t);
  const auto digits = static_cast<long double>(b & ((1u << f.digits) - 1));
  const int exponent = static_cast<int>(b >> f.digits & (t == MU_F16 ? 31 : 255)), top = t == MU_F16 ? 31 : 255;
  const long double one = std::ldexp(1.0L, f.digits);
  long double x = std::ldexp(exponent ? one + digits : digits, (exponent ? exponent - 1 : 0) + f.least - f.digits);
  if (exponent == top) x = digits != 0 ? std::numeric_limits<long double>::quiet_NaN() : std::numeric_limits<long double>::infinity();
  return b >> 15 ? -x : x;
}
Bits half_bits(mu_dtype t, long double x) {
  const Format f = format(t);
  const Bits sign = std::signbit(x) ? 0x8000u : 0u, infinite = t == MU_F16 ? 0x7C00u : 0x7F80u;
  if (x != x) return sign | infinite | 1u << (f.digits - 1);
  int exponent = 0;
  std::frexp(x, &exponent);
  const int step = std::max(exponent - 1, f.least) - f.digits;
  const long double steps = std::nearbyint(std::ldexp(std::fabs(x), -std::min(step, 20000)));
  if (x == 0) return sign;
  if (std::isinf(x) || std::ldexp(steps, step) >= std::ldexp(1.0L, t == MU_F16 ? 16 : 128)) return sign | infinite;
  // Steps of the least exponent count from 0 on; each further exponent begins with its first digit set.
  return sign | ((static_cast<Bits>(step + f.digits - f.least) << f.digits) + static_cast<Bits>(steps));
}

// Any element's value, exactly.
long double value_of(mu_dtype t, Bits b) {
  if (t == MU_F32) return static_cast<long double>(from<float>(b));
  if (t == MU_F64) return static_cast<long double>(from<double>(b));
  if (t == MU_F16 || t == MU_BF16) return half_value(t, b);
  return static_cast<long double>(whole(t, b));
}
Bits element(mu_dtype t, long double x) {
  if (t == MU_F32) return to(static_cast<float>(x));
  if (t == MU_F64) return to(static_cast<double>(x));
  return half_bits(t, x);
}

Bits cast(mu_dtype source, mu_dtype t, Bits b) {
  if (source == t) return b;
  const long double x = value_of(source, b);
  if (t == MU_BOOL) return x != 0;
  if (!is_whole(t)) return element(t, x);
  if (is_whole(source) || source == MU_BOOL) return masked(t, static_cast<Bits>(whole(source, b)));
  const int digits = static_cast<int>(8 * mu_dtype_bytes(t)) - (t != MU_U8);
  const long double beyond = std::ldexp(1.0L, digits), least = t == MU_U8 ? 0 : -beyond;
  if (x != x) return 0;
  return masked(t, x >= beyond ? (Bits{1} << digits) - 1 : static_cast<Bits>(static_cast<std::int64_t>(x <= least ? least : x)));
}

Bits half_op(int op, mu_dtype t, Bits a, Bits b, Bits c) {
  const auto wide = [t](Bits h) { return static_cast<float>(half_value(t, h)); };
  return half_bits(t, static_cast<long double>(from<float>(real_op<float>(op, wide(a), wide(b), wide(c)))));
}

}  // namespace

Bits apply(int op, mu_dtype t, mu_dtype result, Bits a, Bits b, Bits c) {
  if (op == MU_PW_SELECT) return a ? b : c;
  if (op == MU_PW_CAST) return cast(t, result, a);
  if (op == MU_PW_ISNAN) return std::isnan(value_of(t, a));
  if (op >= MU_PW_EQ && op <= MU_PW_GE) return compare(op, value_of(t, a), value_of(t, b));
  if (t == MU_F32) return real_op<float>(op, from<float>(a), from<float>(b), from<float>(c));
  if (t == MU_F64) return real_op<double>(op, from<double>(a), from<double>(b), from<double>(c));
  if (t == MU_F16 || t == MU_BF16) return half_op(op, t, a, b, c);
  if (t == MU_BOOL) return truth_op(op, a != 0, b != 0);
  return masked(t, whole_op(op, whole(t, a), whole(t, b), 8 * mu_dtype_bytes(t)));
}

std::vector<Bits> interpret(const ProgramText& p, const std::vector<Bits>& operands, std::int64_t index, const Sizes& dims) {
  std::vector<Bits> value = operands;
  value.insert(value.end(), p.bits.begin(), p.bits.end());
  for (const mu_pw_inst& s : p.inst) {
    if (s.op == MU_PW_IOTA) {
      std::int64_t at = index;
      if (s.aux > 0) {
        for (std::size_t i = dims.size(); i-- > s.aux;) at /= dims[i];
        at %= dims[s.aux - 1u];
      }
      value.push_back(static_cast<Bits>(at));
      continue;
    }
    const auto operand = [&](std::uint16_t id) { return id == MU_PW_NONE ? Bits{0} : value[id]; };
    value.push_back(apply(s.op, p.type[s.a], s.type, operand(s.a), operand(s.b), operand(s.c)));
  }
  std::vector<Bits> out;
  for (std::uint16_t v : p.out) out.push_back(value[v]);
  return out;
}

Bits read_element(const mu_tensor& v, std::int64_t offset) {
  Bits b = 0;
  const std::size_t bytes = mu_dtype_bytes(v.dtype);
  std::memcpy(&b, reinterpret_cast<const char*>(v.buffer) + static_cast<std::size_t>(offset) * bytes, bytes);
  return b;
}
void write_element(const mu_tensor& v, std::int64_t offset, Bits value) {
  const std::size_t bytes = mu_dtype_bytes(v.dtype);
  std::memcpy(reinterpret_cast<char*>(v.buffer) + static_cast<std::size_t>(offset) * bytes, &value, bytes);
}

bool same(mu_dtype type, Bits a, Bits b) {
  const long double x = value_of(type, a), y = value_of(type, b);
  return a == b || x == y || (x != x && y != y);
}

Bits element_of(mu_dtype type, double value) { return cast(MU_F64, type, to(value)); }

}  // namespace backend_test
