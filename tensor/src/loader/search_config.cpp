#include <dlfcn.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>

#include "loader/search.hpp"

namespace mushin::core {
namespace {

// Something whose address lies in libmushin's file.
const char anchor = 0;

std::string own_directory() {
  Dl_info info;
  if (!dladdr(&anchor, &info) || !info.dli_fname || info.dli_fname[0] != '/') return {};
  const std::string file = info.dli_fname;
  return file.substr(0, file.rfind('/'));
}

void add_parts(SearchConfig& config, std::string_view parts, const char* origin) {
  while (true) {
    const std::size_t end = parts.find(':');
    const std::string_view part = parts.substr(0, end);
    if (!part.empty() && part[0] == '/') {
      config.directories.push_back({std::string(part), origin});
    } else {
      Record r;
      r.path = part;
      r.code = MU_INVALID;
      r.reason = std::string("is ignored: ") + origin + (part.empty() ? " has an empty part" : " takes absolute paths only");
      config.ignored.push_back(std::move(r));
    }
    if (end == std::string_view::npos) return;
    parts.remove_prefix(end + 1);
  }
}

bool is_directory(const std::string& path) {
  struct stat s;
  return stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode);
}

}  // namespace

SearchEnvironment search_environment() {
  SearchEnvironment e;
  e.plugin_path = secure_getenv("MUSHIN_PLUGIN_PATH");
  e.path_only = secure_getenv("MUSHIN_PLUGIN_PATH_ONLY");
  e.plugins = secure_getenv("MUSHIN_PLUGINS");
  e.secure = getauxval(AT_SECURE) != 0;
  e.own_directory = own_directory();
  return e;
}

SearchConfig search_config(const SearchEnvironment& e, std::string_view built_in, std::string_view extra) {
  SearchConfig config;
  config.host = host_traits();
  config.secure = e.secure;
  if (!e.secure) {
    if (e.plugins) config.filter = e.plugins;
    if (e.plugin_path && *e.plugin_path) add_parts(config, e.plugin_path, "MUSHIN_PLUGIN_PATH");
    if (e.path_only && std::strcmp(e.path_only, "1") == 0) return config;
    // A tree that was moved brings its own plugins: they replace those of the place it was built for.
    const std::string beside = e.own_directory + "/mushin/plugins-" + std::to_string(MU_ABI_MAJOR);
    if (!e.own_directory.empty() && beside != built_in && is_directory(beside)) {
      config.directories.push_back({beside, "beside libmushin"});
      built_in = {};
    }
  }
  if (!built_in.empty()) add_parts(config, built_in, "built in");
  if (!extra.empty()) add_parts(config, extra, "extra");
  return config;
}

}  // namespace mushin::core
