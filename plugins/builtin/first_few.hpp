// The first k of many items, without a place in memory for each of the many.
#pragma once
#include <algorithm>

#include "order.hpp"
#include "order_kernels.hpp"

namespace mushin::builtin {

inline const KeyKernels<std::uint32_t>& kernels_of(std::uint32_t) { return keys_32(); }
inline const KeyKernels<std::uint64_t>& kernels_of(std::uint64_t) { return keys_64(); }

/// A bound is known beyond which a key isn't among the first k; the few keys that are not beyond it are kept, until they are too many.
template <class I>
class Few {
  using Key = typename I::Key;

 public:
  static constexpr std::int64_t most_shown = 4096;
  static constexpr std::int64_t room_for(std::int64_t k) { return 4 * k + 64; }
  /// Less work than to order all n.
  static bool fits(std::int64_t k, std::int64_t n) { return n >= 64 && k <= n / 8 && k <= most_shown / 8; }

  Few() = default;
  Few(I* items, std::int64_t k) : items_(items), k_(k) {}

  /// Keys of the indices `first`, `first` + 1, …, at most `most_shown`, in this order. `at`: room for n. `least`: room for room_for(k).
  void show(const Key* keys, std::int64_t n, std::int64_t first, std::uint32_t* at, Key* least) {
    if (closed_) return;
    if (held_ == 0) begin(keys, n, least);
    const std::int64_t found = kernels_of(Key{}).up_to(at, keys, n, bound_);
    for (std::int64_t j = 0; j < found; ++j) {
      if (held_ == room_for(k_)) drop();
      if (closed_) return;
      const Key key = keys[at[j]];
      if (key <= bound_) items_[held_++] = {static_cast<typename I::Index>(first + at[j]), key};
    }
  }
  /// The first k, in any order.
  I* first() {
    if (held_ > k_) std::nth_element(items_, items_ + k_ - 1, items_ + held_);
    return items_;
  }

 private:
  // The k-th of the least keys of some groups is no less than the k-th of all.
  void begin(const Key* keys, std::int64_t n, Key* least) {
    const std::int64_t groups = (4 * k_ + 15) / 16 * 16, rows = n / groups;
    if (rows < 2) return;
    kernels_of(Key{}).least(least, keys, groups, rows);
    std::nth_element(least, least + k_ - 1, least + groups);
    bound_ = least[k_ - 1];
  }
  // All but the first k. Of what is shown later nothing that equals the last of them is before it.
  void drop() {
    first();
    held_ = k_;
    const Key last = items_[k_ - 1].key;
    closed_ = last == 0, bound_ = static_cast<Key>(last - 1);
  }
  I* items_ = nullptr;
  std::int64_t k_ = 0, held_ = 0;
  Key bound_ = static_cast<Key>(~Key{0});
  bool closed_ = false;
};

}  // namespace mushin::builtin
