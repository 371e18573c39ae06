// Keys in order, each beside its index, which settles equal ones: so there is but one result, whoever computes what of it.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include <sys/mman.h>

#include "common.hpp"

namespace mushin::builtin {

template <class K, class N>
struct Item {
  using Key = K;
  using Index = N;
  N index;
  K key;
  bool operator<(const Item& o) const {
    if constexpr (sizeof(Item) == 8 && std::endian::native == std::endian::little)
      return std::bit_cast<std::uint64_t>(*this) < std::bit_cast<std::uint64_t>(o);
    else
      return key < o.key || (key == o.key && index < o.index);
  }
};

/// Memory for the time of a call: the thread's own where it is little. Null: there is none.
class Room {
 public:
  Room(int which, std::int64_t bytes) noexcept : own_(bytes > most_kept) {
    try {
      data_ = own_ ? fresh(static_cast<std::size_t>(bytes)) : scratch(which, static_cast<std::size_t>(bytes));
    } catch (...) {
      data_ = nullptr;
    }
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() {
    if (own_) std::free(data_);
  }
  explicit operator bool() const { return data_ != nullptr; }
  /// What begins at a byte, which is a multiple of 64.
  template <class T>
  T* at(std::int64_t byte) const {
    return reinterpret_cast<T*>(static_cast<char*>(data_) + byte);
  }

 private:
  static constexpr std::int64_t most_kept = 4 << 20;
  static void* fresh(std::size_t bytes) {
    constexpr std::size_t page = 2 << 20;
    const std::size_t size = (bytes + page - 1) / page * page;
    void* p = std::aligned_alloc(page, size);
    if (p) madvise(p, size, MADV_HUGEPAGE);
    return p;
  }
  bool own_;
  void* data_ = nullptr;
};
constexpr std::int64_t rounded(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

template <unsigned bits, class I>
unsigned digit(const I& item, unsigned d) {
  return static_cast<unsigned>(item.key >> (bits * d)) & ((1u << bits) - 1);
}

// By one digit of the key's low `key_bits` after the other, the lowest first; one that all keys share is skipped. The result may lie in
// either.
template <unsigned bits, class I>
I* radix_sort(I* items, I* room, std::int64_t n, unsigned key_bits) {
  constexpr unsigned digits = (8 * sizeof(typename I::Key) + bits - 1) / bits;
  constexpr unsigned values = 1u << bits;
  const unsigned used = (key_bits + bits - 1) / bits;
  typename I::Index starts[digits][values];
  std::memset(starts, 0, used * sizeof starts[0]);
  for (std::int64_t i = 0; i < n; ++i)
    for (unsigned d = 0; d < used; ++d) ++starts[d][digit<bits>(items[i], d)];
  for (unsigned d = 0; d < used; ++d) {
    auto* start = starts[d];
    if (static_cast<std::int64_t>(start[digit<bits>(items[0], d)]) == n) continue;
    typename I::Index sum = 0;
    for (unsigned v = 0; v < values; ++v) {
      const auto count = start[v];
      start[v] = sum, sum += count;
    }
    for (std::int64_t i = 0; i < n; ++i) room[start[digit<bits>(items[i], d)]++] = items[i];
    std::swap(items, room);
  }
  return items;
}

// Each item's place is the number of those before it.
template <class I>
I* sort_few(const I* items, I* room, std::int64_t n) {
  unsigned place[16] = {};
  for (unsigned i = 1; i < n; ++i)
    for (unsigned j = 0; j < i; ++j) {
      const bool before = items[j].key <= items[i].key;
      place[i] += before, place[j] += !before;
    }
  for (unsigned i = 0; i < n; ++i) room[place[i]] = items[i];
  return room;
}

/// All n in order, in `items` or in `room`. Given in the order of their indices.
template <class I>
I* order(I* items, I* room, std::int64_t n, unsigned key_bits) {
  // The counts of a radix sort cost more than the comparisons of a few.
  constexpr std::int64_t radix_from = sizeof(typename I::Key) == 8 ? 256 : 96, wide_from = 1 << 14;
  if (n <= 16) return sort_few(items, room, n);
  if (n >= wide_from && key_bits > 8) return radix_sort<11>(items, room, n, key_bits);
  if (n >= radix_from) return radix_sort<8>(items, room, n, key_bits);
  std::sort(items, items + n);
  return items;
}

/// The same by all threads. `counts`: room for 2048 for each chunk.
template <class I>
class LongOrder {
 public:
  static constexpr unsigned bits = 11, values = 1u << bits;
  static constexpr std::int64_t chunk_of(std::int64_t n) { return most(1 << 16, n / 256); }
  static constexpr std::int64_t chunks_of(std::int64_t n) { return (n + chunk_of(n) - 1) / chunk_of(n); }
  static constexpr std::int64_t counts_bytes(std::int64_t n) {
    return rounded(chunks_of(n) * values * static_cast<std::int64_t>(sizeof(typename I::Index)));
  }

  LongOrder(std::int64_t n, typename I::Index* counts) : n_(n), chunk_(chunk_of(n)), chunks_(chunks_of(n)), counts_(counts) {}

  I* run(I* items, I* room, unsigned key_bits) const {
    for (unsigned d = 0; d * bits < key_bits; ++d) {
      parallel(n_, chunk_, [&](std::int64_t b, std::int64_t e) { count(items, d, b, e); });
      if (!starts()) continue;
      parallel(n_, chunk_, [&](std::int64_t b, std::int64_t e) { move(items, room, d, b, e); });
      std::swap(items, room);
    }
    return items;
  }

 private:
  auto* counts_at(std::int64_t begin) const { return counts_ + begin / chunk_ * values; }
  void count(const I* items, unsigned d, std::int64_t b, std::int64_t e) const {
    auto* counts = counts_at(b);
    std::memset(counts, 0, values * sizeof *counts);
    for (; b < e; ++b) ++counts[digit<bits>(items[b], d)];
  }
  // From how many there are to where they go. False: all have one digit.
  bool starts() const {
    typename I::Index sum = 0;
    for (unsigned v = 0; v < values; ++v) {
      const auto before = sum;
      for (std::int64_t c = 0; c < chunks_; ++c) sum += std::exchange(counts_[c * values + v], sum);
      if (static_cast<std::int64_t>(sum - before) == n_) return false;
    }
    return true;
  }
  void move(const I* items, I* room, unsigned d, std::int64_t b, std::int64_t e) const {
    auto* start = counts_at(b);
    for (; b < e; ++b) room[start[digit<bits>(items[b], d)]++] = items[b];
  }
  std::int64_t n_, chunk_, chunks_;
  typename I::Index* counts_;
};

}  // namespace mushin::builtin
