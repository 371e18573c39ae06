#pragma once
// A file from its beginning to its end, plain or compressed by gzip: zlib reads plain files as they are, so one reader does for both.
#include <fmt/format.h>
#include <zlib.h>

#include <memory>
#include <string>
#include <utility>

#include "mushin/tensor/error.hpp"

namespace mushin::data {

/// Throws FileError with the formatted text.
template <class... A>
[[noreturn]] void refuse(fmt::format_string<A...> form, A&&... values) {
  throw FileError(fmt::format(form, std::forward<A>(values)...).c_str());
}

class Stream {
 public:
  /// FileError when it can't be opened; `op` and `path` are for the texts, and borrowed.
  Stream(const char* op, const char* path);

  /// How many of `bytes` were there. FileError where the file is damaged.
  std::size_t read_some(void* to, std::size_t bytes);
  /// FileError unless all were there; `what` they are.
  void read(void* to, std::size_t bytes, const char* what);
  /// All that is left. FileError when that is more than `most` bytes.
  std::string read_all(std::int64_t most);

 private:
  const char *op_, *path_;
  std::unique_ptr<gzFile_s, int (*)(gzFile)> file_;
};

}  // namespace mushin::data
