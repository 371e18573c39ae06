#include "core/lock.hpp"

#include <sched.h>
#include <time.h>

namespace mushin::core {

constinit EvaluationLock evaluation_lock;

void wait_a_turn(int n) noexcept {
  constexpr int spins = 200, yields = 20;
  if (n < spins) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  } else if (n < spins + yields) {
    sched_yield();
  } else {
    const timespec turn{0, 50'000};
    nanosleep(&turn, nullptr);
  }
}

void EvaluationLock::wait() noexcept {
  for (int n = 0; taken_.load(std::memory_order_relaxed) || !take(taken_); ++n) wait_a_turn(n);
}

}  // namespace mushin::core
