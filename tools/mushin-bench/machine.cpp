#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "mushin/tensor/device.hpp"
#include "results.hpp"

namespace bench {
namespace {

/// What follows `key` and the separator in the first line of the file that begins with it.
std::string line_of(const char* file, const std::string& key, char separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) != 0) continue;
    auto begin = line.find(separator);
    if (begin == std::string::npos) continue;
    begin = line.find_first_not_of(" \t\"", begin + 1);
    const auto end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos ? "" : line.substr(begin, end - begin + 1);
  }
  return "unknown";
}

std::string compiler() {
#if defined(__clang__)
  return fmt::format("Clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
  return "GCC " __VERSION__;
#else
  return "unknown";
#endif
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "not set";
}

int usable_cores() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

}  // namespace

unsigned thread_count() {
  const char* set = std::getenv("MUSHIN_THREADS");
  const int threads = set ? std::atoi(set) : 0;
  return static_cast<unsigned>(threads > 0 ? threads : std::max(1, usable_cores()));
}

nlohmann::json describe_machine() {
  return {{"cpu", line_of("/proc/cpuinfo", "model name", ':')},
          {"cores", usable_cores()},
          {"system", line_of("/etc/os-release", "PRETTY_NAME", '=')},
          {"mushin", mushin::version()},
          {"compiler", compiler()},
          {"MUSHIN_THREADS", environment("MUSHIN_THREADS")},
          {"OMP_NUM_THREADS", environment("OMP_NUM_THREADS")}};
}

}  // namespace bench
