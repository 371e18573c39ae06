// Where plugins are looked for, and what is found there.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "loader/note_probe.hpp"
#include "loader/record.hpp"

namespace mushin::core {

struct SearchDirectory {
  std::string path;
  const char* origin;  // as PluginDirectory's
};

/// Everything that the search depends on.
struct SearchConfig {
  std::vector<SearchDirectory> directories;  // absolute
  std::vector<Record> ignored;               // parts of MUSHIN_PLUGIN_PATH that aren't absolute
  std::string filter;                        // MUSHIN_PLUGINS
  bool secure = false;                       // the process has more rights than its user: trust root's files alone
  HostTraits host{};
};

/// What the environment says: unset is null.
struct SearchEnvironment {
  const char* plugin_path = nullptr;
  const char* path_only = nullptr;
  const char* plugins = nullptr;
  bool secure = false;
  std::string own_directory;  // of libmushin's file; "" when unknown
};
SearchEnvironment search_environment();
/// `built_in`, `extra`: what was configured when mushin was built, `extra` separated by colons.
SearchConfig search_config(const SearchEnvironment&, std::string_view built_in, std::string_view extra);

/// One record per candidate and per refused part of the path, in the order of the search. Opens no library. A bad file is a
/// record; throws only for want of memory.
std::vector<Record> search(const SearchConfig&);

}  // namespace mushin::core
