#include "io/files.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "io/refuse.hpp"

namespace mushin::io {

InputFile::InputFile(const char* op, const char* path) : op_(op), path_(path) {
  // O_NONBLOCK: a FIFO without a writer would wait here for ever.
  descriptor_ = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) refuse_errno(op, "open", path);
  struct stat status {};
  const bool known = ::fstat(descriptor_, &status) == 0;
  if (known && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
    return;
  }
  ::close(descriptor_);
  refuse("[{}] must be a regular file: {}", op, path);
}

InputFile::InputFile(InputFile&& other) noexcept
    : op_(other.op_), path_(std::move(other.path_)), size_(other.size_), descriptor_(std::exchange(other.descriptor_, -1)) {}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InputFile::read(std::uint64_t offset, void* to, std::size_t bytes) const {
  auto* out = static_cast<char*>(to);
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t got = ::pread(descriptor_, out + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse_errno(op_, "read", path_.c_str());
    if (got == 0) refuse("[{}] the file ended early: {} wanted {} bytes at {}, got {}", op_, path_, bytes, offset, done);
    done += static_cast<std::size_t>(got);
  }
}

Mapping::Mapping(const InputFile& file) : size_(file.size_) {
  void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor_, 0);
  if (at == MAP_FAILED) refuse_errno(file.op_, "map", file.path_.c_str());
  data_ = static_cast<std::byte*>(at);
}

Mapping::~Mapping() { ::munmap(data_, size_); }

AtomicFile::AtomicFile(const char* op, const char* path) : op_(op), path_(path) {
  static std::atomic<unsigned> counter{0};
  // A name taken by a process that died with our number is skipped.
  do {
    temporary_ = fmt::format("{}.{}-{}.part", path_, ::getpid(), counter++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) refuse_errno(op, "create", path);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const void* from, std::size_t bytes) { write_at(end_, from, bytes); }

void AtomicFile::write_at(std::uint64_t offset, const void* from, std::size_t bytes) {
  const auto* in = static_cast<const char*>(from);
  while (bytes > 0) {
    const ssize_t put = ::pwrite(descriptor_, in, bytes, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) refuse_errno(op_, "write", path_.c_str());
    in += put;
    offset += static_cast<std::uint64_t>(put);
    bytes -= static_cast<std::size_t>(put);
  }
  end_ = std::max(end_, offset);
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) refuse_errno(op_, "write", path_.c_str());
  if (::close(std::exchange(descriptor_, -1)) != 0) refuse_errno(op_, "write", path_.c_str());
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) refuse_errno(op_, "rename to", path_.c_str());
  temporary_.clear();
  // The file is complete; syncing its directory only makes the new name survive a power cut, so a refusal is no error.
  const auto slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  const int at = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (at < 0) return;
  ::fsync(at);
  ::close(at);
}

}  // namespace mushin::io
