// A device as the core sees it: the plugin's tables, made whole, and what kind of memory it has.
#pragma once
#include <atomic>
#include <cstdint>
#include <mutex>

#include "mushin/plugin.h"
#include "mushin/plugin_collectives.h"
#include "mushin/plugin_graph.h"
#include "mushin/plugin_many.h"

namespace mushin::core {

/// What a device reported about work after the call that gave it had returned.
struct Failure {
  mu_code code;
  char text[sizeof mu_error::message];
  const Failure* older;  // told before, by the same device
  std::uint64_t fine;    // how much of the work (Device::given) was known to have succeeded
};

class Streams;
struct Numbers;

/// Lives as long as the process. `host_memory` devices share one memory: an array moves between them by changing its label,
/// and what a plugin refuses is planned on `builtin()` in place.
struct Device {
  const char* plugin_name;  // "onednn"
  char name[48];            // "cuda:0"; "onednn" for a plugin's only device
  mu_device* handle;
  mu_device_table device;  // copies: missing tails are zero
  mu_memory_table memory;  // all NULL on host_memory devices without their own
  mu_stream_table stream;
  mu_compute_table compute;
  mu_graph_table graph;  // these three are all NULL where the plugin has no such extension
  mu_collectives_table collectives;
  mu_many_table many;
  mu_device_info info;
  bool host_memory;
  bool layouts;         // has some of its own: is offered MU_LAYOUT_ANY
  bool writes_out;      // with memory of its own, and refuses optional opcodes: it gets them in core ones
  std::uint32_t index;  // position in the list of opened devices; keys the plan cache
  // Used where the device has memory of its own (in host memory all is done when a call returns):
  std::mutex giving;                             // one thread at a time gives work to the stream that computes
  std::mutex waiting;                            // one thread at a time waits: who comes next knows what the wait has told
  std::atomic<const Failure*> failure{nullptr};  // the first since synchronize() told one; MU_DEVICE_LOST stays
  std::atomic<const Failure*> told{nullptr};     // the last one of all
  std::atomic<const Failure*> settled{nullptr};  // the last one when synchronize() told what failed: later ones are others
  Streams* streams = nullptr;                    // for transfers; null: the one stream does all
  Numbers* numbers = nullptr;                    // that are in its memory already
  std::atomic<std::uint64_t> given{0};           // how often the stream that computes got something
  std::atomic<std::uint64_t> fine{0};            // how much of that is known to have succeeded, and all before
};

/// The backend that is linked in; never fails.
Device* builtin();
/// What makers use: set_default_device's, else MUSHIN_DEVICE's, else the best CPU backend found. Throws DeviceError (with the
/// recorded reasons) when a named one isn't there.
Device* default_device();

}  // namespace mushin::core
