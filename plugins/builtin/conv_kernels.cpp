#include "simd.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "conv_kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
#include <stdint.h>

#include "conv-inl.h"
#include "conv_kernels.hpp"

HWY_BEFORE_NAMESPACE();
namespace mushin::builtin {
namespace HWY_NAMESPACE {

void fill_conv(ConvTable* t) {  // in the order of Type
  t[0] = {conv::unfold<float>,
          conv::add_rows<float>,
          conv::dots<float>,
          {conv::lines<float, 1>, conv::lines<float, 2>, conv::lines<float, 4>, conv::lines<float, 6>, conv::lines<float, 8>}};
  t[1] = {conv::unfold<double>,
          conv::add_rows<double>,
          conv::dots<double>,
          {conv::lines<double, 1>, conv::lines<double, 2>, conv::lines<double, 4>, conv::lines<double, 6>, conv::lines<double, 8>}};
}

}  // namespace HWY_NAMESPACE
}  // namespace mushin::builtin
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mushin::builtin {
HWY_EXPORT(fill_conv);
const ConvTable& conv_table(int type) {
  struct Tables {
    ConvTable of[2];
    Tables() { HWY_DYNAMIC_DISPATCH(fill_conv)(of); }
  };
  static const Tables tables;
  return tables.of[type];
}
}  // namespace mushin::builtin
#endif
