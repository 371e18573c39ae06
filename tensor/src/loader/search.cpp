#include "loader/search.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

namespace mushin::core {
namespace {

constexpr std::string_view prefix = "mushin-", suffix = ".so";

bool is_candidate(std::string_view file) {
  return file.size() > prefix.size() + suffix.size() && file.substr(0, prefix.size()) == prefix &&
         file.substr(file.size() - suffix.size()) == suffix;
}

std::string plugin_name(std::string_view file) {
  return std::string(file.substr(prefix.size(), file.size() - prefix.size() - suffix.size()));
}

// `filter`: globs separated by commas. A "-glob" that matches denies; where there is any plain glob, one of them must match.
std::string denied_by(const std::string& filter, const std::string& name) {
  bool any_allowed = false, allowed = false;
  for (std::size_t at = 0; at <= filter.size();) {
    const std::size_t end = std::min(filter.find(',', at), filter.size());
    const std::string word = filter.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    const bool denies = word[0] == '-';
    const bool matches = fnmatch(word.c_str() + (denies ? 1 : 0), name.c_str(), 0) == 0;
    if (denies && matches) return fmt::format("denied by \"{}\" in MUSHIN_PLUGINS", word);
    any_allowed |= !denies;
    allowed |= !denies && matches;
  }
  return any_allowed && !allowed ? fmt::format("not among those that MUSHIN_PLUGINS=\"{}\" allows", filter) : std::string();
}

// Who could have put another file here? A sticky bit doesn't help: anyone may still create a new name.
std::string check_owner(const struct stat& s, const std::string& what, bool secure) {
  if (s.st_mode & S_IWOTH) return fmt::format("is refused: {} can be written by anyone", what);
  if (secure && (s.st_uid != 0 || s.st_mode & S_IWGRP))
    return fmt::format("is refused: {} isn't root's alone, and the process is privileged", what);
  return {};
}

std::string check_directory_of(const std::string& path, bool secure) {
  const std::string directory = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  struct stat s;
  if (stat(directory.c_str(), &s) != 0) return fmt::format("is refused: {}: {}", directory, std::strerror(errno));
  return check_owner(s, "its directory " + directory, secure);
}

// The directory that the file is in, and the one it really is in when it is a link.
std::string check_directories(const std::string& path, bool secure) {
  if (auto wrong = check_directory_of(path, secure); !wrong.empty()) return wrong;
  char* real = realpath(path.c_str(), nullptr);
  if (!real) return fmt::format("cannot be resolved: {}", std::strerror(errno));
  const std::string target = real;
  std::free(real);
  return target == path ? std::string() : check_directory_of(target, secure);
}

struct File {
  int fd;
  ~File() {
    if (fd >= 0) close(fd);
  }
};

std::string judge(Record& r, const SearchConfig& config) {
  if (r.name == "builtin") return "has a name that belongs to the backend which is linked in";
  // O_NONBLOCK: a FIFO must not hang the search.
  const File file{open(r.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  struct stat s;
  if (file.fd < 0 || fstat(file.fd, &s) != 0) return fmt::format("cannot be opened: {}", std::strerror(errno));
  if (!S_ISREG(s.st_mode)) return "isn't a regular file";
  r.device = s.st_dev;
  r.inode = s.st_ino;
  if (auto wrong = check_owner(s, "the file", config.secure); !wrong.empty()) return wrong;
  if (auto wrong = check_directories(r.path, config.secure); !wrong.empty()) return wrong;
  Probe probe = probe_plugin(file.fd, static_cast<std::uint64_t>(s.st_size), r.name, config.host);
  r.note = probe.note;
  return std::move(probe.reason);
}

std::vector<std::string> candidates_in(const std::string& directory) {
  std::vector<std::string> names;
  DIR* d = opendir(directory.c_str());
  if (!d) return names;
  while (const dirent* entry = readdir(d))
    if (is_candidate(entry->d_name)) names.emplace_back(entry->d_name);
  closedir(d);
  std::sort(names.begin(), names.end());
  return names;
}

Record look_at(const std::string& directory, const std::string& file, const SearchConfig& config) {
  Record r;
  r.path = directory + (directory.back() == '/' ? "" : "/") + file;
  r.name = plugin_name(file);
  r.reason = denied_by(config.filter, r.name);
  if (!r.reason.empty()) {
    r.state = plugin_state::denied;
    return r;
  }
  r.reason = judge(r, config);
  if (r.reason.empty()) {
    r.state = plugin_state::found;
  } else {
    r.code = MU_INVALID;
  }
  return r;
}

}  // namespace

std::vector<Record> search(const SearchConfig& config) {
  std::vector<Record> records = config.ignored;
  for (const SearchDirectory& d : config.directories) {
    for (const std::string& file : candidates_in(d.path)) {
      Record r = look_at(d.path, file, config);
      const auto same_file = [&r](const Record& o) {
        return r.inode != 0 && o.inode == r.inode && o.device == r.device && o.name == r.name;
      };
      if (std::any_of(records.begin(), records.end(), same_file)) continue;
      if (r.state == plugin_state::found) {
        const auto same_name = [&r](const Record& o) { return o.state == plugin_state::found && o.name == r.name; };
        if (auto first = std::find_if(records.begin(), records.end(), same_name); first != records.end()) {
          r.state = plugin_state::shadowed;
          r.reason = "by " + first->path;
        }
      }
      records.push_back(std::move(r));
    }
  }
  return records;
}

}  // namespace mushin::core
