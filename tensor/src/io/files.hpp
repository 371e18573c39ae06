#pragma once
// Files as the io functions need them: read exactly, written whole or not at all.
#include <cstddef>
#include <cstdint>
#include <string>

namespace mushin::io {

/// A regular file open for reading. `op` is what errors begin with.
class InputFile {
 public:
  InputFile(const char* op, const char* path);
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&&) = delete;
  ~InputFile();

  const char* op() const { return op_; }
  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  /// FileError unless all `bytes` are there.
  void read(std::uint64_t offset, void* to, std::size_t bytes) const;

 private:
  friend class Mapping;
  const char* op_;
  std::string path_;
  std::uint64_t size_ = 0;
  int descriptor_ = -1;
};

/// A file as memory that can be read. Pages come when they are touched; a file that is cut meanwhile kills the process that touches them.
class Mapping {
 public:
  /// FileError when the operating system refuses. The file isn't empty.
  explicit Mapping(const InputFile&);
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  const std::byte* data() const { return data_; }

 private:
  std::byte* data_;
  std::size_t size_;
};

/// A file that appears under its name when it is complete: written beside it, synced, renamed. Without `commit()` nothing is left.
class AtomicFile {
 public:
  AtomicFile(const char* op, const char* path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  /// At the end.
  void write(const void* from, std::size_t bytes);
  void write_at(std::uint64_t offset, const void* from, std::size_t bytes);
  void commit();

 private:
  const char* op_;
  std::string path_, temporary_;
  std::uint64_t end_ = 0;
  int descriptor_ = -1;
};

}  // namespace mushin::io
