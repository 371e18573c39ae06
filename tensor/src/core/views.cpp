#include "core/views.hpp"

#include <mutex>
#include <utility>

#include "core/failure.hpp"
#include "core/layouts.hpp"
#include "core/plans.hpp"

namespace mushin::core {

// The last numbers that were written to a device, each among the few that its bits choose: an optimiser asks for the same ones for every
// parameter.
struct Numbers {
  struct Entry {
    std::uint64_t bits, given;  // Device::given, when it had been written
    std::uint64_t used;         // the larger, the later; 0: never
    const Failure* settled;     // Device::settled when it was written
    Block* block;
  };
  static constexpr unsigned log_sets = 4, ways = 4;
  Entry at[1u << log_sets][ways];
  std::uint64_t uses;
};
static constinit std::mutex numbers_guard;  // of every device's

namespace {

// The stride of `n` along axis `axis` of a space of rank `rank`.
std::int64_t stride_in(const Node* n, unsigned axis, unsigned rank) {
  const unsigned missing = rank - n->sizes.rank;
  assert(!is_opaque(n));
  if (axis < missing || n->sizes.at[axis - missing] == 1) return 0;
  return is_buffer(n) ? n->stride[axis - missing] : 0;
}

}  // namespace

void collapse(const Sizes& sizes, const Node* const* operands, unsigned count, const std::int64_t* last, Space& d) {
  const unsigned all = count + (last ? 1 : 0);
  d.rank = 0;
  for (unsigned i = 0; i < sizes.rank; ++i) {
    const std::int64_t n = sizes.at[i];
    if (n == 1) continue;
    std::int64_t s[Space::most];
    bool merge = d.rank > 0;
    for (unsigned k = 0; k < all; ++k) {
      s[k] = k < count ? stride_in(operands[k], i, sizes.rank) : last[i];
      if (merge && d.stride[k][d.rank - 1] != s[k] * n) merge = false;
    }
    if (!merge) d.dim[d.rank++] = 1;
    d.dim[d.rank - 1] *= n;
    for (unsigned k = 0; k < all; ++k) d.stride[k][d.rank - 1] = s[k];
  }
  if (d.rank) return;
  d.rank = 1;
  d.dim[0] = 1;
  for (unsigned k = 0; k < all; ++k) d.stride[k][0] = 1;
}

Block* number_on(Device* device, std::uint64_t bits) {
  const std::lock_guard lock(numbers_guard);
  if (!device->numbers) device->numbers = new Numbers{};
  auto& set = device->numbers->at[bits * 0x9e3779b97f4a7c15u >> (64 - Numbers::log_sets)];
  const std::uint64_t now = ++device->numbers->uses;
  Numbers::Entry* oldest = set;
  for (Numbers::Entry& e : set) {
    if (e.block && e.bits == bits && !failed_since(device, e.settled, e.given)) {
      e.used = now;
      add_ref(e.block);
      return e.block;
    }
    if (e.used < oldest->used) oldest = &e;
  }
  const NotRecorded quiet;
  const Failure* const settled = device->settled.load(std::memory_order_acquire);
  Held made(allocate(device, sizeof bits, "literal"));
  upload_in_order("literal", made.block, 0, &bits, sizeof bits);
  std::swap(oldest->block, made.block);
  oldest->bits = bits, oldest->given = device->given.load(std::memory_order_relaxed), oldest->used = now, oldest->settled = settled;
  add_ref(oldest->block);
  return oldest->block;
}

void upload_literal(mu_tensor& v, Node* n, Device* device) {
  if (n->block && n->block->device != device) drop_ref(std::exchange(n->block, nullptr));
  if (!n->block) n->block = number_on(device, n->bits);
  view_memory(v, n->block, 0);
}

void view_of(mu_tensor& v, const Node* n) {
  assert(is_buffer(n));
  view_head(v, n->type, n->sizes.rank);
  view_memory(v, n->block, n->offset);
  for (unsigned i = 0; i < n->sizes.rank; ++i) {
    v.dim[i] = n->sizes.at[i];
    v.stride[i] = n->stride[i];
  }
}

void view_broadcast(mu_tensor& v, const Node* n, const Sizes& sizes) {
  view_head(v, n->type, sizes.rank);
  view_memory(v, n->block, n->offset);
  for (unsigned i = 0; i < sizes.rank; ++i) {
    v.dim[i] = sizes.at[i];
    v.stride[i] = stride_in(n, i, sizes.rank);
  }
}

}  // namespace mushin::core
