#include "isa.hpp"

#include "simd.hpp"

#include <hwy/highway.h>
#include <hwy/targets.h>
#include <cstring>

namespace mushin::builtin {

void choose_isa(const char* most) noexcept {
  if (!most) return;
  if (std::strcmp(most, "v3") == 0) hwy::DisableTargets(HWY_AVX3);
  if (std::strcmp(most, "baseline") == 0) hwy::DisableTargets(HWY_AVX3 | HWY_AVX2);
}

const char* isa_name() noexcept {
  const std::int64_t have = hwy::SupportedTargets();
  return have & HWY_AVX3 ? "x86-64-v4" : have & HWY_AVX2 ? "x86-64-v3" : "baseline";
}

}  // namespace mushin::builtin
