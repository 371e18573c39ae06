// From a backend's tables to devices.
#pragma once
#include <string>
#include <vector>

#include "devices/device_state.hpp"
#include "loader/tables.hpp"

namespace mushin::core {

/// What opening a backend's devices came to.
struct OpenedDevices {
  std::vector<Device*> devices;
  mu_code code = MU_OK;  // MU_UNAVAILABLE: nothing to drive here
  std::string reason;    // of the first device that could not be opened
};

/// Opens every device that `backend` counts. `kinds`: those that its note promises. Throws only for want of memory.
OpenedDevices open_devices(const Backend& backend, std::uint32_t kinds);

}  // namespace mushin::core
