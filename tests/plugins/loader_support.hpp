// Folders with plugins in them, for the loader's tests.
#pragma once
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "loader/search.hpp"

namespace mushin::test {

namespace fs = std::filesystem;
using core::Record;

inline std::string fake(const std::string& name) { return std::string(MUSHIN_FAKE_PLUGINS) + "/mushin-" + name + ".so"; }

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void write_file(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

/// A folder of this test's own, removed with all that is in it.
class Folder {
 public:
  Folder() {
    std::string pattern = fs::temp_directory_path() / "mushin-loader-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }

  std::string path() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

  /// A copy of the fake plugin `name`, called mushin-`as`.so here.
  fs::path add(const std::string& name, const std::string& as) const {
    const fs::path to = path_ / ("mushin-" + as + ".so");
    write_file(to, read_file(fake(name)));
    return to;
  }
  fs::path add(const std::string& name) const { return add(name, name); }

 private:
  fs::path path_;
};

/// The mushin note inside a plugin's bytes.
inline std::size_t find_note(const std::string& bytes) {
  const std::uint32_t header[] = {sizeof MU_NOTE_OWNER, sizeof(mu_note), MU_NOTE_TYPE};
  const std::string mark =
      std::string(reinterpret_cast<const char*>(header), sizeof header) + std::string(MU_NOTE_OWNER, sizeof MU_NOTE_OWNER);
  const std::size_t at = bytes.find(mark);
  EXPECT_NE(at, std::string::npos);
  return at + sizeof header + 8;
}

/// A copy of mushin-good.so whose note is changed by `change`.
template <class Change>
void add_with_note(const Folder& folder, Change change) {
  std::string bytes = read_file(fake("good"));
  mu_note note;
  const std::size_t at = find_note(bytes);
  std::memcpy(&note, bytes.data() + at, sizeof note);
  change(note);
  std::memcpy(bytes.data() + at, &note, sizeof note);
  write_file(folder / "mushin-good.so", bytes);
}

inline core::SearchConfig config_for(const std::vector<std::string>& folders) {
  core::SearchConfig config;
  config.host = core::host_traits();
  for (const auto& f : folders) config.directories.push_back({f, "test"});
  return config;
}

inline std::vector<Record> search_in(const Folder& folder) { return core::search(config_for({folder.path()})); }

/// The only record of a search in `folder`.
inline Record only_record(const Folder& folder) {
  const auto records = search_in(folder);
  EXPECT_EQ(records.size(), 1u);
  return records.empty() ? Record() : records.front();
}

#define EXPECT_REFUSED(record, text)                                             \
  do {                                                                           \
    const Record refused_ = (record);                                            \
    EXPECT_EQ(refused_.state, plugin_state::skipped);                            \
    EXPECT_NE(refused_.reason.find(text), std::string::npos) << refused_.reason; \
  } while (false)

}  // namespace mushin::test
