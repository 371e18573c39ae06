#include "cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace mushin::cuda::program {
namespace {

struct Header {
  char magic[8];
  std::uint64_t key_bytes, image_bytes, is_ptx, checksum;
};
constexpr char magic[8] = {'M', 'U', 'S', 'H', 'I', 'N', 'K', '1'};
constexpr std::int64_t most_bytes = std::int64_t{1} << 28;

std::uint64_t hash(std::uint64_t h, const void* data, std::size_t n) {
  const auto* p = static_cast<const unsigned char*>(data);
  for (std::size_t i = 0; i < n; ++i) h = (h ^ p[i]) * 0x100000001B3u, h ^= h >> 29;
  return h;
}

std::uint64_t checksum(const Header& h, const char* key, const char* image) {
  std::uint64_t sum = hash(0xCBF29CE484222325u, &h, offsetof(Header, checksum));
  sum = hash(sum, key, h.key_bytes);
  return hash(sum, image, h.image_bytes);
}

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool read_all(int fd, char* to, std::size_t n) {
  while (n > 0) {
    const ssize_t got = ::read(fd, to, n);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got, n -= static_cast<std::size_t>(got);
  }
  return true;
}
bool write_all(int fd, const char* from, std::size_t n) {
  while (n > 0) {
    const ssize_t done = ::write(fd, from, n);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    from += done, n -= static_cast<std::size_t>(done);
  }
  return true;
}

// A plain file of this user that nobody else may write: what is loaded from it runs.
bool is_trusted(const struct stat& s) { return S_ISREG(s.st_mode) && s.st_uid == ::geteuid() && (s.st_mode & (S_IWGRP | S_IWOTH)) == 0; }

std::optional<std::vector<char>> contents(const std::string& path) {
  const File f(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat s;
  if (f.fd() < 0 || ::fstat(f.fd(), &s) != 0 || !is_trusted(s)) return {};
  if (s.st_size < static_cast<off_t>(sizeof(Header)) || s.st_size > most_bytes) return {};
  std::vector<char> bytes(static_cast<std::size_t>(s.st_size));
  if (!read_all(f.fd(), bytes.data(), bytes.size())) return {};
  return bytes;
}

void make_directories(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) ::mkdir(path.substr(0, at).c_str(), 0700);
  ::mkdir(path.c_str(), 0700);
}

}  // namespace

std::string DiskCache::file_of(const std::string& key) const {
  char name[48];
  std::snprintf(name, sizeof name, "/%016llx%016llx.kernel", static_cast<unsigned long long>(hash(1, key.data(), key.size())),
                static_cast<unsigned long long>(hash(0x9E3779B97F4A7C15u, key.data(), key.size())));
  return directory_ + name;
}

std::optional<Image> DiskCache::find(const std::string& key) const {
  if (directory_.empty()) return {};
  const std::optional<std::vector<char>> bytes = contents(file_of(key));
  if (!bytes) return {};
  Header h;
  std::memcpy(&h, bytes->data(), sizeof h);
  const std::size_t rest = bytes->size() - sizeof h;
  if (std::memcmp(h.magic, magic, sizeof magic) != 0 || h.key_bytes > rest || h.image_bytes != rest - h.key_bytes || h.is_ptx > 1)
    return {};
  const char *stored = bytes->data() + sizeof h, *image = stored + h.key_bytes;
  if (h.key_bytes != key.size() || std::memcmp(stored, key.data(), key.size()) != 0 || h.checksum != checksum(h, stored, image)) return {};
  return Image{{image, image + h.image_bytes}, h.is_ptx == 1, true};
}

void DiskCache::store(const std::string& key, const Image& image) const {
  static std::atomic<unsigned> number{0};
  if (directory_.empty()) return;
  make_directories(directory_);
  const std::string path = file_of(key);
  const std::string temporary = path + "." + std::to_string(::getpid()) + "." + std::to_string(number++);
  Header h{};
  std::memcpy(h.magic, magic, sizeof magic);
  h.key_bytes = key.size(), h.image_bytes = image.bytes.size(), h.is_ptx = image.is_ptx;
  h.checksum = checksum(h, key.data(), image.bytes.data());
  bool done = false;
  {
    const File f(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (f.fd() < 0) return;
    done = write_all(f.fd(), reinterpret_cast<const char*>(&h), sizeof h) && write_all(f.fd(), key.data(), key.size()) &&
           write_all(f.fd(), image.bytes.data(), image.bytes.size()) && ::fsync(f.fd()) == 0;
  }
  if (!done || ::rename(temporary.c_str(), path.c_str()) != 0) ::unlink(temporary.c_str());
}

std::string cache_directory(const char* cache_dir, const char* xdg_cache_home, const char* home) {
  const auto absolute = [](const char* p) { return p && p[0] == '/'; };
  if (absolute(cache_dir)) return cache_dir;
  if (absolute(xdg_cache_home)) return std::string(xdg_cache_home) + "/mushin";
  return absolute(home) ? std::string(home) + "/.cache/mushin" : std::string();
}

}  // namespace mushin::cuda::program
