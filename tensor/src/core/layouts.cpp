#include "core/layouts.hpp"

#include <utility>

#include "core/capture.hpp"
#include "core/evaluate.hpp"
#include "core/fail.hpp"
#include "core/plans.hpp"
#include "core/product.hpp"
#include "core/request.hpp"

namespace mushin::core {
namespace {

constexpr unsigned max_values = 4;

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

namespace {
// Without its memory's contents.
Array new_opaque(Device* device, dtype type, const Sizes& sizes, const Layout& layout, const char* op) {
  Node* made = new_node();
  Array held(made);
  made->type = type;
  made->device = device;
  made->sizes = sizes;
  made->count = sizes.count();
  made->contiguous = true;
  made->floating = made->baked = false;
  become_opaque(made, allocate(device, layout.bytes, op), layout);
  return held;
}
}  // namespace

Array in_layout(const Node* n, const Layout& layout) {
  Array made = new_opaque(n->device, n->type, n->sizes, layout, "reorder");
  mu_tensor from, to;
  view_of(from, n);
  view_opaque(to, node_of(made));
  reorder(n->device, from, to);
  return made;
}

Node* packed(Node* n, const Layout& layout) {
  if (const Node* there = n->arg[0]; there && there->layout.id == layout.id && there->layout.bytes == layout.bytes) return n->arg[0];
  keep(n, in_layout(n, layout));
  return n->arg[0];
}

bool layouts_chosen() { return !capturing() || capture::number() == 0; }

bool image_layouts_chosen(const Device* d) { return chooses_image_layouts(d) && layouts_chosen(); }

Array try_in_layout(const char* name, Device* d, const mu_op* op, std::span<const Array> values, std::uint32_t offered, const Sizes& sizes,
                    unsigned n_in, std::span<mu_tensor> views) {
  Held held[max_values];
  Array reordered[max_values];
  {
    std::lock_guard lock(evaluation_lock);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Node* n = node_of(values[i]);
      if (is_opaque(n)) {
        view_opaque(views[i], n);
        add_ref(held[i].block = n->block);  // others may make it strided meanwhile
        continue;
      }
      view_of(views[i], n);
      if (offered >> i & 1u) views[i].layout = MU_LAYOUT_ANY;
    }
  }
  const dtype type = values[0].type();
  mu_tensor& out = views[n_in];
  view_head(out, type, sizes.rank);
  std::int64_t step = 1;
  for (unsigned i = sizes.rank; i-- > 0; step *= sizes[i]) out.dim[i] = sizes[i], out.stride[i] = step;
  out.layout = MU_LAYOUT_ANY;
  const PlanSection section;
  const Plan* plan = request_plan(name, d, op, n_in, views);
  if (!plan->plan) return {};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (views[i].layout != MU_LAYOUT_ANY) continue;
    views[i].layout = MU_LAYOUT_STRIDED;
    if (const Layout wanted = plan->answer(i); wanted.id)
      view_opaque(views[i], node_of(reordered[i] = in_layout(node_of(values[i]), wanted)));
  }
  const Layout chosen = plan->answer(n_in);
  Array made = chosen.id ? new_opaque(d, type, sizes, chosen, name) : fresh_array(d, type, sizes, sizes.count(), name);
  if (chosen.id)
    view_opaque(out, node_of(made));
  else
    view_of(out, node_of(made));
  run_plan(name, plan, n_in, views.data(), static_cast<std::uint32_t>(views.size() - n_in), views.data() + n_in);
  return made;
}

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
