// One instruction of a program as one expression.
#include <cmath>
#include <cstdio>

#include "text.hpp"

namespace mushin::cuda::program {
namespace {

// `$a`, `$b`, `$c`: the operands; `$f`: the suffix of functions of f32, nothing for f64; `$t`: the type. Null: the type has it not.
struct Texts {
  const char *real, *whole, *truth;
};
constexpr Texts core[MU_PW_CORE_END] = {
    {},
    {"$a + $b", "whole_add($a, $b)", "$a | $b"},       // add
    {"$a - $b", "whole_sub($a, $b)", nullptr},         // sub
    {"$a * $b", "whole_mul($a, $b)", "$a & $b"},       // mul
    {"$a / $b", "whole_div($a, $b)", nullptr},         // div
    {"fmod$f($a, $b)", "whole_rem($a, $b)", nullptr},  // rem
    {"least($a, $b)", "least($a, $b)", "$a & $b"},     // min
    {"most($a, $b)", "most($a, $b)", "$a | $b"},       // max
    {"fma$f($a, $b, $c)", nullptr, nullptr},           // fma
    {"-$a", "whole_neg($a)", nullptr},                 // neg
    {"fabs$f($a)", "whole_abs($a)", nullptr},          // abs
    {"sqrt$f($a)", nullptr, nullptr},                  // sqrt
    {"rsqrt$f($a)", nullptr, nullptr},                 // rsqrt
    {"exp$f($a)", nullptr, nullptr},                   // exp
    {"log$f($a)", nullptr, nullptr},                   // log
    {"sin$f($a)", nullptr, nullptr},                   // sin
    {"cos$f($a)", nullptr, nullptr},                   // cos
    {"tanh$f($a)", nullptr, nullptr},                  // tanh
    {"erf$f($a)", nullptr, nullptr},                   // erf
    {"pow$f($a, $b)", "whole_pow($a, $b)", nullptr},   // pow
    {"floor$f($a)", nullptr, nullptr},                 // floor
    {"ceil$f($a)", nullptr, nullptr},                  // ceil
    {"trunc$f($a)", nullptr, nullptr},                 // trunc
    {"rint$f($a)", nullptr, nullptr},                  // rint
    {"$a == $b", "$a == $b", "$a == $b"},              // eq
    {"$a != $b", "$a != $b", "$a != $b"},              // ne
    {"$a < $b", "$a < $b", "$a < $b"},                 // lt
    {"$a <= $b", "$a <= $b", "$a <= $b"},              // le
    {"$a > $b", "$a > $b", "$a > $b"},                 // gt
    {"$a >= $b", "$a >= $b", "$a >= $b"},              // ge
    {nullptr, "$a & $b", "$a & $b"},                   // and
    {nullptr, "$a | $b", "$a | $b"},                   // or
    {nullptr, "$a ^ $b", "$a ^ $b"},                   // xor
    {nullptr, "~$a", "$a ^ 1"},                        // not
    {nullptr, "whole_shl($a, $b)", nullptr},           // shl
    {nullptr, "whole_shr($a, $b)", nullptr},           // shr
    {"$a ? $b : $c", "$a ? $b : $c", "$a ? $b : $c"},  // select
    {},                                                // cast
    {"$a != $a", nullptr, nullptr},                    // isnan
    {},                                                // iota
    {"asin$f($a)", nullptr, nullptr},                  // asin
    {"acos$f($a)", nullptr, nullptr},                  // acos
    {"atan$f($a)", nullptr, nullptr},                  // atan
};
constexpr Texts optional[MU_PW_OPTIONAL_END - 128] = {
    {"sigmoid($a)", nullptr, nullptr},          // sigmoid
    {"expm1$f($a)", nullptr, nullptr},          // expm1
    {"log1p$f($a)", nullptr, nullptr},          // log1p
    {"$a < 0 ? ($t)0 : $a", nullptr, nullptr},  // relu
    {"$a > 0 ? $b : ($t)0", nullptr, nullptr},  // step
};

std::string filled(const char* text, Type t, const std::string* args) {
  std::string s;
  for (; *text; ++text) {
    if (*text != '$') {
      s += *text;
      continue;
    }
    ++text;
    if (*text == 'f')
      s += t == Type::f64 ? "" : "f";
    else if (*text == 't')
      s += value_type(t);
    else
      s += args[*text - 'a'];
  }
  return s;
}

const char* rounding(Type t) { return t == Type::f16 ? "round_f16" : "round_bf16"; }
std::string call(const std::string& f, const std::string& x) { return f + "(" + x + ")"; }
std::string as(Type t, const std::string& x) { return std::string("(") + value_type(t) + ")(" + x + ")"; }

std::string hex(std::uint64_t bits) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llX", static_cast<unsigned long long>(bits));
  return text;
}

// Of a 16-bit float with so many digits behind the first, as f32.
float half_value(Type t, std::uint64_t bits) {
  const int digits = t == Type::f16 ? 10 : 7, bias = t == Type::f16 ? 15 : 127, top = t == Type::f16 ? 31 : 255;
  const int exponent = static_cast<int>(bits >> digits) & top;
  const auto fraction = static_cast<float>(bits & ((1u << digits) - 1));
  float x = std::ldexp(exponent ? fraction + std::ldexp(1.0f, digits) : fraction, (exponent ? exponent : 1) - bias - digits);
  if (exponent == top) x = fraction != 0 ? NAN : INFINITY;
  return bits >> 15 & 1 ? -x : x;
}

}  // namespace

const char* stored_type(Type t) {
  constexpr const char* names[] = {"f32", "f64", "i64", "i32", "i8", "u8", "u8", "u16", "u16"};
  return names[static_cast<int>(t)];
}
const char* value_type(Type t) { return stored_type(computed(t)); }
std::string loaded(Type t, const std::string& x) { return is_half(t) ? call(t == Type::f16 ? "from_f16" : "from_bf16", x) : x; }
std::string to_store(Type t, const std::string& x) { return is_half(t) ? call(t == Type::f16 ? "to_f16" : "to_bf16", x) : x; }

std::string constant(Type t, std::uint64_t bits) {
  if (is_half(t)) {
    const float x = half_value(t, bits & 0xFFFFu);
    std::uint32_t wide;
    std::memcpy(&wide, &x, sizeof wide);
    return call("f32_of", hex(wide) + "u");
  }
  if (t == Type::f32) return call("f32_of", hex(bits & 0xFFFFFFFFu) + "u");
  if (t == Type::f64) return call("f64_of", hex(bits) + "ull");
  const std::int64_t bytes = bytes_of(t);
  return as(t, bytes == 8 ? hex(bits) + "ull" : hex(bits & ((std::uint64_t{1} << 8 * bytes) - 1)) + "u");
}

std::string cast(Type from, Type to, const std::string& x) {
  if (from == to) return x;
  if (to == Type::b8) return "(u8)(" + x + " != 0)";
  if (is_half(to)) {
    if (from == Type::b8 || from == Type::i8 || from == Type::u8) return as(to, x);  // both have them all
    if (from == Type::f32 || is_half(from)) return call(rounding(to), x);
    return call(rounding(to), call("odd", from == Type::i32 ? "(f64)" + x : x));
  }
  if (is_real(from) && !is_real(to)) return call("saturate<" + std::string(value_type(to)) + ">", x);
  return as(to, x);
}

std::string expression(const mu_pw_inst& s, Type operand, Type result, const std::string* args) {
  if (s.op == MU_PW_CAST) return cast(operand, result, args[0]);
  const Texts& texts = s.op < 128 ? core[s.op] : optional[s.op - 128];
  const char* text = operand == Type::b8 ? texts.truth : is_real(operand) ? texts.real : texts.whole;
  const std::string x = filled(text, computed(operand), args);
  if (result == Type::b8 || !is_real(result)) return as(result, x);
  return is_half(result) ? call(rounding(result), x) : x;
}

std::string square(Type t, const std::string& x) { return is_half(t) ? call(rounding(t), x + " * " + x) : x + " * " + x; }

}  // namespace mushin::cuda::program
