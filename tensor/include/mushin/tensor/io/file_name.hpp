#pragma once
#include <concepts>

namespace mushin {

/// A path as the operating system takes it: a literal, a std::string, a std::filesystem::path. Borrowed for the call.
struct FileName {
  const char* text;  ///< not owned; ends with NUL

  FileName(const char* path) : text(path) {}
  template <class Path>
  requires requires(const Path& p) {
    { p.c_str() } -> std::convertible_to<const char*>;
  }
  FileName(const Path& path) : text(path.c_str()) {}
};

}  // namespace mushin
