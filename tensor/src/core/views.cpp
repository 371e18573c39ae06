#include "core/views.hpp"

#include <utility>

#include "core/plans.hpp"

namespace mushin::core {
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

void upload_literal(mu_tensor& v, Node* n, Device* device) {
  if (n->block && n->block->device != device) drop_ref(std::exchange(n->block, nullptr));
  if (!n->block) {
    const NotRecorded quiet;
    Block* b = allocate(device, sizeof n->bits, "literal");
    n->block = b;
    upload_in_order("literal", b, 0, &n->bits, sizeof n->bits);
  }
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
