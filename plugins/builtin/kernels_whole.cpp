// Kernels of the tile interpreter for integers of all sizes; they wrap.
#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels_whole.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "kernels.hpp"
#include "loops-inl.h"
#include "mushin/plugin.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace whole {

// Unsigned, and not of a type that C++ promotes to a signed one.
template <class T>
struct Wrapping {
  using type = uint32_t;
};
template <>
struct Wrapping<int64_t> {
  using type = uint64_t;
};

template <class T>
struct Ops {
  using U = typename Wrapping<T>::type;
  static constexpr U width = 8 * sizeof(T);
  static constexpr bool is_signed = T(-1) < T(0);
  static HWY_INLINE T wrap(U v) { return static_cast<T>(v); }
  static HWY_INLINE U u(T v) { return static_cast<U>(v); }

#define MUSHIN_UNARY(name, expression)                \
  struct name {                                       \
    static HWY_INLINE T f(T a) { return expression; } \
  }
#define MUSHIN_BINARY(name, expression)                    \
  struct name {                                            \
    static HWY_INLINE T f(T a, T b) { return expression; } \
  }
  MUSHIN_BINARY(Add, wrap(u(a) + u(b)));
  MUSHIN_BINARY(Sub, wrap(u(a) - u(b)));
  MUSHIN_BINARY(Mul, wrap(u(a) * u(b)));
  MUSHIN_BINARY(Div, b == 0 ? T(0) : is_signed && b == T(-1) ? wrap(U{0} - u(a)) : static_cast<T>(a / b));
  MUSHIN_BINARY(Rem, b == 0 || (is_signed && b == T(-1)) ? T(0) : static_cast<T>(a % b));
  MUSHIN_BINARY(Min, a < b ? a : b);
  MUSHIN_BINARY(Max, a > b ? a : b);
  MUSHIN_BINARY(And, static_cast<T>(a& b));
  MUSHIN_BINARY(Or, static_cast<T>(a | b));
  MUSHIN_BINARY(Xor, static_cast<T>(a ^ b));
  MUSHIN_BINARY(Shl, u(b) < width ? wrap(u(a) << (u(b) & (width - 1))) : T(0));
  MUSHIN_BINARY(Shr, u(b) < width ? static_cast<T>(a >> (u(b) & (width - 1))) : static_cast<T>(a < 0 ? -1 : 0));
  MUSHIN_UNARY(Neg, wrap(U{0} - u(a)));
  MUSHIN_UNARY(Abs, a < 0 ? wrap(U{0} - u(a)) : a);
  MUSHIN_UNARY(Not, static_cast<T>(~a));
#undef MUSHIN_UNARY
#undef MUSHIN_BINARY
  struct MulAdd {
    static HWY_INLINE T f(T a, T b, T c) { return wrap(u(a) * u(b) + u(c)); }
  };
  struct Pow {
    static HWY_INLINE T f(T a, T e) {
      if (e < 0) return a == 1 ? T(1) : a == T(-1) ? T(e & 1 ? -1 : 1) : T(0);
      U result = 1, square = u(a);
      for (; e; e = static_cast<T>(e >> 1), square *= square)
        if (e & 1) result *= square;
      return wrap(result);
    }
  };
};

template <class T>
void fill(OpTable& table) {
  Variants* r = table.row;
  using O = Ops<T>;
  put_binary<T, T, typename O::Add>(r[MU_PW_ADD]), put_binary<T, T, typename O::Sub>(r[MU_PW_SUB]);
  put_binary<T, T, typename O::Mul>(r[MU_PW_MUL]), put_binary<T, T, typename O::Div>(r[MU_PW_DIV]);
  put_binary<T, T, typename O::Rem>(r[MU_PW_REM]), put_binary<T, T, typename O::Min>(r[MU_PW_MIN]);
  put_binary<T, T, typename O::Max>(r[MU_PW_MAX]), put_binary<T, T, typename O::Pow>(r[MU_PW_POW]);
  put_binary<T, T, typename O::And>(r[MU_PW_AND]), put_binary<T, T, typename O::Or>(r[MU_PW_OR]);
  put_binary<T, T, typename O::Xor>(r[MU_PW_XOR]), put_binary<T, T, typename O::Shl>(r[MU_PW_SHL]);
  put_binary<T, T, typename O::Shr>(r[MU_PW_SHR]), put_ternary<T, T, typename O::MulAdd>(r[row_mul_add]);
  put_unary<T, T, typename O::Neg>(r[MU_PW_NEG]), put_unary<T, T, typename O::Abs>(r[MU_PW_ABS]);
  put_unary<T, T, typename O::Not>(r[MU_PW_NOT]);
}

}  // namespace whole

void fill_whole(OpTable* t) {  // i64, i32, i8, u8
  whole::fill<int64_t>(t[0]), whole::fill<int32_t>(t[1]), whole::fill<int8_t>(t[2]), whole::fill<uint8_t>(t[3]);
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_whole);
const OpTable& whole_table(int type) {
  struct Tables {
    OpTable of[4]{};
    Tables() { HWY_DYNAMIC_DISPATCH(fill_whole)(of); }
  };
  static const Tables tables;
  return tables.of[type - 2];
}
}  // namespace mushin::builtin
#endif
