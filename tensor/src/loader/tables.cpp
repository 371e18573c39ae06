#include "loader/tables.hpp"

#include <fmt/format.h>

#include <cstring>
#include <span>

namespace mushin::core {
namespace {

struct Field {
  std::size_t offset;
  const char* name;
};
#define MUSHIN_FIELD(table, field) \
  { offsetof(table, field), #field }
constexpr Field plugin_fields[] = {MUSHIN_FIELD(mu_plugin, name),         MUSHIN_FIELD(mu_plugin, version),
                                   MUSHIN_FIELD(mu_plugin, vendor),       MUSHIN_FIELD(mu_plugin, license),
                                   MUSHIN_FIELD(mu_plugin, device_count), MUSHIN_FIELD(mu_plugin, device_open),
                                   MUSHIN_FIELD(mu_plugin, device),       MUSHIN_FIELD(mu_plugin, compute)};
constexpr Field device_fields[] = {MUSHIN_FIELD(mu_device_table, info), MUSHIN_FIELD(mu_device_table, synchronize),
                                   MUSHIN_FIELD(mu_device_table, close)};
constexpr Field memory_fields[] = {MUSHIN_FIELD(mu_memory_table, alloc), MUSHIN_FIELD(mu_memory_table, free),
                                   MUSHIN_FIELD(mu_memory_table, upload), MUSHIN_FIELD(mu_memory_table, download)};
constexpr Field compute_fields[] = {MUSHIN_FIELD(mu_compute_table, plan_create), MUSHIN_FIELD(mu_compute_table, plan_run),
                                    MUSHIN_FIELD(mu_compute_table, plan_destroy)};
constexpr Field graph_fields[] = {MUSHIN_FIELD(mu_graph_table, capture_begin), MUSHIN_FIELD(mu_graph_table, capture_end),
                                  MUSHIN_FIELD(mu_graph_table, launch), MUSHIN_FIELD(mu_graph_table, destroy)};
constexpr Field collectives_fields[] = {MUSHIN_FIELD(mu_collectives_table, unique_id), MUSHIN_FIELD(mu_collectives_table, join),
                                        MUSHIN_FIELD(mu_collectives_table, leave), MUSHIN_FIELD(mu_collectives_table, abort)};
constexpr Field many_fields[] = {MUSHIN_FIELD(mu_many_table, run)};
#undef MUSHIN_FIELD

// More than any table will ever be: a size beyond it is garbage.
constexpr std::uint32_t largest_table = 65536;

bool is_null(const void* table, std::size_t offset) {
  const void* pointer;
  std::memcpy(&pointer, static_cast<const char*>(table) + offset, sizeof pointer);
  return !pointer;
}

// `known`: what this host reads, and what version 0 requires.
std::string copy_table(const char* what, const void* from, void* to, std::uint32_t known, std::span<const Field> required) {
  std::uint32_t size;
  std::memcpy(&size, from, sizeof size);
  if (size > largest_table) return fmt::format("{} has the size {}, which no table has", what, size);
  for (const Field& f : required)
    if (size < f.offset + sizeof(void*)) return fmt::format("{} ends before {}: {} bytes of {}", what, f.name, size, known);
  if (size < known) return fmt::format("{} is too short: {} bytes of {}", what, size, known);
  std::memcpy(to, from, known);
  for (const Field& f : required)
    if (is_null(to, f.offset)) return fmt::format("{}.{} is missing", what, f.name);
  return {};
}

bool is_utf8(std::string_view s) {
  std::size_t i = 0;
  while (i < s.size()) {
    const auto c = static_cast<unsigned char>(s[i]);
    const std::size_t more = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 4;
    if (more == 4 || more >= s.size() - i) return false;
    for (std::size_t k = 1; k <= more; ++k)
      if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return false;
    i += more + 1;
  }
  return true;
}

std::string check_text(const char* field, const char* text) {
  const std::size_t n = strnlen(text, 256);
  if (n == 256) return fmt::format("plugin.{} is longer than 255 bytes", field);
  if (!is_utf8({text, n})) return fmt::format("plugin.{} isn't UTF-8", field);
  return {};
}

constexpr const char* code_names[] = {"MU_OK",          "MU_INVALID", "MU_UNSUPPORTED", "MU_OUT_OF_MEMORY", "MU_UNAVAILABLE",
                                      "MU_DEVICE_LOST", "MU_TIMEOUT", "MU_INTERNAL",    "MU_PENDING",       "MU_DISCONNECTED"};

}  // namespace

std::string read_tables(const mu_plugin* from, std::string_view expected_name, Backend& to) {
  if (auto wrong = copy_table("plugin", from, &to.plugin, sizeof to.plugin, plugin_fields); !wrong.empty()) return wrong;
  const mu_plugin& p = to.plugin;
  const char* const texts[][2] = {{"name", p.name}, {"version", p.version}, {"vendor", p.vendor}, {"license", p.license}};
  for (const auto& [field, text] : texts)
    if (auto wrong = check_text(field, text); !wrong.empty()) return wrong;
  if (p.name != expected_name) return fmt::format("calls itself \"{}\", its note says \"{}\"", p.name, expected_name);
  if (p.abi_minor != MU_ABI_MINOR)
    return fmt::format("was built for plugin ABI {}.{}, this mushin speaks {}.{}", MU_ABI_MAJOR, p.abi_minor, MU_ABI_MAJOR, MU_ABI_MINOR);

  const auto extension = [&p](const char* name, std::uint32_t least) { return p.extension ? p.extension(name, least) : nullptr; };
  struct {
    const char* what;
    const void* from;
    void* to;
    std::uint32_t size;
    std::span<const Field> required;
  } const tables[] = {
      {"device", p.device, &to.device, sizeof to.device, device_fields},
      {"compute", p.compute, &to.compute, sizeof to.compute, compute_fields},
      {"memory", p.memory, &to.memory, sizeof to.memory, {}},
      {"stream", p.stream, &to.stream, sizeof to.stream, {}},
      {MU_EXT_GRAPH, extension(MU_EXT_GRAPH, MU_EXT_GRAPH_VERSION), &to.graph, sizeof to.graph, graph_fields},
      {MU_EXT_COLLECTIVES, extension(MU_EXT_COLLECTIVES, MU_EXT_COLLECTIVES_VERSION), &to.collectives, sizeof to.collectives, collectives_fields},
      {MU_EXT_MANY, extension(MU_EXT_MANY, MU_EXT_MANY_VERSION), &to.many, sizeof to.many, many_fields}};
  for (const auto& t : tables) {
    if (!t.from) continue;
    if (auto wrong = copy_table(t.what, t.from, t.to, t.size, t.required); !wrong.empty()) return wrong;
  }
  return {};
}

std::string check_memory_table(const mu_memory_table& memory) {
  for (const Field& f : memory_fields)
    if (is_null(&memory, f.offset)) return fmt::format("memory.{} is missing, and the device has memory of its own", f.name);
  return {};
}

std::string describe(mu_code code, const mu_error& e) {
  std::string text(e.message, strnlen(e.message, sizeof e.message));
  if (!is_utf8(text)) text = "(text that isn't UTF-8)";
  const bool known = code >= 0 && code < static_cast<mu_code>(std::size(code_names));
  std::string all = known ? code_names[code] : fmt::format("unknown code {}", code);
  if (!text.empty()) all += ": " + text;
  if (e.native_code != 0) all += fmt::format(" (native code {})", e.native_code);
  return all;
}

mu_error empty_error() {
  mu_error e{};
  e.size = sizeof e;
  return e;
}

}  // namespace mushin::core
