// The plugins of this process: found once, each opened when its devices are asked for, never closed.
#pragma once
#include <string_view>
#include <vector>

#include "devices/device_state.hpp"
#include "mushin/tensor/device.hpp"

namespace mushin::core {

/// "builtin", a plugin's name, "name:index". Throws DeviceError with the recorded reasons when it isn't there.
Device* find_device(std::string_view name);
/// The first device of the first plugin for CPUs that works, else `builtin()`.
Device* best_cpu_device();
/// Opens every plugin.
std::vector<Device*> all_devices();

}  // namespace mushin::core
