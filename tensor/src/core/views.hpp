// From nodes to the views that plans take.
#pragma once
#include <cstring>

#include "core/capture.hpp"
#include "core/node.hpp"
#include "mushin/plugin.h"

namespace mushin::core {

// An iteration space with neighbouring axes merged wherever every operand walks them as one.
struct Space {
  static constexpr unsigned most = 17;  // 16 inputs and an output
  unsigned rank;
  std::int64_t dim[max_rank];
  std::int64_t stride[most][max_rank];
};

/// `sizes` collapsed for `operands`, whose sizes broadcast to it from the right (literals: stride 0), and, where `last` isn't
/// null, for one more operand with the strides `last`.
void collapse(const Sizes& sizes, const Node* const* operands, unsigned count, const std::int64_t* last, Space& space);

inline std::uint32_t abi(dtype t) { return static_cast<std::uint32_t>(t); }

// What is the same for every view of a node. `dim` and `stride` are written only as far as the rank goes: copying or
// clearing 176 bytes an operand would be the dearest part of a small op.
inline void view_head(mu_tensor& v, dtype type, unsigned rank) {
  const std::uint64_t first = sizeof v | std::uint64_t{abi(type)} << 32, second = rank;  // layout: strided; flags: none
  std::memcpy(&v.size, &first, sizeof first);
  std::memcpy(&v.rank, &second, sizeof second);
  v.layout_id = 0;
}
/// Where `offset` bytes into the block are.
inline void locate(mu_tensor& v, const Block* b, std::uint64_t offset) {
  v.buffer = b->buffer;
  v.byte_offset = b->begin + offset;
  v.bytes = b->bytes - offset;
}
/// The same of a view that a plan is about to get.
inline void view_memory(mu_tensor& v, const Block* b, std::uint64_t offset) {
  locate(v, b, offset);
  if (capturing()) capture::viewed(b);
}
/// A literal that isn't baked: the node's own memory, or a block on a device that cannot read it. Under the evaluation lock.
inline void view_literal(mu_tensor& v, Node* literal, Device* device);
void upload_literal(mu_tensor& v, Node* literal, Device* device);
/// Memory of a device with its own that begins with these bits: the caller's reference. Nobody writes to it.
Block* number_on(Device*, std::uint64_t bits);

/// A buffer in its own sizes and strides.
void view_of(mu_tensor& v, const Node* buffer);
/// A buffer broadcast to `sizes` (of its own rank or more).
void view_broadcast(mu_tensor& v, const Node* buffer, const Sizes& sizes);

inline void view_literal(mu_tensor& v, Node* n, Device* device) {
  if (!device->host_memory) return upload_literal(v, n, device);
  v.buffer = reinterpret_cast<mu_buffer*>(&n->bits);
  v.byte_offset = 0;
  v.bytes = sizeof n->bits;
}

}  // namespace mushin::core
