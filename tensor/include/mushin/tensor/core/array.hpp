#pragma once
#include <cstdint>
#include <initializer_list>

#include "mushin/tensor/core/references.hpp"
#include "mushin/tensor/dtype.hpp"
#include "mushin/tensor/export.hpp"

namespace mushin::core {

/// At most this many axes.
inline constexpr unsigned max_rank = 8;

/// A shape at run time.
struct Sizes {
  std::int64_t at[max_rank];  // beyond rank: unspecified
  unsigned rank = 0;

  Sizes() = default;
  Sizes(std::initializer_list<std::int64_t> list) {
    for (auto n : list) push(n);
  }
  void push(std::int64_t n) {
    if (rank < max_rank) at[rank++] = n;
  }
  std::int64_t operator[](unsigned axis) const { return at[axis]; }
  std::int64_t count() const {
    std::int64_t n = 1;
    for (unsigned i = 0; i < rank; ++i) n *= at[i];
    return n;
  }
  bool operator==(const Sizes& o) const {
    if (rank != o.rank) return false;
    for (unsigned i = 0; i < rank; ++i)
      if (at[i] != o.at[i]) return false;
    return true;
  }
};

struct Device;  // one per opened device, lives as long as the process

/// What every node begins with; the rest is the core's own.
struct NodeHead {
  std::uint32_t refs;
  mushin::dtype type;
  Device* device;
  Sizes sizes;
};
struct Node;
MUSHIN_API void destroy(NodeHead*) noexcept;

inline void add_ref(NodeHead* n) noexcept { count_up(n->refs); }
inline void drop_ref(NodeHead* n) noexcept {
  if (count_down(n->refs)) destroy(n);
}

/// An untyped tensor: a shared handle to an immutable value. The value is a view of a buffer, a literal, or a pending
/// expression over other arrays that is evaluated when somebody needs its memory.
class MUSHIN_API Array {
 public:
  Array() noexcept = default;
  /// Takes over one reference.
  explicit Array(NodeHead* owned) noexcept : node_(owned) {}
  Array(const Array& o) noexcept : node_(o.node_) {
    if (node_) add_ref(node_);
  }
  Array(Array&& o) noexcept : node_(o.node_) { o.node_ = nullptr; }
  Array& operator=(const Array& o) noexcept {
    Array copy(o);
    return *this = static_cast<Array&&>(copy);
  }
  Array& operator=(Array&& o) noexcept {
    NodeHead* mine = node_;
    node_ = o.node_;
    o.node_ = mine;
    return *this;
  }
  ~Array() {
    if (node_) drop_ref(node_);
  }

  explicit operator bool() const noexcept { return node_ != nullptr; }
  NodeHead* node() const noexcept { return node_; }
  const Sizes& sizes() const noexcept { return node_->sizes; }
  unsigned rank() const noexcept { return node_->sizes.rank; }
  mushin::dtype type() const noexcept { return node_->type; }
  Device* device() const noexcept { return node_->device; }

 private:
  NodeHead* node_ = nullptr;
};

/// A number that is to become an element: exact for whole ones of 64 bits, a double else.
struct Number {
  double real;
  std::int64_t whole;  // where `is_whole`
  bool is_whole;

  constexpr Number(double v) : real(v), whole(0), is_whole(false) {}
  constexpr Number(int v) : Number(static_cast<long long>(v)) {}
  constexpr Number(long v) : Number(static_cast<long long>(v)) {}
  constexpr Number(long long v) : real(static_cast<double>(v)), whole(v), is_whole(true) {}
  constexpr Number(unsigned v) : Number(static_cast<long long>(v)) {}
  constexpr Number(unsigned long v) : Number(static_cast<unsigned long long>(v)) {}
  constexpr Number(unsigned long long v) : real(static_cast<double>(v)), whole(static_cast<std::int64_t>(v)), is_whole(v <= INT64_MAX) {}
};

/// A scalar of rank 0 that is part of the program text where it is one of few well-known values, and a rank-0 input
/// elsewhere. Rounded once to a float type; the nearest value of an integer type.
MUSHIN_API Array literal(Number value, dtype);

/// A copy of `values` (row-major, `sizes.count()` of them) on the default device.
MUSHIN_API Array from_values(const Sizes& sizes, dtype, const void* values);
/// All elements `value`, on the default device.
MUSHIN_API Array full(const Sizes& sizes, dtype, Number value);

/// Evaluates, waits, and copies all elements, row-major, to `to` (`sizes().count()` elements).
MUSHIN_API void read_all(const Array&, void* to);
/// Evaluates, waits, and copies one element. ShapeError when an index is outside its axis; `op` is for its text.
MUSHIN_API void read_one(const char* op, const Array&, const std::int64_t* index, void* to);
/// Starts whatever computes the value, so that it has memory. Several: in one pass where their shapes are equal.
MUSHIN_API void evaluate(const Array&);
MUSHIN_API void evaluate(const Array* arrays, unsigned count);
/// Whether the value is a pointwise expression that waits to become part of a larger one. Else it has, or needs, memory of its own.
MUSHIN_API bool is_expression(const Array&) noexcept;
/// How the axes of a value without gaps lie in memory: axes as hexadecimal digits, the outermost in the lowest one. 0: row-major, or neither.
MUSHIN_API std::uint32_t memory_order(const Array&) noexcept;
/// `*to[i] = from[i]` for each i, evaluated together; reuses the memory of an old `*to[i]` that nobody else sees. Some may be empty.
MUSHIN_API void assign(Array* const* to, const Array* from, unsigned count);

/// ShapeError unless `sizes[i] == expected[i]` wherever `expected[i]` isn't -1.
MUSHIN_API void check_sizes(const char* op, const Sizes& sizes, std::initializer_list<std::int64_t> expected);
/// ShapeError unless axis `i` counted from the last is equal in both for each bit `i` of `axes`.
MUSHIN_API void check_equal(const char* op, const Sizes& a, const Sizes& b, unsigned axes);

}  // namespace mushin::core
