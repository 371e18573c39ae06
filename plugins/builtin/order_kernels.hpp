// What ordering does with an element's key: an unsigned number that orders as the element does.
#pragma once
#include <cstdint>

namespace mushin::builtin {

template <class Key>
struct KeyKernels {
  /// least[j]: the least of keys[j], keys[j + groups], … of so many rows.
  void (*least)(Key* least, const Key* keys, std::int64_t groups, std::int64_t rows);
  /// Where the keys up to `bound` are, ascending; their number. `at`: room for n.
  std::int64_t (*up_to)(std::uint32_t* at, const Key* keys, std::int64_t n, Key bound);
};
const KeyKernels<std::uint32_t>& keys_32();
const KeyKernels<std::uint64_t>& keys_64();

/// keys[i] of from[i * step], with all bits flipped where `descending`. 64 bits for f64 and i64, else 32, of which the low ones matter that
/// the type has. All NaN have one key, the greatest; -0 has that of 0.
using MakeKeys = void (*)(void* keys, const void* from, std::int64_t step, std::int64_t n, bool descending);
/// In the order of Type.
MakeKeys make_keys(int type);

}  // namespace mushin::builtin
