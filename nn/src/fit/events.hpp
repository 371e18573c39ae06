#pragma once
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace mushin::nn::detail {

/// FileError with the reason that errno tells.
[[noreturn]] void refuse_write(const char* what, const std::string& path);
/// The folder, and those that it is in.
void make_folder(const std::string& path);

/// A file that grows. It appears under its name, in place of another, with `begin` in it. What was written is with the operating system
/// after each write.
class OutputFile {
 public:
  OutputFile(const std::string& path, const std::string& begin);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();
  void write(const std::string& bytes);

 private:
  std::string path_;
  std::FILE* file_;
};

struct Scalar {
  std::string tag;
  double value;
};

/// TensorBoard's event file: records of the TFRecord format (length, bytes, and masked CRC-32C of each), each an Event message.
/// https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto
class Events {
 public:
  /// A file of its own in the folder.
  explicit Events(const std::string& folder);
  /// All as one event.
  void add(std::int64_t step, const std::vector<Scalar>&);

 private:
  OutputFile file_;
};

}  // namespace mushin::nn::detail
