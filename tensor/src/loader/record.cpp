#include "loader/record.hpp"

#include <cstring>

namespace mushin {
namespace core {

const char* keep_text(std::string_view text) {
  if (text.empty()) return "";
  char* copy = new char[text.size() + 1];
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = 0;
  return copy;
}

}  // namespace core

const char* name_of(plugin_state s) noexcept {
  constexpr const char* names[] = {"found", "loaded", "no-device", "skipped", "shadowed", "denied"};
  return names[static_cast<unsigned>(s)];
}

}  // namespace mushin
