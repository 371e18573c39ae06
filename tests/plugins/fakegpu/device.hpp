// One fake device: its memory, its queue, the faults that tests ask for, and the builtin backend's kernels, which its own thread runs.
#pragma once
#include <atomic>
#include <mutex>

#include "faults.hpp"
#include "memory.hpp"
#include "queue.hpp"

struct mu_device {
  mu_device(int index, const mu_host*, const mu_plugin* kernels, mu_device* handle);

  const int index;
  const mu_plugin* kernels;
  mu_device* kernel_device;
  const std::uint64_t total;      // bytes of memory: MUSHIN_FAKEGPU_MEMORY
  const std::uint64_t refused;    // an op: MUSHIN_FAKEGPU_REFUSE
  const std::uint64_t unordered;  // an op without MU_PLAN_DETERMINISTIC: MUSHIN_FAKEGPU_UNORDERED
  const std::uint64_t unsafe;     // an op without MU_PLAN_CAPTURE_SAFE: MUSHIN_FAKEGPU_UNSAFE
  const bool updates;             // of graphs: MUSHIN_FAKEGPU_UPDATES
  const mu_host* host;
  std::atomic<std::uint64_t> reorders{0}, graphs{0}, launches{0}, graph_updates{0}, many{0};
  fakegpu::Memory memory;
  fakegpu::Queue queue;
  std::mutex fault_mutex;
  fakegpu::Fault no_memory, no_memory_to_run, failing_run, failing_upload, lost, wrong_answer, no_graph, failing_launch;

  bool due(fakegpu::Fault& f) {
    const std::lock_guard lock(fault_mutex);
    return f.due();
  }
  /// What a run that is given now is to fail with.
  fakegpu::Failure fault_of_run() {
    if (due(failing_run)) return {MU_INTERNAL, "the run that was to fail"};
    if (due(lost)) return {MU_DEVICE_LOST, "it fell off the bus"};
    return {};
  }
  /// Device 0 refuses all that is optional.
  bool plain() const { return index == 0; }
};

namespace fakegpu {

/// The least that the boundary allows.
inline constexpr std::uint32_t most_in = 12, most_out = 4, most_inst = 64;
inline constexpr std::uint64_t workspace_bytes = 24 << 10;  // so much that the host may cut it from a larger buffer

extern const mu_compute_table compute;

/// Writes `f` down for the host.
mu_code tell(mu_error*, const Failure& f);

}  // namespace fakegpu
