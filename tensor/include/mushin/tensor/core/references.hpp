#pragma once
#include <cstdint>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

namespace mushin::core {

/// Whether the process certainly has no second thread, so that nothing need be atomic. Once it is false it may stay so.
inline bool single_threaded() noexcept {
#if __has_include(<sys/single_threaded.h>)
  return __libc_single_threaded;
#else
  return false;
#endif
}

/// One reference more.
inline void count_up(std::uint32_t& refs) noexcept {
  if (single_threaded())
    ++refs;
  else
    __atomic_fetch_add(&refs, 1, __ATOMIC_RELAXED);
}
/// One reference less. True: it was the last one.
inline bool count_down(std::uint32_t& refs) noexcept {
  // A sole owner is seen by a plain load: nobody else can add a reference, so no locked instruction is needed.
  if (__atomic_load_n(&refs, __ATOMIC_ACQUIRE) == 1) return true;
  return (single_threaded() ? --refs : __atomic_sub_fetch(&refs, 1, __ATOMIC_ACQ_REL)) == 0;
}

}  // namespace mushin::core
