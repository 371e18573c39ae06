#include "report.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <cstring>
#include <iterator>

namespace info {
namespace {

using nlohmann::json;

constexpr const char* variables[] = {"MUSHIN_PLUGIN_PATH", "MUSHIN_PLUGIN_PATH_ONLY", "MUSHIN_PLUGINS", "MUSHIN_DEVICE", "MUSHIN_FALLBACK"};
constexpr const char* level_names[] = {"debug", "info", "warning"};
constexpr const char* support_names[] = {"native", "inherited from builtin", "decomposed", "on the host with copies", "absent"};

struct KindName {
  mushin::device_kind kind;
  const char* name;
};
constexpr KindName kind_names[] = {{mushin::device_kind::cpu, "cpu"},       {mushin::device_kind::cuda, "cuda"},
                                   {mushin::device_kind::hip, "hip"},       {mushin::device_kind::level_zero, "level-zero"},
                                   {mushin::device_kind::vulkan, "vulkan"}, {mushin::device_kind::vendor, "vendor"}};

const char* name_of(mushin::device_kind kind) {
  for (const KindName& k : kind_names)
    if (k.kind == kind) return k.name;
  return "other";
}

const char* name_of_level(std::uint32_t level) { return level < std::size(level_names) ? level_names[level] : "message"; }

std::vector<mushin::Device> devices_of(const Report& r, const mushin::PluginInfo& p) {
  std::vector<mushin::Device> its;
  if (p.state != mushin::plugin_state::loaded) return its;
  for (mushin::Device d : r.devices)
    if (std::strcmp(d.plugin(), p.name) == 0) its.push_back(d);
  return its;
}

std::string device_text(mushin::Device d) {
  const bool describes_itself = *d.description() && std::strcmp(d.description(), d.name()) != 0;
  return describes_itself ? fmt::format("{} \"{}\"", d.name(), d.description()) : d.name();
}

std::string plugin_line(const Report& r, const mushin::PluginInfo& p) {
  std::string line = fmt::format(" {:<10} {:<9} {:<18} {}", *p.name ? p.name : "(path)", mushin::name_of(p.state),
                                 *p.version ? fmt::format("{} abi {}.{}", p.version, p.abi_major, p.abi_minor) : "", p.path);
  const char* separator = "  ";
  for (mushin::Device d : devices_of(r, p)) {
    line += separator + device_text(d);
    separator = ", ";
  }
  if (*p.reason) line += fmt::format("  {}", p.reason);
  return line + "\n";
}

json device_json(mushin::Device d) {
  return {{"name", d.name()},
          {"plugin", d.plugin()},
          {"kind", name_of(d.kind())},
          {"description", d.description()},
          {"host_memory", d.host_memory()}};
}

}  // namespace

Report look(bool open) {
  Report r;
  if (open) r.devices = mushin::devices();
  r.directories = mushin::plugin_directories();
  r.plugins = mushin::plugins();
  r.messages = mushin::plugin_messages();
  return r;
}

std::string as_text(const Report& r) {
  std::string text = fmt::format("mushin {}  plugin ABI {}.{}", mushin::version(), mushin::plugin_abi_major, mushin::plugin_abi_minor);
  if (mushin::cpu_isa_level() != 0) text += fmt::format("  cpu: x86-64-v{}", mushin::cpu_isa_level());
  text += "\nsearch:";
  for (const auto& d : r.directories) text += fmt::format(" {} ({})", d.path, d.origin);
  text += r.directories.empty() ? " nowhere\n" : "\n";
  for (const char* v : variables) {
    const char* value = std::getenv(v);
    if (value) text += fmt::format("{}: {}\n", v, value);
  }
  for (mushin::Device d : r.devices)
    if (std::strcmp(d.plugin(), "builtin") == 0)
      text += fmt::format(" {:<10} {:<9} {:<18} {}  {}\n", "builtin", "linked in", mushin::version(), "-", device_text(d));
  for (const auto& p : r.plugins) text += plugin_line(r, p);
  for (const auto& m : r.messages) text += fmt::format("{}: {}\n", name_of_level(m.level), m.text);
  return text;
}

json as_json(const Report& r) {
  json j = {{"version", mushin::version()},
            {"abi_major", mushin::plugin_abi_major},
            {"abi_minor", mushin::plugin_abi_minor},
            {"cpu_isa_level", mushin::cpu_isa_level()},
            {"search", json::array()},
            {"environment", json::object()},
            {"plugins", json::array()},
            {"devices", json::array()},
            {"messages", json::array()}};
  for (const auto& d : r.directories) j["search"].push_back({{"path", d.path}, {"origin", d.origin}});
  for (const char* v : variables)
    if (const char* value = std::getenv(v)) j["environment"][v] = value;
  for (const auto& p : r.plugins) {
    json its = json::array();
    for (mushin::Device d : devices_of(r, p)) its.push_back(d.name());
    j["plugins"].push_back({{"name", p.name},
                            {"state", mushin::name_of(p.state)},
                            {"version", p.version},
                            {"path", p.path},
                            {"code", p.code},
                            {"reason", p.reason},
                            {"abi_major", p.abi_major},
                            {"abi_minor", p.abi_minor},
                            {"isa_level", p.isa_level},
                            {"devices", its}});
  }
  for (mushin::Device d : r.devices) j["devices"].push_back(device_json(d));
  for (const auto& m : r.messages) j["messages"].push_back({{"level", name_of_level(m.level)}, {"text", m.text}});
  return j;
}

std::string ops_as_text(mushin::Device d) {
  std::string text = fmt::format("{}\n", device_text(d));
  for (const auto& s : mushin::supported_ops(d)) text += fmt::format(" {:<12} {}\n", s.op, support_names[static_cast<unsigned>(s.by)]);
  return text;
}

json ops_as_json(mushin::Device d) {
  json j = device_json(d);
  j["ops"] = json::object();
  for (const auto& s : mushin::supported_ops(d)) j["ops"][s.op] = support_names[static_cast<unsigned>(s.by)];
  return j;
}

}  // namespace info
