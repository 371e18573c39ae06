// Kernels over rows of a block of channels: a file of them is compiled for each kind of CPU that has blocks, in a namespace of its own.
#pragma once
#include <cstdint>

namespace onednn {

/// The channels of a block. A template's argument, where a type would lose its attributes: so does an alignment, in Clang, and what lies at
/// any place is a packed structure of one.
struct Of8 {
  using Row = float __attribute__((vector_size(32)));
  static constexpr std::int64_t width = 8;
};
struct Of16 {
  using Row = float __attribute__((vector_size(64)));
  static constexpr std::int64_t width = 16;
};

template <class R>
struct [[gnu::packed, gnu::may_alias]] Placed {
  typename R::Row v;
};
template <class R>
[[gnu::always_inline]] inline Placed<R>& row(float* p) {
  return *reinterpret_cast<Placed<R>*>(p);
}
template <class R>
[[gnu::always_inline]] inline const Placed<R>& row(const float* p) {
  return *reinterpret_cast<const Placed<R>*>(p);
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
