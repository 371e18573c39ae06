#include "loader/plugins.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <deque>
#include <mutex>

#include "devices/host.hpp"
#include "devices/open.hpp"
#include "loader/library.hpp"
#include "loader/search.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin_tensor_config.h"

namespace mushin::core {
namespace {

struct Plugin {
  Record record;
  PluginInfo info;  // what users see; its texts are never freed
  std::vector<Device*> devices;
};

// Never destroyed: nothing is unloaded when the process exits.
struct Registry {
  std::mutex mutex;
  bool searched = false;
  std::vector<SearchDirectory> directories;
  std::deque<Plugin> plugins;
};

Registry& registry() {
  static Registry* const it = new Registry;
  return *it;
}

void publish(Plugin& p) {
  const Record& r = p.record;
  const auto keep = [](const char*& to, std::string_view text) {
    if (!to || text != to) to = keep_text(text);
  };
  keep(p.info.name, r.name);
  keep(p.info.version, r.note.version);
  keep(p.info.path, r.path);
  keep(p.info.reason, r.reason);
  p.info.state = r.state;
  p.info.code = r.code;
  p.info.abi_major = r.note.abi_major, p.info.abi_minor = r.note.abi_minor;
  p.info.isa_level = r.note.isa_level, p.info.kinds = r.note.kinds;
}

void conclude(Plugin& p, plugin_state state, mu_code code, std::string reason) {
  p.record.state = state;
  p.record.code = code;
  p.record.reason = std::move(reason);
  publish(p);
}

const mu_plugin* call_entry(mu_entry_fn entry, mu_error& error) {
  try {  // the law forbids exceptions here; a lawless plugin shouldn't end the program
    return entry(host_table(), &error);
  } catch (...) {
    mu_fail(&error, MU_INTERNAL, 0, "its entry threw an exception");
    return nullptr;
  }
}

void load(Plugin& p) {
  const OpenedLibrary library = open_library(p.record);
  if (!library.entry) return conclude(p, plugin_state::skipped, MU_INVALID, library.reason);
  mu_error error = empty_error();
  const mu_plugin* tables = call_entry(library.entry, error);
  if (!tables) {
    const mu_code code = error.code == MU_OK ? MU_INTERNAL : error.code;
    const std::string why = error.code == MU_OK ? "its entry returned nothing, and no reason" : describe(code, error);
    return conclude(p, code == MU_UNAVAILABLE ? plugin_state::no_device : plugin_state::skipped, code, why);
  }
  Backend backend;
  if (auto wrong = read_tables(tables, p.record.name, backend); !wrong.empty())
    return conclude(p, plugin_state::skipped, MU_INVALID, std::move(wrong));
  OpenedDevices opened = open_devices(backend, p.record.note.kinds);
  p.devices = std::move(opened.devices);
  if (!p.devices.empty()) return conclude(p, plugin_state::loaded, opened.code, std::move(opened.reason));
  conclude(p, opened.code == MU_UNAVAILABLE ? plugin_state::no_device : plugin_state::skipped, opened.code, std::move(opened.reason));
}

// The lock is held: one thread searches and loads.
void search_once(Registry& r) {
  if (r.searched) return;
  SearchConfig config = search_config(search_environment(), MUSHIN_PLUGIN_DIR, MUSHIN_EXTRA_PLUGIN_DIRS);
  for (Record& record : search(config)) {
    Plugin& p = r.plugins.emplace_back();
    p.record = std::move(record);
    publish(p);
  }
  r.directories = std::move(config.directories);
  r.searched = true;
}

const std::vector<Device*>& devices_of(Plugin& p) {
  if (p.record.state == plugin_state::found) load(p);
  return p.devices;
}

[[noreturn]] void refuse(std::string_view wanted, std::string_view name, const Registry& r) {
  std::string why, others = "builtin";
  for (const Plugin& p : r.plugins) {
    if (p.record.name == name) {
      why += fmt::format("; {} is {}", p.record.path, name_of(p.record.state));
      if (!p.record.reason.empty()) why += ": " + p.record.reason;
      if (!p.devices.empty()) why += fmt::format(", with {} device(s)", p.devices.size());
    } else if (p.record.state == plugin_state::found || p.record.state == plugin_state::loaded) {
      others += ", " + p.record.name;
    }
  }
  if (why.empty()) why = fmt::format("; no plugin mushin-{}.so was found; there are: {}", name, others);
  throw DeviceError(fmt::format("[device] \"{}\" isn't available{}", wanted, why).c_str());
}

// "name:3" is 3, "name" is 0; nothing for other texts after the colon.
bool parse_index(std::string_view text, std::size_t colon, std::size_t& index) {
  index = 0;
  if (colon == std::string_view::npos) return true;
  const char *from = text.data() + colon + 1, *to = text.data() + text.size();
  const auto [end, error] = std::from_chars(from, to, index);
  return error == std::errc() && end == to && from != to;
}

}  // namespace

Device* find_device(std::string_view wanted) {
  const std::size_t colon = wanted.find(':');
  const std::string_view name = wanted.substr(0, colon);
  std::size_t index;
  const bool well_formed = parse_index(wanted, colon, index);
  if (name == "builtin" && well_formed && index == 0) return builtin();

  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  search_once(r);
  for (Plugin& p : r.plugins) {
    if (!well_formed || p.record.name != name || devices_of(p).empty()) continue;
    if (index < p.devices.size()) return p.devices[index];
  }
  refuse(wanted, name, r);
}

Device* best_cpu_device() {
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  search_once(r);
  for (Plugin& p : r.plugins) {
    if (!(p.record.note.kinds >> MU_KIND_CPU & 1u)) continue;
    const bool asked_now = p.record.state == plugin_state::found;
    for (Device* d : devices_of(p))
      if (d->info.kind == MU_KIND_CPU && d->host_memory) return d;
    if (asked_now) log(MU_LOG_WARNING, fmt::format("{} is not the default device: {}", p.record.name, p.record.reason));
  }
  return builtin();
}

std::vector<Device*> all_devices() {
  std::vector<Device*> all{builtin()};
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  search_once(r);
  for (Plugin& p : r.plugins) {
    const auto& its = devices_of(p);
    all.insert(all.end(), its.begin(), its.end());
  }
  return all;
}

}  // namespace mushin::core

namespace mushin {

std::vector<PluginInfo> plugins() {
  core::Registry& r = core::registry();
  std::lock_guard lock(r.mutex);
  core::search_once(r);
  std::vector<PluginInfo> all;
  for (const core::Plugin& p : r.plugins) all.push_back(p.info);
  return all;
}

std::vector<PluginDirectory> plugin_directories() {
  core::Registry& r = core::registry();
  std::lock_guard lock(r.mutex);
  core::search_once(r);
  std::vector<PluginDirectory> all;
  for (const core::SearchDirectory& d : r.directories) all.push_back({d.path.c_str(), d.origin});
  return all;
}

}  // namespace mushin
