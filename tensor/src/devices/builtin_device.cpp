// The backend that is linked in, reached through the same tables as the others.
#include <fmt/format.h>

#include "builtin.h"
#include "devices/device_state.hpp"
#include "devices/host.hpp"
#include "devices/open.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {
namespace {

Device* open_builtin() {
  mu_error error = empty_error();
  Backend backend;
  const mu_plugin* plugin = mushin_builtin_entry(host_table(), &error);
  std::string wrong = plugin ? read_tables(plugin, "builtin", backend) : describe(error.code, error);
  if (wrong.empty()) {
    OpenedDevices opened = open_devices(backend, 1u << MU_KIND_CPU);
    if (!opened.devices.empty()) return opened.devices.front();
    wrong = opened.reason;
  }
  throw PluginError(fmt::format("[builtin] the linked-in backend must open: {}", wrong).c_str());
}

}  // namespace

Device* builtin() {
  static Device* const it = open_builtin();
  return it;
}

}  // namespace mushin::core
