#include "reference.hpp"

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

Bits whole_op(int op, std::int64_t a, std::int64_t b) {
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
      return ub >= 64 ? 0 : ua << ub;
    case MU_PW_SHR:
      return ub >= 64 ? (a < 0 ? ~Bits{0} : 0) : static_cast<Bits>(a >> b);
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

template <class T>
std::int64_t saturated(T a) {
  if (a != a) return 0;
  if (a >= static_cast<T>(9223372036854775808.0)) return std::numeric_limits<std::int64_t>::max();
  if (a < static_cast<T>(-9223372036854775808.0)) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(a);
}
template <class T>
Bits cast(T a, mu_dtype type) {
  if (type == MU_F32) return to(static_cast<float>(a));
  if (type == MU_F64) return to(static_cast<double>(a));
  if (type == MU_BOOL) return a != T{0};
  if constexpr (std::is_floating_point_v<T>) return static_cast<Bits>(saturated(a));
  return static_cast<Bits>(a);
}

template <class T>
Bits typed(int op, mu_dtype result, Bits a, Bits b, Bits c) {
  if (op >= MU_PW_EQ && op <= MU_PW_GE) return compare(op, from<T>(a), from<T>(b));
  if (op == MU_PW_CAST) return cast(from<T>(a), result);
  if (op == MU_PW_ISNAN) return from<T>(a) != from<T>(a);
  if constexpr (std::is_floating_point_v<T>) return real_op<T>(op, from<T>(a), from<T>(b), from<T>(c));
  if constexpr (std::is_same_v<T, std::int64_t>) return whole_op(op, from<T>(a), from<T>(b));
  return truth_op(op, a != 0, b != 0);
}

}  // namespace

Bits apply(int op, mu_dtype operands, mu_dtype result, Bits a, Bits b, Bits c) {
  if (op == MU_PW_SELECT) return a ? b : c;
  if (operands == MU_F32) return typed<float>(op, result, a, b, c);
  if (operands == MU_F64) return typed<double>(op, result, a, b, c);
  if (operands == MU_I64) return typed<std::int64_t>(op, result, a, b, c);
  return typed<std::uint8_t>(op, result, a, b, c);
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
  if (a == b) return true;
  if (type == MU_F32) return from<float>(a) != from<float>(a) ? from<float>(b) != from<float>(b) : from<float>(a) == from<float>(b);
  if (type == MU_F64) return from<double>(a) != from<double>(a) ? from<double>(b) != from<double>(b) : from<double>(a) == from<double>(b);
  return false;
}

}  // namespace backend_test
