#include "data/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mushin::data {

Stream::Stream(const char* op, const char* path) : op_(op), path_(path), file_(gzopen(path, "rbe"), gzclose_r) {
  if (!file_) refuse("[{}] cannot open: {}: {}", op, path, std::strerror(errno ? errno : ENOMEM));
  gzbuffer(file_.get(), 256 * 1024);
}

std::size_t Stream::read_some(void* to, std::size_t bytes) {
  const int got = gzread(file_.get(), to, static_cast<unsigned>(bytes));
  int code = Z_OK;
  const char* reason = gzerror(file_.get(), &code);
  if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
    refuse("[{}] the file must be whole: {}: {}", op_, path_, code == Z_ERRNO ? std::strerror(errno) : reason);
  return static_cast<std::size_t>(got);
}

void Stream::read(void* to, std::size_t bytes, const char* what) {
  const std::size_t got = read_some(to, bytes);
  if (got != bytes) refuse("[{}] the file ended early: {}, {} bytes of {}, got {}", op_, path_, bytes, what, got);
}

std::string Stream::read_all(std::int64_t most) {
  // In parts, so that memory is asked for what the file holds.
  constexpr std::size_t smallest = std::size_t{1} << 16, largest = std::size_t{1} << 24;
  std::string out;
  for (std::size_t done = 0;;) {
    out.resize(done + std::clamp(done, smallest, largest));
    const std::size_t got = read_some(out.data() + done, out.size() - done);
    done += got;
    if (std::cmp_greater(done, most)) refuse("[{}] a file must not be larger than allowed: {} has more than {} bytes", op_, path_, most);
    if (got == 0) {
      out.resize(done);
      return out;
    }
  }
}

}  // namespace mushin::data
