#include "normalize_kernels.hpp"

#include <algorithm>

#include "each_cpu.hpp"

namespace onednn {
// Rows whose sums are joined before they are added to the others', as several sums.
constexpr std::int64_t block = 64, lanes = 4;
}  // namespace onednn

#define MUSHIN_CPU v4
#define MUSHIN_TARGET MUSHIN_TARGET_V4
#include "normalize_kernels-inl.h"
#undef MUSHIN_CPU
#undef MUSHIN_TARGET
#define MUSHIN_CPU v3
#define MUSHIN_TARGET MUSHIN_TARGET_V3
#include "normalize_kernels-inl.h"
#undef MUSHIN_CPU
#undef MUSHIN_TARGET
#define MUSHIN_CPU baseline
#define MUSHIN_TARGET
#include "normalize_kernels-inl.h"

namespace onednn {

const NormalizeKernels& normalize_kernels(std::int64_t channels) {
  constexpr const NormalizeKernels* tables[][2] = {{&baseline::normalize_table<Of8>, &baseline::normalize_table<Of16>},
                                                   {&v3::normalize_table<Of8>, &v3::normalize_table<Of16>},
                                                   {&v4::normalize_table<Of8>, &v4::normalize_table<Of16>}};
  return *tables[kind_of_cpu()][channels == 16];
}

}  // namespace onednn
