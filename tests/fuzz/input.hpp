#pragma once
// What a fuzzer gives, as a file that a reader can open.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace mushin::fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : descriptor_(::memfd_create("input", MFD_CLOEXEC)) {
    for (std::size_t done = 0; done < size;) {
      const ssize_t put = ::write(descriptor_, data + done, size - done);
      if (put <= 0) __builtin_trap();
      done += static_cast<std::size_t>(put);
    }
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input() { ::close(descriptor_); }

  int descriptor() const { return descriptor_; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace mushin::fuzz
