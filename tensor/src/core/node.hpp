// What an untyped array is: a view of a block, a literal, a pointwise expression that nobody has needed yet, or a matrix
// product that waits for what is done with it.
#pragma once
#include <atomic>
#include <cassert>

#include "core/memory.hpp"
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

enum class State : std::uint8_t { buffer, literal, pending, product, opaque };

/// An order of elements that a device has chosen.
struct Layout {
  std::uint64_t id;  // the device's token; 0: strided
  std::uint64_t bytes;
  bool elementwise;  // a pointwise program may run over all of it, padding included
};

// A node's value never changes. Its state does, to buffer, or to opaque and then perhaps to buffer: under the evaluation lock, or (a
// product) by whoever claims it. Whoever loads `buffer` with acquire may read block, offset and stride without a lock; block and layout of
// what is opaque are read under the evaluation lock.
struct Node : NodeHead {
  std::atomic<State> state;
  bool contiguous;            // row-major without gaps; true of all that is no buffer
  bool floating;              // literal: of rank 0, and on whatever device the other operand is
  bool baked;                 // literal: part of the program's text
  std::atomic<bool> claimed;  // product: somebody computes it
  std::uint16_t op;           // pending: opcode
  std::uint16_t cost;         // pending: an upper bound of the instructions here and below, and so of the depth
  std::uint16_t value;        // the next three: of the linearisation `mark`, under the evaluation lock
  std::uint16_t edges;        // references seen by it
  std::uint16_t recording;    // the one that it was made in, or 0
  std::uint64_t mark;
  std::int64_t count;
  Block* block;
  std::uint64_t offset;  // bytes into the block
  std::uint64_t bits;    // literal: the value, in the low bytes; host devices read it here
  Node* arg[3];          // pending: operands; product: two with memory; buffer: [0] see packed()
  union {
    std::int64_t stride[max_rank];  // buffer: elements
    Layout layout;                  // opaque
  };
};

inline Node* node_of(const Array& a) { return static_cast<Node*>(a.node()); }
inline bool is_buffer(const Node* n) { return n->state.load(std::memory_order_acquire) == State::buffer; }
inline bool is_literal(const Node* n) { return n->state.load(std::memory_order_acquire) == State::literal; }
inline bool is_product(const Node* n) { return n->state.load(std::memory_order_acquire) == State::product; }
inline bool is_opaque(const Node* n) { return n->state.load(std::memory_order_acquire) == State::opaque; }
inline std::uint32_t refs_of(const Node* n) { return __atomic_load_n(&n->refs, __ATOMIC_ACQUIRE); }
inline Array share(Node* n) {
  add_ref(n);
  return Array(n);
}

inline void add_ref(Block* b) noexcept { count_up(b->refs); }
inline void drop_ref(Block* b) noexcept {
  if (count_down(b->refs)) release(b);
}

/// One reference; arg and block are null, all else is to be written.
Node* new_node();

/// 4 bits for a dtype, different ones for each.
constexpr unsigned code_of(dtype t) {
  const auto v = static_cast<std::uint32_t>(t);
  return (v ^ v >> 8 ^ v >> 12) & 15u;
}
constexpr bool codes_differ() {
  unsigned seen = 0;
  for (dtype t : all_dtypes) {
    if (seen >> code_of(t) & 1u) return false;
    seen |= 1u << code_of(t);
  }
  return true;
}
static_assert(codes_differ());

/// Row-major strides.
inline void set_contiguous(Node* n) {
  std::int64_t s = 1;
  for (unsigned i = n->sizes.rank; i-- > 0;) {
    n->stride[i] = s;
    s *= n->sizes.at[i];
  }
  n->contiguous = true;
}
/// Whether the strides of a buffer are row-major wherever they matter.
bool strides_are_contiguous(const Node*);

/// Memory for all elements of a node.
inline Block* block_for(const Node* n, const char* op) {
  return allocate(n->device, static_cast<std::size_t>(n->count) * bytes_of(n->type), op);
}
/// A contiguous buffer with memory whose contents are unspecified, for `op` (a text that stays).
Array fresh_array(Device*, dtype, const Sizes&, std::int64_t count, const char* op = "allocate");
/// The same for values that are uploaded at once.
Array array_to_fill(Device*, dtype, const Sizes&, std::int64_t count, const char* op);
/// Another view of a buffer's block; its stride, offset, sizes and count are the source's until the caller changes them.
Node* new_view(const Node*);
/// After changing a view's sizes and strides.
void finish_view(Node*);

/// The value has memory now: block, offset, row-major strides. Lets go of the operands.
void become_buffer(Node*, Block*, std::uint64_t offset);
/// The same in a layout of the device's own.
void become_opaque(Node*, Block*, const Layout&);

/// The operand as a buffer: evaluates what is pending, makes strided what is opaque, writes a literal out on `device` (null: its own).
Array buffer_of(const Array&, Device* device = nullptr);
/// The same, but what is opaque stays so.
Array in_memory(const Array&, Device*);

}  // namespace mushin::core
