// Threads for kernels: one pool for the process.
#pragma once
#include <cstddef>
#include <cstdint>

namespace mushin::core {

/// `f(arg, begin, end)` over [0, n) in chunks of `grain` (the last one shorter): borders depend on `n` and `grain` alone, so that sums
/// don't depend on the number of threads. Chunks are claimed by whoever is free; the caller works too and never waits for a
/// thread that has not begun a chunk. Runs inline from within a chunk, and while another thread has the pool. `f` must not throw.
void parallel_for(std::uint64_t n, std::uint64_t grain, void (*f)(void*, std::uint64_t, std::uint64_t), void* arg);

/// The caller and the workers: MUSHIN_THREADS, else the processors that this process may use.
std::uint32_t thread_count();

}  // namespace mushin::core
