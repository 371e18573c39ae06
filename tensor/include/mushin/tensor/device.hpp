// Devices and the backends that drive them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "mushin/tensor/export.hpp"

namespace mushin {

namespace core {
struct Device;
}

/// Whose interface a device has; `vendor`: its own. The values are the plugin header's MU_KIND_*: cpu, cuda, hip, level_zero, vulkan.
enum class device_kind : std::uint32_t { cpu = 1, cuda = 2, hip = 3, level_zero = 4, vulkan = 5, vendor = 31 };

/// What computes: "builtin", "cuda:0". A small value; copies are the same device, which lives as long as the process.
class MUSHIN_API Device {
 public:
  explicit Device(core::Device* raw) noexcept : raw_(raw) {}

  /// As `device()` takes it.
  const char* name() const noexcept;
  /// The plugin's name: "cuda".
  const char* plugin() const noexcept;
  /// As the driver calls it: "AMD EPYC 7763".
  const char* description() const noexcept;
  /// What it computes on.
  device_kind kind() const noexcept;
  /// Whether it computes in the program's own memory: arrays move between such devices without being copied.
  bool host_memory() const noexcept;

  core::Device* raw() const noexcept { return raw_; }
  friend bool operator==(Device, Device) noexcept = default;

 private:
  core::Device* raw_;
};

/// The device of that name: "builtin", a plugin's name (its first device), or "name:index". Loads the plugin if need be.
/// DeviceError when it isn't there, with the reason that was recorded for each file of that name.
MUSHIN_API Device device(const char* name);

/// Where makers put tensors: what `set_default_device` said, else what the environment's MUSHIN_DEVICE names, else the first
/// backend for CPUs that was found and works, else "builtin". DeviceError when a named one isn't there.
MUSHIN_API Device default_device();
MUSHIN_API void set_default_device(Device) noexcept;
/// As `set_default_device(device(name))`.
MUSHIN_API void set_default_device(const char* name);

/// Every device of every backend, "builtin" first. Loads all plugins: half a second where one brings CUDA's libraries.
MUSHIN_API std::vector<Device> devices();

/// Waits until the device has done all that was given to it. Throws what failed of it (ShapeError for an index outside its axis,
/// PluginError, DeviceError): until synchronize has told it, reads of values that come from what failed throw the same, and so may other
/// reads of that device's values. A lost device stays lost: every later use is a DeviceError with the first reason.
MUSHIN_API void synchronize(Device);

/// Bytes of a device's memory. Backends in host memory share one account.
struct MemoryStats {
  std::size_t in_use;  ///< by tensors; what other threads keep for their own next small ones (at most 1 MiB each) counts as well
  std::size_t cached;  ///< free, kept for tensors to come
  std::size_t peak;    ///< the most that was ever in use
  /// Of `cached`: beside tensors in the same piece of memory, so it serves smaller ones but cannot be given back until they are gone.
  std::size_t fragmented;
  std::size_t largest_free;  ///< the largest tensor that fits into what is cached
};
/// What is allocated on a device now.
MUSHIN_API MemoryStats memory_stats(Device);

/// What became of one candidate for a plugin.
enum class plugin_state {
  found,      ///< looks right from outside; not asked for yet
  loaded,     ///< has at least one open device
  no_device,  ///< works, but has nothing to drive here
  skipped,    ///< refused: `reason` says why
  shadowed,   ///< an earlier file has the same name
  denied      ///< by MUSHIN_PLUGINS
};
/// "found", "loaded", "no-device", "skipped", "shadowed", "denied".
MUSHIN_API const char* name_of(plugin_state) noexcept;

/// One candidate. The texts live as long as the process; an unknown one is "".
struct PluginInfo {
  const char* name;
  const char* version;                 ///< as the plugin's note says
  plugin_state state;                  ///< whether it is loaded, or why not
  const char* path;                    ///< of the file or folder
  int code;                            ///< one of the plugin header's MU_… codes
  const char* reason;                  ///< why it isn't loaded
  std::uint32_t abi_major, abi_minor;  ///< of the boundary that it was built for
  std::uint32_t isa_level;             ///< the x86-64 level that the file needs; 0: none
  std::uint32_t kinds;                 ///< bit k: drives devices of kind k
};

/// One place that is searched for plugins.
struct PluginDirectory {
  const char* path;    ///< of the file or folder
  const char* origin;  ///< "MUSHIN_PLUGIN_PATH", "beside libmushin", "built in", "extra"
};

/// Every candidate, in the order of the search. The first call searches; no call loads a plugin. Never throws for a bad file.
MUSHIN_API std::vector<PluginInfo> plugins();
/// Where plugins are looked for, in order.
MUSHIN_API std::vector<PluginDirectory> plugin_directories();

/// A line that a plugin or the loader had to say. The newest few are kept.
struct PluginMessage {
  std::uint32_t level;  ///< 0 debug, 1 info, 2 warning
  char text[252];       ///< cut to fit
};
/// What backends told their host, the latest last.
MUSHIN_API std::vector<PluginMessage> plugin_messages();

/// Who computes one op on a device: native, inherited, decomposed, copied or absent, in the order of what `OpSupport::by` says.
enum class op_support { native, inherited, decomposed, copied, absent };
/// One op of the boundary, and how a device does it.
struct OpSupport {
  const char* op;  ///< its name
  /// The plugin's own kernel; the builtin backend in the same memory; other ops of the device; the host with copies, as
  /// MUSHIN_FALLBACK allows; nobody.
  op_support by;
};
/// Asks the device about a small float32 example of each op; nothing is computed.
MUSHIN_API std::vector<OpSupport> supported_ops(Device);

/// How often the host computed an op in the device's place, with copies: what the environment's MUSHIN_FALLBACK=warn or =allow permits
/// where a device has memory of its own and no kernel. Without it such an op is a DeviceError.
struct FallbackCount {
  const char* op;      ///< its name
  std::uint64_t runs;  ///< how often it was computed on the host
};
/// What a device had computed on the host so far.
MUSHIN_API std::vector<FallbackCount> fallback_counts(Device);

/// The release: "0.1.0".
MUSHIN_API const char* version() noexcept;
/// The plugin boundary that this library speaks. Version 0 is not frozen: plugins must match both numbers.
inline constexpr std::uint32_t plugin_abi_major = 0, plugin_abi_minor = 0;
/// The newest x86-64 level of this processor, which plugins are checked against; 0 on others.
MUSHIN_API std::uint32_t cpu_isa_level() noexcept;

}  // namespace mushin
