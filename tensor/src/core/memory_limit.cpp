#include <charconv>
#include <cmath>
#include <string_view>

#include "core/fail.hpp"
#include "core/memory.hpp"

namespace mushin::core {

std::size_t parse_bytes(const char* variable, const char* text) {
  const std::string_view all(text);
  double n = 0;
  const auto [end, error] = std::from_chars(all.data(), all.data() + all.size(), n);
  const std::string_view unit = all.substr(static_cast<std::size_t>(end - all.data()));
  constexpr std::string_view units = "KMGT";
  const std::size_t power = unit.empty() ? 0 : units.find(unit) + 1;  // npos + 1 is 0: an unknown unit
  const double bytes = std::ldexp(n, static_cast<int>(10 * power));
  if (error != std::errc() || (!unit.empty() && (unit.size() > 1 || power == 0)) || !(bytes >= 1 && bytes < 0x1p60))
    fail<Error>("[memory] {} is a number of bytes, as 512, 64M or 1.5G: \"{}\"", variable, text);
  return static_cast<std::size_t>(bytes);
}

}  // namespace mushin::core
