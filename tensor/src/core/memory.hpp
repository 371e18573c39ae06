// Caching allocator: freed blocks keep their memory and wait for the next who wants such a size.
#pragma once
#include <cstddef>
#include <cstdint>

#include "devices/device_state.hpp"
#include "mushin/tensor/device.hpp"

namespace mushin::core {

/// Memory on one device. On a device with host memory `data` is its address and `buffer` the same address, as the plugin boundary says;
/// elsewhere it is a part of a buffer.
struct Block {
  std::uint32_t refs;  // 0: nobody's
  std::uint32_t size_class;
  std::byte* data;  // null where the host cannot reach it
  mu_buffer* buffer;
  std::size_t bytes;
  Device* device;  // whose cache it goes back to
  Block* next;
  const char* op;              // who asked for it last
  std::size_t number;          // its place in the list of all
  std::uint64_t last_use = 0;  // Device::given when it was let go of: nothing after that uses it
  std::uint64_t begin = 0;     // bytes into the buffer; 0 in host memory
  // Under the cache's lock:
  Block* before = nullptr;                  // in a list of free ones
  Block *left = nullptr, *right = nullptr;  // what it was cut from, and what was cut from it
  bool cached = false;
};

/// A block of at least `bytes` for `op` (a text that stays), with one reference. When the device has no more, or more than
/// MUSHIN_MEMORY_LIMIT were in use, its cache is drained and it is asked once more; then OutOfMemory names the op, what was asked for, what
/// is in use, and the largest owners. Host blocks are aligned to 64 bytes, from 1 MiB on to huge pages. What was queued on the device
/// before comes before what the block is used for now.
Block* allocate(Device*, std::size_t bytes, const char* op = "allocate");
/// The same for values from the host. A block is preferred whose last use is known to be done, so that the upload waits for no computing.
Block* allocate_for_upload(Device*, std::size_t bytes, const char* op);
/// Puts a block without references back.
void release(Block*) noexcept;

/// A block around memory of somebody else's, which is read and never written: in-place reuse leaves it alone. `let_go(owner)` is called
/// once, by whoever drops the last reference, in whatever thread. Devices with host memory only.
Block* adopt(Device*, const void* data, std::size_t bytes, void (*let_go)(void* owner), void* owner);
inline constexpr std::uint32_t foreign_class = ~0u;
inline bool is_foreign(const Block* b) noexcept { return b->size_class == foreign_class; }

MemoryStats memory_stats(const Device*);
/// Gives what is cached for the device back to it, after waiting for all that may still use it.
void drain_cache(Device*);

/// "512", "64K", "1.5G": bytes, in powers of 1024. Error that names `variable` for other texts.
std::size_t parse_bytes(const char* variable, const char* text);

}  // namespace mushin::core
