#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gemm_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "gemm-inl.h"
#include "gemm.hpp"
#include "gemv-inl.h"
#include "loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {
namespace whole {  // integers, as unsigned ones: wrapping

template <class T>
void small(const Product& p) {
  T* c = static_cast<T*>(p.c);
  const T *a = static_cast<const T*>(p.a), *b = static_cast<const T*>(p.b);
  for (int64_t i = 0; i < p.m; ++i, c += p.c_row) {
    for (int64_t j = 0; j < p.n; ++j) c[j] = 0;
    for (int64_t l = 0; l < p.k; ++l) {
      const T x = a[i * p.a_row + l * p.a_column];
      const T* from = b + l * p.b_row;
      MUSHIN_INDEPENDENT
      for (int64_t j = 0; j < p.n; ++j) c[j] += x * from[j];
    }
  }
}

}  // namespace whole

template <class T>
GemmTable float_table() {
  return {gemm::small<T>,  gemv::few_rows<T>, gemv::dots<T>,   gemm::pack_a<T>,
          gemm::pack_b<T>, gemm::multiply<T>, gemm::most_rows, 2 * gemm::lanes<T>()};
}
void fill_gemm(GemmTable* t) {  // in the order of Type
  t[0] = float_table<float>(), t[1] = float_table<double>();
  t[2] = {whole::small<uint64_t>, whole::small<uint64_t>, nullptr, nullptr, nullptr, nullptr, 0, 0};
  t[3] = {whole::small<uint32_t>, whole::small<uint32_t>, nullptr, nullptr, nullptr, nullptr, 0, 0};
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_gemm);
const GemmTable& gemm_table(int type) {
  struct Tables {
    GemmTable of[4];
    Tables() { HWY_DYNAMIC_DISPATCH(fill_gemm)(of); }
  };
  static const Tables tables;
  return tables.of[type];
}
}  // namespace mushin::builtin
#endif
