// Plain loops that the compiler vectorises for each instruction set. The operands of an operation f are values, never references.
#if defined(MUSHIN_BUILTIN_LOOPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef MUSHIN_BUILTIN_LOOPS_INL_H_
#undef MUSHIN_BUILTIN_LOOPS_INL_H_
#else
#define MUSHIN_BUILTIN_LOOPS_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels.hpp"

// d may be an operand, so nothing is `restrict`; but no element depends on another.
#if defined(__clang__)
#define MUSHIN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define MUSHIN_INDEPENDENT _Pragma("GCC ivdep")
#endif

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {

template <class R, class A, class F>
void unary(void* dv, const void* av, const void*, const void*, size_t n) {
  R* d = static_cast<R*>(dv);
  const A* a = static_cast<const A*>(av);
  MUSHIN_INDEPENDENT
  for (size_t i = 0; i < n; ++i) d[i] = F::f(a[i]);
}

template <class R, class A, class F, int S>
void binary(void* dv, const void* av, const void* bv, const void*, size_t n) {
  R* d = static_cast<R*>(dv);
  const A *a = static_cast<const A*>(av), *b = static_cast<const A*>(bv);
  const A a0 = *a, b0 = *b;
  MUSHIN_INDEPENDENT
  for (size_t i = 0; i < n; ++i) d[i] = F::f(S & 1 ? a0 : a[i], S & 2 ? b0 : b[i]);
}

template <class R, class A, class F, int S>
void ternary(void* dv, const void* av, const void* bv, const void* cv, size_t n) {
  R* d = static_cast<R*>(dv);
  const A* a = static_cast<const A*>(av);
  const R *b = static_cast<const R*>(bv), *c = static_cast<const R*>(cv);
  const A a0 = *a;
  const R b0 = *b, c0 = *c;
  MUSHIN_INDEPENDENT
  for (size_t i = 0; i < n; ++i) d[i] = F::f(S & 1 ? a0 : a[i], S & 2 ? b0 : b[i], S & 4 ? c0 : c[i]);
}

template <class R, class A, class F>
void put_unary(Variants& v) {
  v.with_scalars[0] = unary<R, A, F>;
}
template <class R, class A, class F>
void put_binary(Variants& v) {
  Kernel* k = v.with_scalars;
  k[0] = binary<R, A, F, 0>, k[1] = binary<R, A, F, 1>, k[2] = binary<R, A, F, 2>;
}
template <class R, class A, class F>
void put_ternary(Variants& v) {
  Kernel* k = v.with_scalars;
  k[0] = ternary<R, A, F, 0>, k[1] = ternary<R, A, F, 1>, k[2] = ternary<R, A, F, 2>, k[3] = ternary<R, A, F, 3>;
  k[4] = ternary<R, A, F, 4>, k[5] = ternary<R, A, F, 5>, k[6] = ternary<R, A, F, 6>;
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();
#endif
