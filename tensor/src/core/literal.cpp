#include "core/literal.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "core/fail.hpp"

namespace mushin::core {
namespace {

Array rank_0(std::uint64_t bits, dtype type, bool baked) {
  Node* n = new_node();
  n->type = type;
  n->device = default_device();
  n->sizes.rank = 0;
  n->count = 1;
  n->contiguous = n->floating = true;
  n->baked = baked;
  n->bits = bits;
  n->cost = 0;
  n->state.store(State::literal, std::memory_order_relaxed);
  return Array(n);
}

// The low bits that an element of the type has.
constexpr std::uint64_t masked(std::uint64_t bits, dtype t) { return bytes_of(t) == 8 ? bits : bits & ((1ull << 8 * bytes_of(t)) - 1); }

// An integer or bool from its bits.
std::int64_t whole_of(std::uint64_t bits, dtype t) {
  if (t == dtype::i8) return static_cast<std::int8_t>(bits);
  if (t == dtype::i32) return static_cast<std::int32_t>(bits);
  return static_cast<std::int64_t>(bits);
}

// Towards zero; what is outside of the integer type becomes its nearest value, NaN 0.
std::uint64_t saturated(double x, dtype t) {
  const int digits = static_cast<int>(8 * bytes_of(t)) - (t != dtype::u8);
  const double beyond = std::ldexp(1.0, digits), least = t == dtype::u8 ? 0 : -beyond;
  if (x != x) return 0;
  if (x >= beyond) return (1ull << digits) - 1;
  return masked(static_cast<std::uint64_t>(x <= least ? static_cast<std::int64_t>(least) : static_cast<std::int64_t>(x)), t);
}

std::uint64_t saturated(std::int64_t x, dtype t) {
  const int digits = static_cast<int>(8 * bytes_of(t)) - (t != dtype::u8);
  const auto greatest = static_cast<std::int64_t>((1ull << digits) - 1);
  return masked(static_cast<std::uint64_t>(std::clamp(x, t == dtype::u8 ? 0 : -greatest - 1, greatest)), t);
}

// An integer as an element of a float type, rounded once.
std::uint64_t float_of(std::int64_t whole, dtype t) {
  if (t == dtype::f32) return std::bit_cast<std::uint32_t>(static_cast<float>(whole));
  if (t == dtype::f16) return f16(whole).bits();
  if (t == dtype::bf16) return bf16(whole).bits();
  return std::bit_cast<std::uint64_t>(static_cast<double>(whole));
}

double sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

struct Elementary {
  std::uint16_t op;
  double (*f)(double);
};
constexpr Elementary elementary[] = {
    {MU_PW_SQRT, [](double x) { return std::sqrt(x); }},   {MU_PW_RSQRT, [](double x) { return 1 / std::sqrt(x); }},
    {MU_PW_EXP, [](double x) { return std::exp(x); }},     {MU_PW_LOG, [](double x) { return std::log(x); }},
    {MU_PW_EXPM1, [](double x) { return std::expm1(x); }}, {MU_PW_LOG1P, [](double x) { return std::log1p(x); }},
    {MU_PW_SIN, [](double x) { return std::sin(x); }},     {MU_PW_COS, [](double x) { return std::cos(x); }},
    {MU_PW_ASIN, [](double x) { return std::asin(x); }},   {MU_PW_ACOS, [](double x) { return std::acos(x); }},
    {MU_PW_ATAN, [](double x) { return std::atan(x); }},   {MU_PW_TANH, [](double x) { return std::tanh(x); }},
    {MU_PW_ERF, [](double x) { return std::erf(x); }},     {MU_PW_SIGMOID, sigmoid},
    {MU_PW_FLOOR, [](double x) { return std::floor(x); }}, {MU_PW_CEIL, [](double x) { return std::ceil(x); }},
    {MU_PW_TRUNC, [](double x) { return std::trunc(x); }}, {MU_PW_RINT, [](double x) { return std::nearbyint(x); }},
};

double fold_elementary(std::uint16_t op, double x) {
  for (const Elementary& e : elementary)
    if (e.op == op) return e.f(x);
  fail<Error>("[literal] opcode {} does not fold", op);
}

template <class F>
double fold_float(std::uint16_t op, F a, F b) {
  switch (op) {
    case MU_PW_ADD:
      return a + b;
    case MU_PW_SUB:
      return a - b;
    case MU_PW_MUL:
      return a * b;
    case MU_PW_DIV:
      return a / b;
    case MU_PW_REM:
      return std::fmod(a, b);
    case MU_PW_MIN:
      return a != a || b != b ? a + b : a < b ? a : b;
    case MU_PW_MAX:
      return a != a || b != b ? a + b : a > b ? a : b;
    case MU_PW_NEG:
      return -a;
    case MU_PW_ABS:
      return std::fabs(a);
    case MU_PW_POW:
      return std::pow(static_cast<double>(a), static_cast<double>(b));
    case MU_PW_RELU:
      return a != a || a > 0 ? a : 0;
    case MU_PW_STEP:
      return a > 0 ? b : 0;
    default:
      return fold_elementary(op, static_cast<double>(a));
  }
}

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 ? -1 : 1) : 0;
  std::uint64_t result = 1;
  for (auto square = static_cast<std::uint64_t>(base); exponent; exponent /= 2, square *= square)
    if (exponent % 2) result *= square;
  return static_cast<std::int64_t>(result);
}

std::uint64_t fold_integer(std::uint16_t op, std::int64_t x, std::int64_t y) {
  const auto a = static_cast<std::uint64_t>(x), b = static_cast<std::uint64_t>(y);
  switch (op) {
    case MU_PW_ADD:
      return a + b;
    case MU_PW_SUB:
      return a - b;
    case MU_PW_MUL:
      return a * b;
    case MU_PW_DIV:
      return y == 0 ? 0 : y == -1 ? 0 - a : static_cast<std::uint64_t>(x / y);
    case MU_PW_REM:
      return y == 0 || y == -1 ? 0 : static_cast<std::uint64_t>(x % y);
    case MU_PW_MIN:
      return x < y ? a : b;
    case MU_PW_MAX:
      return x > y ? a : b;
    case MU_PW_NEG:
      return 0 - a;
    case MU_PW_ABS:
      return x < 0 ? 0 - a : a;
    case MU_PW_POW:
      return static_cast<std::uint64_t>(power(x, y));
    case MU_PW_AND:
      return a & b;
    case MU_PW_OR:
      return a | b;
    case MU_PW_XOR:
      return a ^ b;
    case MU_PW_NOT:
      return ~a;
    default:
      fail<Error>("[literal] opcode {} does not fold", op);
  }
}

std::uint64_t fold_bool(std::uint16_t op, bool a, bool b) {
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
      fail<Error>("[literal] opcode {} does not fold", op);
  }
}

template <class T>
bool compare(std::uint16_t op, T a, T b) {
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

std::uint64_t fold_cast(dtype to, const Node* a) {
  if (a->type == to) return a->bits;
  if (is_float(a->type)) return bits_of(value_of(a->bits, a->type), to);
  const std::int64_t whole = whole_of(a->bits, a->type);
  if (is_float(to)) return float_of(whole, to);
  return to == dtype::b8 ? whole != 0 : masked(static_cast<std::uint64_t>(whole), to);
}

}  // namespace

std::uint64_t bits_of(Number n, dtype t) {
  if (n.is_whole) return is_float(t) ? float_of(n.whole, t) : t == dtype::b8 ? n.whole != 0 : saturated(n.whole, t);
  const double v = n.real;
  switch (t) {
    case dtype::f32:
      return std::bit_cast<std::uint32_t>(static_cast<float>(v));
    case dtype::f64:
      return std::bit_cast<std::uint64_t>(v);
    case dtype::f16:
      return f16(v).bits();
    case dtype::bf16:
      return bf16(v).bits();
    case dtype::b8:
      return v != 0;
    default:
      return saturated(v, t);
  }
}

double value_of(std::uint64_t bits, dtype t) {
  switch (t) {
    case dtype::f32:
      return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case dtype::f64:
      return std::bit_cast<double>(bits);
    case dtype::f16:
      return static_cast<double>(f16::from_bits(static_cast<std::uint16_t>(bits)));
    case dtype::bf16:
      return static_cast<double>(bf16::from_bits(static_cast<std::uint16_t>(bits)));
    default:
      return static_cast<double>(whole_of(bits, t));
  }
}

bool is_well_known(std::uint64_t bits, dtype t) {
  if (t == dtype::b8) return true;
  const double v = value_of(bits, t);
  return v == 0 || v == 1 || v == -1 || v == 2 || v == -2 || v == 0.5 || v == -0.5 || v == 3 || v == 4 || v == 0.25;
}

std::uint64_t fold(std::uint16_t op, dtype result, const Node* const* arg) {
  const Node *a = arg[0], *b = arg[1] ? arg[1] : a;
  if (op == MU_PW_CAST) return fold_cast(result, a);
  if (op == MU_PW_SELECT) return a->bits ? b->bits : arg[2]->bits;
  if (op == MU_PW_ISNAN) return std::isnan(value_of(a->bits, a->type));
  const dtype t = a->type;
  if (op >= MU_PW_EQ && op <= MU_PW_GE) {
    if (!is_float(t)) return compare(op, whole_of(a->bits, t), whole_of(b->bits, t));
    return compare(op, value_of(a->bits, t), value_of(b->bits, t));
  }
  if (t == dtype::b8) return fold_bool(op, a->bits != 0, b->bits != 0);
  if (!is_float(t)) return masked(fold_integer(op, whole_of(a->bits, t), whole_of(b->bits, t)), t);
  const double x = value_of(a->bits, t), y = value_of(b->bits, t);
  return bits_of(t == dtype::f64 ? fold_float(op, x, y) : fold_float(op, static_cast<float>(x), static_cast<float>(y)), result);
}

Array literal(Number value, dtype type) {
  const std::uint64_t bits = bits_of(value, type);
  return rank_0(bits, type, is_well_known(bits, type));
}

Array constant(Number value, dtype type) { return rank_0(bits_of(value, type), type, true); }

Array literal_of(const Sizes& sizes, dtype type, std::uint64_t bits, Device* device) {
  Array made = rank_0(bits, type, is_well_known(bits, type));
  Node* n = node_of(made);
  if (sizes.rank > 0) {
    n->count = checked_count("full", sizes);
    n->sizes = sizes;
  }
  if (device) n->device = device, n->floating = false;
  return made;
}

Array literal_like(const Node* from, const Sizes& sizes) {
  Array made = literal_of(sizes, from->type, from->bits, from->floating ? nullptr : from->device);
  node_of(made)->baked = from->baked;
  return made;
}

Array full(const Sizes& sizes, dtype type, Number value) { return literal_of(sizes, type, bits_of(value, type), default_device()); }

}  // namespace mushin::core
