// The public face of a device.
#include "mushin/tensor/device.hpp"

#include "core/failure.hpp"
#include "core/memory.hpp"
#include "devices/device_state.hpp"
#include "devices/host.hpp"
#include "loader/note_probe.hpp"
#include "loader/plugins.hpp"
#include "mushin_tensor_config.h"

namespace mushin {

const char* Device::name() const noexcept { return raw_->name; }
const char* Device::plugin() const noexcept { return raw_->plugin_name; }
const char* Device::description() const noexcept { return raw_->info.name; }
device_kind Device::kind() const noexcept { return static_cast<device_kind>(raw_->info.kind); }
bool Device::host_memory() const noexcept { return raw_->host_memory; }

Device device(const char* name) { return Device(core::find_device(name ? name : "")); }

std::vector<Device> devices() {
  std::vector<Device> all;
  for (core::Device* d : core::all_devices()) all.push_back(Device(d));
  return all;
}

void synchronize(Device d) {
  if (d.host_memory()) return;
  core::settle(d.raw());
  core::take_failure("synchronize", d.raw());
}

MemoryStats memory_stats(Device d) { return core::memory_stats(d.raw()); }

std::vector<PluginMessage> plugin_messages() { return core::logged(); }

static_assert(plugin_abi_major == MU_ABI_MAJOR && plugin_abi_minor == MU_ABI_MINOR);

const char* version() noexcept { return MUSHIN_VERSION; }
std::uint32_t cpu_isa_level() noexcept { return core::host_traits().isa_level; }

}  // namespace mushin
