// Compiled programs on disk. Every failure is a miss: nothing here is an error.
#pragma once
#include <optional>

#include "compile.hpp"

namespace mushin::cuda::program {

class DiskCache {
 public:
  explicit DiskCache(std::string directory) : directory_(std::move(directory)) {}
  /// What was stored under this very key, whole and unchanged, by this user; else nothing.
  std::optional<Image> find(const std::string& key) const;
  /// Puts a file in place at once (temporary name, fsync, rename), so that other processes see all of it or none. Makes the directory.
  void store(const std::string& key, const Image&) const;
  std::string file_of(const std::string& key) const;

 private:
  std::string directory_;
};

}  // namespace mushin::cuda::program
