#include "core/layouts.hpp"

#include <utility>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/product.hpp"
#include "core/request.hpp"

namespace mushin::core {
namespace {

void reorder(Device* d, const mu_tensor& from, const mu_tensor& to) {
  const mu_op_reorder op{{sizeof op, MU_OP_REORDER}};
  const mu_tensor views[] = {from, to};
  if (try_request("reorder", d, &op.h, 1, views)) return;
  fail<DeviceError>("[reorder] device {} does not reorder what it has laid out: layout {:#x} of {} bytes", d->name,
                    from.layout_id | to.layout_id, from.layout_id ? from.bytes : to.bytes);
}

// Beside a buffer, as long as it lives.
void keep(Node* n, Array beside) {
  Node* made = node_of(beside);
  add_ref(static_cast<NodeHead*>(made));
  if (Node* old = std::exchange(n->arg[0], made)) drop_ref(static_cast<NodeHead*>(old));
}

}  // namespace

void view_opaque(mu_tensor& v, const Node* n) {
  view_head(v, n->type, n->sizes.rank);
  v.layout = MU_LAYOUT_OPAQUE;
  v.layout_id = n->layout.id;
  view_memory(v, n->block, 0);
  v.bytes = n->layout.bytes;
  for (unsigned i = 0; i < n->sizes.rank; ++i) v.dim[i] = n->sizes.at[i], v.stride[i] = 0;
}

void make_strided(Node* n) {
  if (!is_opaque(n)) return;
  const NotRecorded quiet;  // it is older than any recording that reads it
  Held to(block_for(n, "reorder"));
  mu_tensor from, view;
  view_opaque(from, n);
  view_head(view, n->type, n->sizes.rank);
  view_memory(view, to.block, 0);
  std::int64_t step = 1;
  for (unsigned i = n->sizes.rank; i-- > 0; step *= n->sizes.at[i]) view.dim[i] = n->sizes.at[i], view.stride[i] = step;
  reorder(n->device, from, view);
  std::swap(to.block, n->block);
  become_buffer(n, n->block, 0);
}

void make_inputs_strided(const Program& p) {
  force_products(p);
  for (unsigned i = 0; i < p.n_in; ++i) make_strided(p.in[i]);
}

Node* packed(Node* n, const Layout& layout) {
  if (const Node* there = n->arg[0]; there && there->layout.id == layout.id && there->layout.bytes == layout.bytes) return n->arg[0];
  Node* made = new_node();
  Array held(made);
  made->type = n->type;
  made->device = n->device;
  made->sizes = n->sizes;
  made->count = n->count;
  made->floating = made->baked = false;
  become_opaque(made, allocate(n->device, layout.bytes, "reorder"), layout);
  mu_tensor from, to;
  view_of(from, n);
  view_opaque(to, made);
  reorder(n->device, from, to);
  keep(n, std::move(held));
  return made;
}

bool layouts_chosen() { return !capturing() || capture::number() == 0; }

void forget_packed(Node* n) noexcept {
  if (Node* old = std::exchange(n->arg[0], nullptr)) drop_ref(static_cast<NodeHead*>(old));
}

void note_use(Node* n) {
  if (was_used(n)) return;
  Node* nothing = new_node();
  nothing->layout = {};
  keep(n, Array(nothing));
}

}  // namespace mushin::core
