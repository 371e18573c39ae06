// The evaluation lock: expressions are linearised and become buffers under it, one thread at a time.
#pragma once
#include <atomic>

namespace mushin::core {

/// One turn of waiting, the `n`-th in a row: spins briefly, then yields, then sleeps in short turns, because whoever is waited for may
/// run a long kernel on every core.
void wait_a_turn(int n) noexcept;

// Held for one evaluation, mostly some tens of nanoseconds: one locked instruction to take it, none to give it back.
class EvaluationLock {
 public:
  void lock() noexcept {
    if (taken_.exchange(true, std::memory_order_acquire)) wait();
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  void wait() noexcept;
  std::atomic<bool> taken_{false};
};
extern EvaluationLock evaluation_lock;

}  // namespace mushin::core
