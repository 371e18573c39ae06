// A device, its streams and events, and what failed on it.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "blas.hpp"
#include "compile.hpp"
#include "dnn.hpp"
#include "kernels.hpp"
#include "mushin/plugin.h"

namespace mushin::cuda {

extern const mu_host* host;  // set once by the entry
using program::Failure;

inline constexpr int most_streams = 16;
/// How many runs of each stream lie behind a point.
using Clock = std::array<std::uint64_t, most_streams>;

/// The device whose runs the calling thread takes down.
extern thread_local constinit const mu_device* captured_here;
struct Capture;

/// A loaded program.
struct Loaded {
  cudaLibrary_t library = nullptr;
  cudaKernel_t entry = nullptr, second = nullptr;
  Loaded() = default;
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
  ~Loaded();
};

}  // namespace mushin::cuda

struct mu_buffer {
  char* data = nullptr;
  std::uint32_t kind = MU_MEMORY_DEVICE;
};

struct mu_stream {
  mu_device* device = nullptr;
  int slot = 0;
  cudaStream_t handle = nullptr;
  mushin::cuda::Clock before{};
  std::shared_ptr<mushin::cuda::Capture> capture;  // null: what is given is done
  mushin::cuda::Fault* graph_fault = nullptr;      // of runs that have no number yet, as the device sees it
};

struct mu_event {
  mu_device* device = nullptr;
  cudaEvent_t handle = nullptr;
  std::mutex mutex;
  mushin::cuda::Clock before{};
};

struct mu_device {
  /// Throws Failure: MU_UNAVAILABLE with the reason.
  explicit mu_device(int index);
  mu_device(const mu_device&) = delete;
  mu_device& operator=(const mu_device&) = delete;
  ~mu_device();

  /// First in every function of the tables: makes it the calling thread's device. MU_INVALID from a thread that captures.
  mu_code enter(mu_error*) noexcept;
  /// Likewise, for what such a thread may call.
  mu_code make_current(mu_error*) noexcept;
  /// MU_OK, or the error's code and text. What the device doesn't recover from is kept, and told by every call from then on.
  mu_code check(cudaError_t, const char* what, mu_error*) noexcept;
  mu_code check(cublasStatus_t, const char* what, mu_error*) noexcept;
  /// As check, by a throw of Failure.
  void require(cudaError_t, const char* what);

  mu_stream& stream_or_default(mu_stream* s) noexcept { return s ? *s : default_stream; }
  /// Gives a number to the next run of a stream, to be told where it fails.
  mushin::cuda::FaultPlace next_run(mu_stream& s) noexcept;
  /// What has failed among the runs behind this point, which have ended.
  mu_code told(const mushin::cuda::Clock&, mu_error*) noexcept;
  /// What has failed at all, once: it is as if it hadn't from then on. Nothing runs.
  mu_code tell_once(mu_error*) noexcept;
  /// A communicator has failed: each wait from then on tells so, until tell_once has.
  void disconnect(const char* why) noexcept;
  mu_code open_stream(mu_stream&, mu_error*) noexcept;
  void close_stream(mu_stream&) noexcept;
  /// Compiles and loads a program once. Throws Failure.
  std::shared_ptr<const mushin::cuda::Loaded> load(const std::string& source, const std::string& entry, const std::string& second);

  const int index;
  cudaDeviceProp properties{};
  int architecture = 0;  // 10 major + minor
  bool pools = false;    // has stream-ordered memory
  const mushin::cuda::Blas* blas = nullptr;
  cublasLtHandle_t blas_handle = nullptr;
  mushin::cuda::dnn::Handle dnn_handle;
  mu_stream default_stream;
  cudaStream_t memory_stream = nullptr;   // of allocations alone
  cudaStream_t capture_stream = nullptr;  // of graphs that are made
  std::mutex capture_mutex;               // a device can't be waited for while one of its streams is captured

 private:
  void open();
  void release() noexcept;
  mu_code lose(cudaError_t, const char* what, mu_error*) noexcept;

  mushin::cuda::Fault* faults_ = nullptr;         // one for each slot, as the host sees them
  mushin::cuda::Fault* device_faults_ = nullptr;  // as the device does
  std::mutex mutex_;                              // of what follows
  std::array<bool, mushin::cuda::most_streams> taken_{};
  mushin::cuda::Clock given_{};  // runs of closed streams, by slot
  std::array<char, 400> lost_text_{};
  std::int64_t lost_code_ = 0;
  std::atomic<bool> lost_{false};
  std::array<char, 400> disconnected_text_{};
  std::atomic<bool> disconnected_{false};
  mushin::cuda::program::Compiler compiler_;
  std::unordered_map<std::string, std::shared_ptr<const mushin::cuda::Loaded>> loaded_;
};

namespace mushin::cuda {
/// How many devices there are. Else MU_UNAVAILABLE, with the driver's reason.
mu_code count_devices(int& n, mu_error*) noexcept;
extern const mu_memory_table memory_table;
extern const mu_stream_table stream_table;
}  // namespace mushin::cuda
