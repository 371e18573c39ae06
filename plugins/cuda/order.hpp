// Sorting, one position at a time: keys that order as the elements do, and where each element of a row goes.
#pragma once
#include "rows.hpp"

namespace mushin::cuda {

/// How an element's bits become its key, an unsigned number in as many bits. -0 has the key of 0, all NaN have the greatest.
struct KeyRule {
  int bytes = 0;               // of an element: 8 where keys have 64 bits, else up to 4
  std::uint64_t sign = 0;      // the type's sign bit; 0: it has none
  std::uint64_t infinity = 0;  // its bits; 0: no float
  bool descending = false;     // all bits are flipped
};
enum class KeyType : int { u32, u64 };

template <class Key>
MUSHIN_BOTH Key key_of(const KeyRule& r, Key bits) {
  const Key all = static_cast<Key>(static_cast<Key>(~Key{0}) >> 8 * (static_cast<int>(sizeof(Key)) - r.bytes));
  const Key sign = static_cast<Key>(r.sign), infinity = static_cast<Key>(r.infinity);
  Key key = bits ^ sign;
  if (infinity) {
    const Key size = bits & ~sign;
    key = size == 0 ? sign : size > infinity ? all : bits & sign ? bits ^ all : bits | sign;
  }
  return r.descending ? key ^ all : key;
}
template <class Key>
MUSHIN_BOTH Key load_key(const KeyRule& r, const char* from, Index i) {
  if constexpr (sizeof(Key) == 8) return key_of<Key>(r, reinterpret_cast<const std::uint64_t*>(from)[i]);
  if (r.bytes == 4) return key_of<Key>(r, reinterpret_cast<const std::uint32_t*>(from)[i]);
  if (r.bytes == 2) return key_of<Key>(r, reinterpret_cast<const std::uint16_t*>(from)[i]);
  return key_of<Key>(r, reinterpret_cast<const std::uint8_t*>(from)[i]);
}

/// Rows to be ordered. Views of `rows`: 0 the elements, 1 the values, 2 the indices, which hold the first rows.n of each row.
struct Ordering {
  Rows rows;
  Index length = 0;  // of a row
  KeyRule rule;
  bool along = true;  // threads take neighbours of a row, rather than neighbouring rows
};

/// Element `i` of a row is number `place` in its order. Null: not asked for.
MUSHIN_BOTH void put(const Ordering& o, const char* from, char* values, std::int64_t* indices, const Offsets& row, Index place, Index i) {
  if (values) move_element(from, row.of[0] + i * o.rows.step[0], values, row.of[1] + place * o.rows.step[1], o.rule.bytes);
  if (indices) indices[row.of[2] + place * o.rows.step[2]] = i;
}

// ---- short rows: an element's place is the number of those before it ----

inline constexpr Index most_counted = 64;  // elements of a row

template <class Key>
MUSHIN_BOTH void place_by_counting(const Ordering& o, const char* from, char* values, std::int64_t* indices, Index element) {
  const Index rows = o.rows.walk.count, row = o.along ? element / o.length : element % rows;
  const Index i = o.along ? element % o.length : element / rows;
  const Offsets at = offsets(o.rows.walk, row);
  const auto key = [&](Index k) { return load_key<Key>(o.rule, from, at.of[0] + k * o.rows.step[0]); };
  const Key mine = key(i);
  Index place = 0;
  for (Index k = 0; k < i; ++k) place += key(k) <= mine;
  for (Index k = i + 1; k < o.length; ++k) place += key(k) < mine;
  if (place < o.rows.n) put(o, from, values, indices, at, place, i);
}

// ---- rows that a block of threads holds ----

struct Tile {
  int threads, items;  // of each thread
};
inline constexpr Tile tiles[] = {{64, 4}, {256, 4}, {512, 8}};
inline constexpr int tile_count = static_cast<int>(sizeof tiles / sizeof *tiles);
/// The least with room for a row; tile_count: none has.
constexpr int tile_for(Index length) {
  int t = 0;
  while (t < tile_count && Index{tiles[t].threads} * tiles[t].items < length) ++t;
  return t;
}

// ---- the first few of longer rows: those of its parts, and of these the first few again ----

/// A pass: what is looked at of each row, `length` positions, in parts that a tile holds. `positions`: of the elements, one row behind the
/// other; null: all of a row. What is first goes to the results, or, where `next` isn't null, its positions go there.
struct Pass {
  Index length = 0, parts = 1;
  const std::uint32_t* positions = nullptr;
  std::uint32_t* next = nullptr;
};
inline constexpr Index most_of_part = Index{tiles[tile_count - 1].threads} * tiles[tile_count - 1].items;
inline constexpr Index most_first = most_of_part / 8;  // of a row, so that a pass leaves an eighth at most
MUSHIN_BOTH constexpr Index parts_of(Index length) { return (length + most_of_part - 1) / most_of_part; }
/// How many positions a pass over more than a part leaves of a row, where k are asked for.
MUSHIN_BOTH constexpr Index left_of(Index length, Index k) {
  const Index whole = parts_of(length) - 1, last = length - whole * most_of_part;
  return whole * k + (last < k ? last : k);
}

// ---- longer rows: some at once, by the keys of all, and then by their rows ----

/// Of `rows`: as many as fill a device, and at least one, for whose elements there is workspace.
constexpr Index rows_at_once(Index length, Index rows) {
  constexpr Index enough = Index{1} << 23;  // elements
  const Index n = length < enough ? enough / length : 1;
  return n < rows ? n : rows;
}
/// The bits that numbers below `n` have.
constexpr int bits_below(Index n) {
  int bits = 0;
  while (bits < 63 && Index{1} << bits < n) ++bits;
  return bits;
}

/// Position `p` of the rows from `first` on, one behind the other.
template <class Key>
MUSHIN_BOTH Key key_at(const Ordering& o, const char* from, Index first, Index p) {
  const Offsets at = offsets(o.rows.walk, first + p / o.length);
  return load_key<Key>(o.rule, from, at.of[0] + p % o.length * o.rows.step[0]);
}
/// Number `q` of what the results of the rows from `first` on hold. `order`: positions, ordered by row.
MUSHIN_BOTH void take(const Ordering& o, const char* from, char* values, std::int64_t* indices, const std::uint32_t* order, Index first,
                      Index q) {
  const Index row = q / o.rows.n, place = q % o.rows.n, begin = row * o.length;
  put(o, from, values, indices, offsets(o.rows.walk, first + row), place, order[begin + place] - begin);
}

}  // namespace mushin::cuda
