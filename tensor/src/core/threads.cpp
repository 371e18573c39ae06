#include "core/threads.hpp"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <thread>

namespace mushin::core {
namespace {

constexpr long spin_nanoseconds = 20'000;  // how long a worker looks for the next job before it sleeps
constexpr std::uint64_t most_groups = 60'000;
constexpr std::uint32_t most_threads = 256;
constexpr std::uint64_t most_claimed = 16;  // groups

// One job at a time. What is left of it is one word {epoch:32, begin:16, end:16}, so that a late worker cannot claim from a
// later job. The caller claims from the front, workers from the back, and as many groups at once as leave the others enough to do:
// each streams through memory in order, in stretches that are long for the processor's prefetching.
struct Job {
  alignas(64) std::atomic<std::uint32_t> epoch{0};  // also the word that workers sleep on
  alignas(64) std::atomic<std::uint64_t> left{0};
  alignas(64) std::atomic<std::uint64_t> done{0};
  alignas(64) std::atomic<int> sleepers{0};
  std::uint64_t n = 0, grain = 1, per_group = 1;
  void (*f)(void*, std::uint64_t, std::uint64_t) = nullptr;
  void* arg = nullptr;

  void run_groups(std::uint64_t first, std::uint64_t count) const {
    const std::uint64_t last = std::min(n, (first + count) * per_group * grain);
    for (std::uint64_t begin = first * per_group * grain; begin < last; begin += grain) f(arg, begin, std::min(begin + grain, last));
  }
};
constinit Job job;
constinit std::mutex pool_owner;
thread_local bool inside = false;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  sched_yield();
#endif
}

long now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000L + t.tv_nsec;
}

void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

void work(std::uint32_t epoch, bool from_front) {
  for (;;) {
    std::uint64_t claim = job.left.load(std::memory_order_acquire), begin, end, count;
    do {
      begin = claim >> 16 & 0xFFFF;
      end = claim & 0xFFFF;
      if (claim >> 32 != epoch || begin >= end) return;
      count = std::clamp<std::uint64_t>((end - begin) / (4 * thread_count()), 1, most_claimed);
    } while (!job.left.compare_exchange_weak(claim, from_front ? claim + count * 0x10000 : claim - count, std::memory_order_acq_rel));
    job.run_groups(from_front ? begin : end - count, count);
    job.done.fetch_add(count, std::memory_order_release);
  }
}

void worker() {
  inside = true;
  std::uint32_t seen = 0;
  for (;;) {
    long until = now() + spin_nanoseconds;
    while (job.epoch.load(std::memory_order_acquire) == seen) {
      for (int i = 0; i < 32; ++i) pause();
      if (now() < until) continue;
      job.sleepers.fetch_add(1);
      futex(job.epoch, FUTEX_WAIT, seen);
      job.sleepers.fetch_sub(1);
      until = now() + spin_nanoseconds;
    }
    seen = job.epoch.load(std::memory_order_acquire);
    work(seen, false);
  }
}

std::uint32_t count_threads() {
  if (const char* text = secure_getenv("MUSHIN_THREADS")) {
    const long n = std::strtol(text, nullptr, 10);
    if (n >= 1) return static_cast<std::uint32_t>(std::min<long>(n, most_threads));
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return std::clamp<std::uint32_t>(static_cast<std::uint32_t>(CPU_COUNT(&set)), 1, most_threads);
}

// Detached: a process may end while workers sleep, and they touch nothing that is destroyed.
void start_workers() {
  static const bool started = [] {
    for (std::uint32_t i = 1; i < thread_count(); ++i) std::thread(worker).detach();
    return true;
  }();
  static_cast<void>(started);
}

void run_on_pool(std::uint64_t n, std::uint64_t grain, void (*f)(void*, std::uint64_t, std::uint64_t), void* arg) {
  start_workers();
  const std::uint32_t epoch = job.epoch.load(std::memory_order_relaxed) + 1;
  const std::uint64_t chunks = (n + grain - 1) / grain;
  job.left.store(0, std::memory_order_release);  // nobody claims while the job is being written
  job.n = n;
  job.grain = grain;
  job.per_group = (chunks + most_groups - 1) / most_groups;
  job.f = f;
  job.arg = arg;
  job.done.store(0, std::memory_order_relaxed);
  const std::uint64_t groups = (chunks + job.per_group - 1) / job.per_group;
  job.left.store(std::uint64_t{epoch} << 32 | groups, std::memory_order_release);
  job.epoch.store(epoch, std::memory_order_seq_cst);
  if (job.sleepers.load(std::memory_order_seq_cst) > 0) futex(job.epoch, FUTEX_WAKE, static_cast<std::uint32_t>(most_threads));
  inside = true;
  work(epoch, true);
  inside = false;
  for (unsigned spins = 0; job.done.load(std::memory_order_acquire) != groups; ++spins) {
    pause();
    if (spins > 2000) sched_yield();  // a worker holds the last chunk and has lost its processor
  }
}

}  // namespace

std::uint32_t thread_count() {
  static const std::uint32_t n = count_threads();
  return n;
}

void parallel_for(std::uint64_t n, std::uint64_t grain, void (*f)(void*, std::uint64_t, std::uint64_t), void* arg) {
  if (n == 0) return;
  grain = std::max<std::uint64_t>(grain, 1);
  if (n > grain && !inside && thread_count() > 1 && pool_owner.try_lock()) {
    const std::lock_guard owned(pool_owner, std::adopt_lock);
    return run_on_pool(n, grain, f, arg);
  }
  for (std::uint64_t begin = 0; begin < n; begin += grain) f(arg, begin, std::min(begin + grain, n));
}

}  // namespace mushin::core
