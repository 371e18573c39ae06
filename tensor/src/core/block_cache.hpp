// The blocks of one memory: those in use, and the free ones by their size. A large free block is cut where a smaller one is wanted, and
// free neighbours become one again.
#pragma once
#include <array>
#include <bit>
#include <cstdint>
#include <mutex>
#include <vector>

#include "core/memory.hpp"

namespace mushin::core {

/// Every 64 bytes up to 1 KiB, then four an octave.
struct SizeClass {
  static constexpr std::uint32_t count = 16 + 4 * 38;
  std::uint32_t index;
  std::size_t bytes;

  /// The smallest that has room.
  static SizeClass above(std::size_t bytes) {
    constexpr std::size_t step_limit = 1024, step = 64;
    if (bytes <= step_limit) {
      const std::size_t k = bytes ? (bytes - 1) / step : 0;
      return {static_cast<std::uint32_t>(k), (k + 1) * step};
    }
    const unsigned octave = static_cast<unsigned>(std::bit_width(bytes - 1)) - 1;
    const std::size_t part = std::size_t{1} << (octave - 2), k = (bytes - 1 - (std::size_t{1} << octave)) / part;
    return {static_cast<std::uint32_t>(16 + (octave - 10) * 4 + k), (std::size_t{1} << octave) + (k + 1) * part};
  }
  /// The largest that such a block has room for.
  static std::uint32_t below(std::size_t bytes) {
    const SizeClass c = above(bytes);
    return c.bytes == bytes ? c.index : c.index - 1;
  }
};

/// Small blocks are whole, each with memory of its own: threads keep some for themselves.
inline constexpr std::size_t small_bytes = 16 << 10;
inline constexpr std::uint32_t small_classes = 16 + 4 * 4;

/// Where it says so, the caller has `lock`.
class BlockCache {
 public:
  std::mutex lock, draining;

  /// Counts a new block, in use. False: all would be more than `limit`. Takes the lock, as the next five.
  bool enter(Block*, std::size_t limit);
  /// The opposite, for one without neighbours.
  void forget(Block*) noexcept;
  /// A free block of the class, or a larger one cut. `done`: only what has no later last use. `any`: also where much is left over that
  /// nothing fits in, or a large block becomes many small ones. Null: there is none.
  Block* take(SizeClass, std::uint64_t done, bool any);
  /// A block that nobody has any more, joined with its free neighbours.
  void put(Block*) noexcept;
  /// All free blocks without neighbours, by `next`: the cache knows of them no longer.
  Block* take_whole() noexcept;
  MemoryStats stats();

  /// In use and free; under the lock.
  const std::vector<Block*>& all() const { return all_; }

 private:
  static constexpr std::size_t least_rest(std::size_t bytes) { return bytes / 8 > 20u << 10 ? bytes / 8 : 20u << 10; }
  static constexpr std::uint32_t most_octaves = 4;  // larger blocks stay whole for what is small beside them

  Block* find(SizeClass, std::uint64_t done, bool any) const noexcept;
  void cut(Block*, std::size_t bytes);
  Block* join(Block*, Block* right) noexcept;
  void link(Block*) noexcept;
  void unlink(Block*) noexcept;
  void list(Block*);
  void strike(const Block*) noexcept;
  void count_peak() noexcept {
    if (from_system_ - cached_ > peak_) peak_ = from_system_ - cached_;
  }

  std::array<Block*, SizeClass::count> free_{};
  std::vector<Block*> all_;
  std::size_t from_system_ = 0, cached_ = 0, peak_ = 0;
};

}  // namespace mushin::core
