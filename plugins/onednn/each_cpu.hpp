// Kernels over rows of a block of channels: a file of them is compiled for each kind of CPU that has blocks, in a namespace of its own.
#pragma once
#include <cstdint>

namespace onednn {

/// The channels of a block, at any place. A template's argument, where a type would lose its attributes.
struct Of8 {
  using Row = float __attribute__((vector_size(32), aligned(4), may_alias));
  static constexpr std::int64_t width = 8;
};
struct Of16 {
  using Row = float __attribute__((vector_size(64), aligned(4), may_alias));
  static constexpr std::int64_t width = 16;
};

template <class R>
[[gnu::always_inline]] inline typename R::Row& row(float* p) {
  return *reinterpret_cast<typename R::Row*>(p);
}
template <class R>
[[gnu::always_inline]] inline const typename R::Row& row(const float* p) {
  return *reinterpret_cast<const typename R::Row*>(p);
}

#if defined(__x86_64__)
/// Which of the namespaces this CPU runs: 2 (with AVX-512), 1 (with AVX2) or 0.
inline int kind_of_cpu() {
  const bool v4 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  return v4 ? 2 : __builtin_cpu_supports("avx2") ? 1 : 0;
}
#define MUSHIN_TARGET_V4 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define MUSHIN_TARGET_V3 __attribute__((target("avx2")))
#else
inline int kind_of_cpu() { return 0; }
#define MUSHIN_TARGET_V4
#define MUSHIN_TARGET_V3
#endif

}  // namespace onednn
