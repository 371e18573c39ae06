#include "core/evaluate.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <utility>
#include <vector>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/fallback.hpp"
#include "core/layouts.hpp"
#include "core/many.hpp"
#include "core/plans.hpp"
#include "core/pointwise.hpp"
#include "core/product.hpp"
#include "core/request.hpp"

namespace mushin::core {

constinit std::atomic<int> eager_mode{-1};

namespace {

// The outputs of one pass, and where each is written.
struct Outputs {
  Node* node[Program::most_out];
  Block* block[Program::most_out];
  std::uint64_t offset[Program::most_out];
  const Layout* layout = nullptr;  // of all; null: strided
  unsigned taken = 0;              // blocks that are held so far

  ~Outputs() {
    for (unsigned k = 0; k < taken; ++k) drop_ref(block[k]);
  }
};

// Shared and dear interior values are stored in the same pass.
void add_shared(Program& p, Outputs& o) {
  for (unsigned i = 0; i + 1 < p.n_inst && p.n_out < p.limit_out; ++i) {
    Node* n = p.made[i];
    if (n->cost <= recompute_limit || refs_of(n) <= n->edges) continue;
    if (std::find(o.node, o.node + p.n_out, n) != o.node + p.n_out) continue;
    o.node[p.n_out] = n;
    p.out[p.n_out++] = static_cast<std::uint16_t>(Program::inst_base + i);
  }
}

// No instruction after the one that makes output `k` reads input `j`.
bool last_reader_makes(const Program& p, unsigned k, unsigned j) {
  for (unsigned i = p.out[k] - Program::inst_base + 1u; i < p.n_inst; ++i) {
    const std::uint64_t ids = p.key[Program::head_words + 2 * i + 1];
    if ((ids & 0xFFFF) == j || (ids >> 16 & 0xFFFF) == j || (ids >> 32 & 0xFFFF) == j) return false;
  }
  return true;
}

bool equal(const Layout& a, const Layout& b) { return a.id == b.id && a.bytes == b.bytes; }

bool fits(const Node* old, const Node* result, const Layout* layout) {
  const bool same_order = layout ? is_opaque(old) && equal(old->layout, *layout) : is_buffer(old) && old->contiguous;
  return same_order && old->type == result->type && old->sizes == result->sizes && old->device == result->device;
}

bool is_taken(const Outputs& o, const Block* b) { return std::find(o.block, o.block + o.taken, b) != o.block + o.taken; }

// The block of an old value that nobody sees after this pass. `holder`: references besides the expression's.
Block* reusable(const Program& p, const Outputs& o, unsigned k, Node* old, std::uint32_t holder) {
  if (!fits(old, o.node[k], o.layout) || __atomic_load_n(&old->block->refs, __ATOMIC_ACQUIRE) != 1 || is_foreign(old->block) ||
      is_taken(o, old->block) || (capturing() && !capture::may_reuse(old->block, holder != 0)))
    return nullptr;
  const bool read = old->mark == p.epoch;
  if (refs_of(old) != holder + (read ? old->edges : 0u)) return nullptr;
  if (read && (p.read_again(o.node) >> old->value & 1u || !last_reader_makes(p, k, old->value))) return nullptr;
  return old->block;
}

bool only_here(const Node* n) { return refs_of(n) == n->edges && n->state.load(std::memory_order_relaxed) != State::literal; }

Block* block_for(const Node* n, const Layout* layout) {
  const char* op = opcode_name(n->op);
  return layout ? allocate(n->device, layout->bytes, op) : block_for(n, op);
}

void choose_memory(const Program& p, Outputs& o, std::span<Node* const> into) {
  for (unsigned k = 0; k < p.n_out; ++k) {
    const Node* from = nullptr;
    if (k < into.size() && into[k] && reusable(p, o, k, into[k], 1)) from = into[k];
    for (unsigned j = 0; !from && j < p.n_in; ++j)
      if (only_here(p.in[j]) && reusable(p, o, k, p.in[j], 0)) from = p.in[j];
    if (from) add_ref(from->block);
    o.block[k] = from ? from->block : block_for(o.node[k], o.layout);
    o.offset[k] = from ? from->offset : 0;
    ++o.taken;
  }
}

// A buffer that is wanted in a layout: a value of the same elements takes its place in the program.
void take_in_layout(Program& p, unsigned i, const Layout& layout, std::vector<Array>& made) {
  made.push_back(in_layout(p.in[i], layout));
  Node* n = node_of(made.back());
  n->mark = p.epoch, n->edges = 1, n->value = static_cast<std::uint16_t>(i);
  p.in[i] = n;
}

// The layout of a program's inputs, if they are of one, single values apart, that the program can run over and its results have as well.
// Row-major buffers of the results' sizes are reordered to it where it is one for images, and kept in `made`. False: all inputs are strided
// now.
bool have_common_layout(Program& p, const Outputs& o, Layout& layout, std::vector<Array>& made) {
  const Node *shape = o.node[0], *first = nullptr;
  bool common = layouts_chosen();
  std::uint32_t strided = 0;
  for (unsigned k = 0; k < p.n_out; ++k) common = common && o.node[k]->type == shape->type;
  for (unsigned i = 0; common && i < p.n_in; ++i) {
    const Node* n = p.in[i];
    const bool whole = n->type == shape->type && n->sizes == shape->sizes;
    if (is_opaque(n)) {
      if (!first) first = n;
      common = whole && n->layout.elementwise && equal(n->layout, first->layout);
    } else if (!is_literal(n) && n->count != 1) {
      common = whole && n->contiguous && chooses_image_layouts(shape->device);
      strided |= 1u << i;
    }
  }
  if (!common || !first) return make_inputs_strided(p), false;
  layout = first->layout;
  for (; strided; strided &= strided - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(strided));
    take_in_layout(p, i, layout, made);
  }
  return true;
}

// All places of the layout as one row.
void fill_places(const Program& p, const Outputs& o, mu_tensor* view) {
  const auto places = static_cast<std::int64_t>(o.layout->bytes / bytes_of(o.node[0]->type));
  for (unsigned k = 0; k < p.n_in + p.n_out; ++k) {
    Node* n = k < p.n_in ? p.in[k] : o.node[k - p.n_in];
    const bool whole = k >= p.n_in || is_opaque(n);
    view_head(view[k], n->type, 1);
    view[k].dim[0] = places;
    view[k].stride[0] = whole;
    if (k >= p.n_in)
      view_memory(view[k], o.block[k - p.n_in], 0);
    else if (is_literal(n))
      view_literal(view[k], n, n->device);
    else
      view_memory(view[k], n->block, n->offset);
  }
}

// One row of all elements where every input is contiguous or one value, else a collapsed space that the (contiguous) outputs share.
void fill_views(const Program& p, const Outputs& o, mu_tensor* view) {
  if (o.layout) return fill_places(p, o, view);
  Node* shape = o.node[0];
  mu_tensor* out = view + p.n_in;
  if (fill_flat(p, shape->count, shape->device, view)) {
    for (unsigned k = 0; k < p.n_out; ++k) {
      view_head(out[k], o.node[k]->type, 1);
      view_memory(out[k], o.block[k], o.offset[k]);
      out[k].dim[0] = shape->count;
      out[k].stride[0] = 1;
    }
    return;
  }
  Space space;
  set_contiguous(shape);
  collapse(shape->sizes, p.in, p.n_in, shape->stride, space);
  fill_space(p, space, shape->device, view);
  for (unsigned k = 0; k < p.n_out; ++k) {
    view_head(out[k], o.node[k]->type, space.rank);
    view_memory(out[k], o.block[k], o.offset[k]);
    for (unsigned i = 0; i < space.rank; ++i) {
      out[k].dim[i] = space.dim[i];
      out[k].stride[i] = space.stride[p.n_in][i];
    }
  }
}

void run_group(Program& p, Outputs& o, std::span<Node* const> into, Many* many) {
  const Node* shape = o.node[0];
  if (p.n_inst > 1) add_shared(p, o);
  Layout common;
  std::vector<Array> reordered;
  if (p.unready && have_common_layout(p, o, common, reordered)) o.layout = &common;
  choose_memory(p, o, into);
  if (shape->count > 0) {
    mu_tensor view[Program::most_in + Program::most_out];
    fill_views(p, o, view);
    const PlanSection section;
    const Plan* plan = program_plan(p, shape->device, MU_OP_POINTWISE, 0, dtype{}, view);
    if (many) {
      if (!o.layout && many->take(plan, p, view, o.node, o.block, o.offset)) {
        o.taken = 0;
        return;
      }
      many->give();
    }
    if (plan->plan)
      run_plan("pointwise", plan, p.n_in, view, p.n_out, view + p.n_in);
    else
      program_on_host(opcode_name(shape->op), p, shape->device, MU_OP_POINTWISE, 0, dtype{}, view);
  }
  const unsigned n = o.taken;
  o.taken = 0;
  if (o.layout)
    for (unsigned k = 0; k < n; ++k) become_opaque(o.node[k], o.block[k], common);
  else
    for (unsigned k = 0; k < n; ++k) become_buffer(o.node[k], o.block[k], o.offset[k]);
}

// Too much for one program although it met the bound when it was built: it has more inputs than a program may, parts of it were evaluated
// in between, or the device's limits are small. Of what `p` took in before it met a limit the dearest part goes first, which has room in
// one program: it is one input from then on.
void evaluate_part(const Program& p, Node* n) {
  Node* dearest = nullptr;
  for (unsigned i = 0; i < p.n_inst; ++i)
    if (!dearest || p.made[i]->cost >= dearest->cost) dearest = p.made[i];
  if (dearest) return compute_locked(dearest);
  for (Node* a : n->arg)
    if (a && a->state.load(std::memory_order_relaxed) == State::pending) compute_locked(a);
}

}  // namespace

bool read_eager() {
  const char* set = secure_getenv("MUSHIN_EAGER");
  const bool on = set && *set && *set != '0';
  eager_mode.store(on, std::memory_order_relaxed);
  return on;
}
void set_eager(bool on) { eager_mode.store(on, std::memory_order_relaxed); }

namespace {
// Once for all, because a small op feels it.
[[gnu::noinline]] void tell_viewed(const Program& p) {
  for (unsigned i = 0; i < p.n_in; ++i)
    if (is_buffer(p.in[i])) capture::viewed(p.in[i]->block);
}
}  // namespace

bool fill_flat(const Program& p, std::int64_t count, Device* device, mu_tensor* view) {
  for (unsigned i = 0; i < p.n_in; ++i) {
    Node* n = p.in[i];
    mu_tensor& v = view[i];
    view_head(v, n->type, 1);
    v.dim[0] = count;
    if (n->state.load(std::memory_order_relaxed) == State::buffer) {
      if (n->count != 1 && (!n->contiguous || n->count != count)) return false;
      locate(v, n->block, n->offset);
      v.stride[0] = n->count != 1 || count == 1;
    } else {
      view_literal(v, n, device);
      v.stride[0] = 0;
    }
  }
  if (capturing()) tell_viewed(p);
  return true;
}

void fill_space(const Program& p, const Space& space, Device* device, mu_tensor* view) {
  for (unsigned i = 0; i < p.n_in; ++i) {
    Node* n = p.in[i];
    mu_tensor& v = view[i];
    view_head(v, n->type, space.rank);
    if (n->state.load(std::memory_order_relaxed) == State::buffer)
      view_memory(v, n->block, n->offset);
    else
      view_literal(v, n, device);
    for (unsigned k = 0; k < space.rank; ++k) {
      v.dim[k] = space.dim[k];
      v.stride[k] = space.stride[i][k];
    }
  }
}

namespace {

void evaluate_one(Node* n) {
  if (capturing()) capture::settle_older(n);
  Program p;
  std::uint16_t id = 0;
  for (;;) {
    p.begin(n->device);
    id = p.visit(n);
    if (!p.overflow) break;
    evaluate_part(p, n);
  }
  Outputs o;
  o.node[0] = n;
  p.out[0] = id;
  p.n_out = 1;
  if (p.unready) {
    if (run_as_epilogue(p, n)) return;
    force_products(p);
  }
  run_group(p, o, {}, nullptr);
}

}  // namespace

void compute_locked(Node* n) {
  const State state = n->state.load(std::memory_order_relaxed);
  if (state == State::pending) return evaluate_one(n);
  if (state == State::product) return force_product(n, true);
  if (state != State::literal || n->floating) return;
  Array written = filled("full", n->device, n->type, n->sizes, n->count, n->bits, n->baked);
  std::swap(n->block, node_of(written)->block);  // it may have had one of its value alone
  n->offset = 0;
  set_contiguous(n);
  n->state.store(State::buffer, std::memory_order_release);
}

void compute(Node* n) {
  const State state = n->state.load(std::memory_order_acquire);
  if (state == State::buffer || state == State::opaque) return;
  if (state == State::product) return force_product(n);  // runs without the lock: it may take long
  std::lock_guard lock(evaluation_lock);
  compute_locked(n);
}

void force(Node* n) {
  compute(n);
  if (!is_opaque(n)) return;
  std::lock_guard lock(evaluation_lock);
  make_strided(n);
}

void evaluate_group(std::span<Node* const> roots, std::span<Node* const> into, Many* many) {
  if (capturing())
    for (Node* r : roots) capture::settle_older(r);
  for (std::size_t done = 0; done < roots.size();) {
    Program p;
    Outputs o;
    Node* old[Program::most_out];
    p.begin(roots[done]->device);
    std::size_t next = done;
    for (; next < roots.size() && p.n_out < p.limit_out; ++next) {
      Node* r = roots[next];
      if (r->state.load(std::memory_order_relaxed) != State::pending || std::find(o.node, o.node + p.n_out, r) != o.node + p.n_out)
        continue;
      const std::uint16_t id = p.visit(r);
      if (p.overflow) break;
      old[p.n_out] = next < into.size() ? into[next] : nullptr;
      o.node[p.n_out] = r;
      p.out[p.n_out++] = id;
    }
    if (many && !many->empty() && (p.overflow || many->makes(p))) {  // part of this is put off
      many->give();
      continue;
    }
    if (p.overflow) {  // what fits goes first; visiting marks nodes, so it begins anew
      if (p.n_out == 0) {
        evaluate_part(p, roots[next]);
        continue;
      }
      evaluate_group(roots.subspan(done, next - done), into.empty() ? into : into.subspan(done, next - done), many);
    } else if (p.n_out) {
      const bool alone = p.n_out == 1 && p.unready && !old[0];
      if (!alone || !run_as_epilogue(p, o.node[0])) {
        force_products(p);
        run_group(p, o, {old, p.n_out}, many);
      }
    }
    done = next;
  }
}

}  // namespace mushin::core
