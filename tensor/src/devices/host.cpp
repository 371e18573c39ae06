#include "devices/host.hpp"

#include <cctype>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "core/threads.hpp"

namespace mushin::core {
namespace {

struct Ring {
  static constexpr std::size_t capacity = 64;
  std::mutex mutex;
  PluginMessage line[capacity];
  std::size_t written = 0;
};

// Never destroyed: a plugin's threads may log while the process exits.
Ring& ring() {
  static Ring* const it = new Ring;
  return *it;
}

void host_log(void*, std::uint32_t level, const char* text, std::size_t length) noexcept {
  if (text) log(level, {text, length});
}

const char* host_config(void*, const char* plugin, const char* key) noexcept try {
  if (!plugin || !key) return nullptr;
  std::string name = std::string("MUSHIN_") + plugin + "_" + key;
  for (char& c : name)
    c = std::isalnum(static_cast<unsigned char>(c)) ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : '_';
  return secure_getenv(name.c_str());
} catch (...) {
  return nullptr;
}

void host_parallel_for(void*, std::uint64_t n, std::uint64_t grain, mu_range_fn f, void* arg) noexcept { parallel_for(n, grain, f, arg); }

std::uint32_t host_thread_count(void*) noexcept { return static_cast<std::uint32_t>(thread_count()); }

constexpr mu_host table = {sizeof(mu_host), MU_ABI_MINOR, nullptr, host_log, host_config, host_parallel_for, host_thread_count};

}  // namespace

const mu_host* host_table() { return &table; }

void log(std::uint32_t level, std::string_view text) noexcept {
  Ring& r = ring();
  std::lock_guard lock(r.mutex);
  PluginMessage& m = r.line[r.written++ % Ring::capacity];
  m.level = level;
  const std::size_t n = std::min(text.size(), sizeof m.text - 1);
  std::memcpy(m.text, text.data(), n);
  m.text[n] = 0;
}

std::vector<PluginMessage> logged() {
  Ring& r = ring();
  std::lock_guard lock(r.mutex);
  std::vector<PluginMessage> lines;
  const std::size_t first = r.written > Ring::capacity ? r.written - Ring::capacity : 0;
  for (std::size_t i = first; i < r.written; ++i) lines.push_back(r.line[i % Ring::capacity]);
  return lines;
}

}  // namespace mushin::core
