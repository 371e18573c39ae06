#include "loader/plugins.hpp"

#include <fmt/format.h>

#include <cstring>

#include "loader/record.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {

const char* keep_text(std::string_view text) {
  char* copy = new char[text.size() + 1];
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  return copy;
}

Device* find_device(std::string_view name) {
  if (name == "builtin" || name == "builtin:0") return builtin();
  throw DeviceError(fmt::format("[device] no plugin of that name was found: \"{}\"", name).c_str());
}

Device* best_cpu_device() { return builtin(); }

std::vector<Device*> all_devices() { return {builtin()}; }

}  // namespace mushin::core
