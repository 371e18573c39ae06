#pragma once
// What a file holds, in an error's text: short, and without what a terminal would obey.
#include <string>
#include <string_view>
#include <vector>

namespace mushin::data {

inline std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string out(text.substr(0, most));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7F) c = '?';
  return "\"" + out + (text.size() > most ? "\"…" : "\"");
}

inline std::string shown(const std::vector<std::string>& names) {
  constexpr std::size_t most = 12;
  std::string out;
  for (std::size_t i = 0; i < names.size() && i < most; ++i) out += (i ? ", " : "") + shown(std::string_view(names[i]));
  return out + (names.size() > most ? ", …" : "");
}

}  // namespace mushin::data
