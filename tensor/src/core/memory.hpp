// Caching allocator: freed blocks keep their memory and wait in the list of their size class.
#pragma once
#include <cstddef>
#include <cstdint>

#include "devices/device_state.hpp"

namespace mushin::core {

/// Memory on one device. On a device with host memory `data` is its address and `buffer` the same address, as the plugin boundary says.
struct Block {
  std::uint32_t refs;
  std::uint32_t size_class;
  std::byte* data;  // null where the host cannot reach it
  mu_buffer* buffer;
  std::size_t bytes;
  Device* device;  // whose cache it goes back to
  Block* next;
};

/// A block of at least `bytes`, with one reference. When the device has no more, its cache is drained and it is asked once more;
/// then OutOfMemory says what was asked for and what is in use. Host blocks are aligned to 64 bytes, from 1 MiB on to huge pages.
Block* allocate(Device*, std::size_t bytes);
/// Puts a block without references back.
void release(Block*) noexcept;

/// A block around memory of somebody else's, which is read and never written: in-place reuse leaves it alone. `let_go(owner)` is called
/// once, by whoever drops the last reference, in whatever thread. Devices with host memory only.
Block* adopt(Device*, const void* data, std::size_t bytes, void (*let_go)(void* owner), void* owner);
inline constexpr std::uint32_t foreign_class = ~0u;
inline bool is_foreign(const Block* b) noexcept { return b->size_class == foreign_class; }

struct MemoryStats {
  std::size_t in_use, cached, peak;  // bytes; what a thread keeps for its own next tensors (at most 1 MiB) counts as in use
};
MemoryStats memory_stats(const Device*);
/// Gives what is cached for the device back to it.
void drain_cache(Device*);

}  // namespace mushin::core
