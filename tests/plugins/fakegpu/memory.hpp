// Device memory of the fake. A handle points into pages that nobody may touch, so a host that takes it for an address traps; the bytes lie
// elsewhere, in an allocation of their own each, where AddressSanitizer sees a kernel that runs over the end.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "mushin/plugin.h"

namespace fakegpu {

struct Bytes {
  explicit Bytes(std::size_t);
  ~Bytes();
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  std::byte* data;
  std::size_t size;
  std::atomic<bool> freed{false};
};

class Memory {
 public:
  explicit Memory(std::uint64_t most);
  /// Filled with NaNs. Null: there is no more.
  mu_buffer* allocate(std::uint64_t bytes);
  /// False: it was no buffer.
  bool free(mu_buffer*);
  /// Null: it was freed, or is no buffer.
  std::shared_ptr<Bytes> find(mu_buffer*);
  std::uint64_t left();

 private:
  std::size_t number(mu_buffer*) const;  // beyond the list: no buffer

  std::mutex mutex_;
  std::byte* handles_;
  std::vector<std::shared_ptr<Bytes>> buffers_;
  std::uint64_t left_;
};

}  // namespace fakegpu
