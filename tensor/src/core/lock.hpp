// The evaluation lock: expressions are linearised and become buffers under it, one thread at a time.
#pragma once
#include <atomic>

#include "mushin/tensor/core/references.hpp"

namespace mushin::core {

/// One turn of waiting, the `n`-th in a row: spins briefly, then yields, then sleeps in short turns, because whoever is waited for may
/// run a long kernel on every core.
void wait_a_turn(int n) noexcept;

/// True: it was clear and is set now.
inline bool take(std::atomic<bool>& flag) noexcept {
  if (!single_threaded()) return !flag.exchange(true, std::memory_order_acquire);
  if (flag.load(std::memory_order_relaxed)) return false;
  flag.store(true, std::memory_order_relaxed);
  return true;
}

// Held for one evaluation, mostly some tens of nanoseconds: one locked instruction to take it, none to give it back.
class EvaluationLock {
 public:
  void lock() noexcept {
    if (!take(taken_)) wait();
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }

 private:
  void wait() noexcept;
  std::atomic<bool> taken_{false};
};
extern EvaluationLock evaluation_lock;

}  // namespace mushin::core
