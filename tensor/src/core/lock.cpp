#include "core/lock.hpp"

#include <sched.h>
#include <time.h>

namespace mushin::core {

constinit EvaluationLock evaluation_lock;

void EvaluationLock::wait() noexcept {
  constexpr int spins = 200, yields = 20;
  for (int i = 0;; ++i) {
    if (!taken_.load(std::memory_order_relaxed) && !taken_.exchange(true, std::memory_order_acquire)) return;
    if (i < spins) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else if (i < spins + yields) {
      sched_yield();
    } else {
      const timespec turn{0, 50'000};
      nanosleep(&turn, nullptr);
    }
  }
}

}  // namespace mushin::core
