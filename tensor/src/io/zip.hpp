#pragma once
// ZIP archives, by minizip over our own files.
#include <cstdint>
#include <exception>
#include <string>
#include <vector>

#include "io/files.hpp"

namespace mushin::io {

struct ZipMember {
  std::string name;
  std::uint64_t bytes, packed_bytes;  // as the directory says
  std::uint64_t position, number;     // of its line in the directory
};

/// An archive open for reading. One member is open at a time; not for several threads at once.
class ZipReader {
 public:
  /// FileError when the file is missing or has no directory that could be a ZIP archive's, a member is encrypted or packed in another way
  /// than stored or deflated, or its name isn't UTF-8.
  ZipReader(const char* op, const char* path);
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;
  ~ZipReader();

  const char* op() const { return file_.op(); }
  const std::string& path() const { return file_.path(); }
  const std::vector<ZipMember>& members() const { return members_; }

  /// Opens a member: the next read is of its first byte. FileError when its own header and the directory differ.
  void open(const ZipMember&);
  /// Where the packed bytes of the open member begin in the file.
  std::uint64_t data_offset() const;
  /// FileError unless all `bytes` can be unpacked.
  void read(void* to, std::size_t bytes);
  /// After the last byte: FileError unless the checksum is right.
  void close();

 private:
  struct Callbacks;
  [[noreturn]] void damaged(const char* what);
  void list_members();

  InputFile file_;
  std::uint64_t at_ = 0;
  std::exception_ptr failed_;  // of a callback, which must not throw
  bool cut_ = false;           // something should lie beyond the end of the file; minizip takes it for zeros
  void* zip_ = nullptr;        // null for an archive without members
  std::vector<ZipMember> members_;
  std::string open_;  // the member
};

/// An archive that appears under its name when it is complete.
class ZipWriter {
 public:
  ZipWriter(const char* op, const char* path);
  ZipWriter(const ZipWriter&) = delete;
  ZipWriter& operator=(const ZipWriter&) = delete;
  ~ZipWriter();

  /// A member of `bytes` bytes, all written by `write` before the next one begins.
  void begin(const std::string& name, std::uint64_t bytes, bool deflated);
  void write(const void* from, std::size_t bytes);
  void commit();

 private:
  struct Callbacks;
  void check(int code);

  std::string path_;
  const char* op_;
  AtomicFile file_;
  std::uint64_t at_ = 0, size_ = 0;
  std::exception_ptr failed_;
  void* zip_ = nullptr;
};

}  // namespace mushin::io
