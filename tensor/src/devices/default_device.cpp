#include <fmt/format.h>

#include <atomic>
#include <cstdlib>

#include "devices/device_state.hpp"
#include "devices/host.hpp"
#include "loader/plugins.hpp"
#include "mushin/tensor/device.hpp"

namespace mushin {
namespace core {
namespace {

std::atomic<Device*> chosen{nullptr};

Device* choose_first() {
  const char* named = secure_getenv("MUSHIN_DEVICE");
  Device* d = named && *named ? find_device(named) : best_cpu_device();
  // What another thread chose meanwhile stays: set_default_device's word counts more than the automatic choice.
  Device* before = nullptr;
  return chosen.compare_exchange_strong(before, d) ? d : before;
}

}  // namespace

Device* default_device() {
  Device* d = chosen.load(std::memory_order_acquire);
  return d ? d : choose_first();
}

}  // namespace core

Device default_device() { return Device(core::default_device()); }

void set_default_device(Device d) noexcept { core::chosen.store(d.raw(), std::memory_order_release); }

void set_default_device(const char* name) { set_default_device(device(name)); }

}  // namespace mushin
