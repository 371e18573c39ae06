#include "core/product.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <optional>
#include <utility>

#include "core/capture.hpp"
#include "core/evaluate.hpp"
#include "core/layouts.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"

namespace mushin::core {
namespace {

// An operand as a matrix; one of rank 1 is a row on the left, a column on the right.
struct Matrix {
  std::int64_t rows, columns, row_stride, column_stride;
};
Matrix left(const Node* n) {
  const unsigned r = n->sizes.rank;
  if (r == 1) return {1, n->sizes.at[0], n->sizes.at[0] * n->stride[0], n->stride[0]};
  return {n->sizes.at[r - 2], n->sizes.at[r - 1], n->stride[r - 2], n->stride[r - 1]};
}
Matrix right(const Node* n) {
  if (n->sizes.rank == 1) return {n->sizes.at[0], 1, n->stride[0], 1};
  return left(n);
}

// The plan's batch axes are the result's leading ones; an operand's missing or single axes repeat.
void view_matrix(mu_tensor& v, const Node* n, const Matrix& m, const std::int64_t* batch, unsigned rank) {
  view_head(v, n->type, rank + 2);
  view_memory(v, n->block, n->offset);
  const unsigned own = n->sizes.rank < 2 ? 0 : n->sizes.rank - 2, missing = rank - own;
  for (unsigned i = 0; i < rank; ++i) {
    v.dim[i] = batch[i];
    v.stride[i] = i < missing || n->sizes.at[i - missing] == 1 ? 0 : n->stride[i - missing];
  }
  v.dim[rank] = m.rows;
  v.dim[rank + 1] = m.columns;
  v.stride[rank] = m.row_stride;
  v.stride[rank + 1] = m.column_stride;
}

unsigned batch_axes(const Node* product, const Node* a, const Node* b) {
  const unsigned dropped = (a->sizes.rank == 1) + (b->sizes.rank == 1);
  return product->sizes.rank - (2 - dropped);
}

// The result, row-major, but for its memory.
void view_result(mu_tensor& out, const Node* product, unsigned rank, std::int64_t rows, std::int64_t columns) {
  view_head(out, product->type, rank + 2);
  out.dim[rank] = rows;
  out.dim[rank + 1] = columns;
  out.stride[rank + 1] = 1;
  out.stride[rank] = columns;
  std::int64_t step = rows * columns;
  for (unsigned i = rank; i-- > 0;) {
    out.dim[i] = product->sizes.at[i];
    out.stride[i] = step;
    step *= out.dim[i];
  }
}

// Both matrices, and the result `out` in `block`.
[[gnu::always_inline]] inline void view_product(const Node* product, const Node* a, const Node* b, const Block* block, mu_tensor* in,
                                                mu_tensor& out) {
  const unsigned rank = batch_axes(product, a, b);
  const Matrix ma = left(a), mb = right(b);
  view_matrix(in[0], a, ma, product->sizes.at, rank);
  view_matrix(in[1], b, mb, product->sizes.at, rank);
  view_result(out, product, rank, ma.rows, mb.columns);
  view_memory(out, block, 0);
}

mu_op_matmul bare_product(const Node* product) {
  return {{sizeof(mu_op_matmul), MU_OP_MATMUL}, abi(product_type(product->type)), product_math(), nullptr};
}

void multiply(const Node* product, const Node* a, const Node* b, Block* block) {
  mu_tensor view[3];
  view_product(product, a, b, block, view, view[2]);
  const mu_op_matmul op = bare_product(product);
  request("matmul", product->device, &op.h, 2, view);
}

// Gives a claim back where computing throws.
struct Claim {
  Node* node;
  Block* block = nullptr;
  ~Claim() {
    if (block) drop_ref(block);
    if (node) node->claimed.store(false, std::memory_order_release);
  }
};

// What a product is about to run where its device chooses layouts.
struct Choice {
  PlanSection section;
  const Plan* plan = nullptr;
  Layout result{};
  Held held[2];  // opaque operands, which others may make strided meanwhile

  void hold(unsigned i, const Node* n) { add_ref(held[i].block = n->block); }
};

// A plan sees the operand in its own sizes, which are what a layout of it means.
bool seen_whole(const Node* n, const Node* product) {
  if (n->sizes.rank < 2 || n->sizes.rank != product->sizes.rank) return false;
  return std::equal(n->sizes.at, n->sizes.at + n->sizes.rank - 2, product->sizes.at);
}

// The matrices and the result as they are offered: what is opaque as it is, a right operand that was one before and the result in any
// layout. `view`: as a plan of `n_in` inputs takes them.
void offer_layouts(const Node* product, mu_tensor* view, unsigned n_in) {
  const Node *a = product->arg[0], *b = product->arg[1];
  const unsigned rank = batch_axes(product, a, b);
  const bool chosen = layouts_chosen();
  if (is_opaque(a))
    view_opaque(view[0], a);
  else
    view_matrix(view[0], a, left(a), product->sizes.at, rank);
  if (is_opaque(b))
    view_opaque(view[1], b);
  else
    view_matrix(view[1], b, right(b), product->sizes.at, rank);
  if (chosen && !is_opaque(b) && was_used(b) && seen_whole(b, product)) view[1].layout = MU_LAYOUT_ANY;
  view_result(view[n_in], product, rank, view[0].dim[rank], view[1].dim[rank + 1]);
  if (chosen && a->sizes.rank > 1 && b->sizes.rank > 1 && n_in < Answers::most) view[n_in].layout = MU_LAYOUT_ANY;
}

// The views as the plan has answered, but for the result's memory.
void take_answers(Choice& c, const Node* product, mu_tensor* view, unsigned n_in) {
  Node *a = product->arg[0], *b = product->arg[1];
  if (is_opaque(a)) c.hold(0, a);
  if (is_opaque(b))
    c.hold(1, b);
  else if (layouts_chosen())
    note_use(b);
  if (view[1].layout == MU_LAYOUT_ANY) {
    view[1].layout = MU_LAYOUT_STRIDED;
    if (const Layout wanted = c.plan->answer(1); wanted.id) {
      const Node* other = packed(b, wanted);
      view_opaque(view[1], other);
      c.hold(1, other);
    }
  }
  mu_tensor& out = view[n_in];
  c.result = out.layout == MU_LAYOUT_ANY ? c.plan->answer(n_in) : Layout{};
  out.layout = c.result.id ? MU_LAYOUT_OPAQUE : MU_LAYOUT_STRIDED;
  out.layout_id = c.result.id;
  if (c.result.id) std::fill(out.stride, out.stride + out.rank, 0);
}

Block* view_chosen(mu_tensor& out, const Node* result, const Layout& layout) {
  Block* block = layout.id ? allocate(result->device, layout.bytes, "matmul") : block_for(result, "matmul");
  view_memory(out, block, 0);
  if (layout.id) out.bytes = layout.bytes;
  return block;
}

void become_chosen(Node* n, Block* block, const Layout& layout) {
  return layout.id ? become_opaque(n, block, layout) : become_buffer(n, block, 0);
}

// Chooses for a bare product. False: its device takes it in no layout. Under the evaluation lock.
bool choose(Choice& c, const Node* product, mu_tensor* view) {
  Node *a = product->arg[0], *b = product->arg[1];
  for (Node* n : {a, b})
    if (!seen_whole(n, product) || !layouts_chosen()) make_strided(n);
  const mu_op_matmul op = bare_product(product);
  for (;;) {
    offer_layouts(product, view, 2);
    c.plan = request_plan("matmul", product->device, &op.h, 2, {view, 3});
    if (c.plan->plan) break;
    if (!is_opaque(a) && !is_opaque(b)) return false;
    make_strided(a), make_strided(b);
  }
  take_answers(c, product, view, 2);
  return true;
}

// Layouts are chosen under the evaluation lock, as the claim is taken: who has the lock may wait for a claim, so who has a claim must not
// wait for the lock.
void compute_in_layout(Node* n, bool locked) {
  for (int turns = 0; is_product(n); ++turns) {
    std::unique_lock lock(evaluation_lock, std::defer_lock);
    if (!locked) lock.lock();
    if (!take(n->claimed)) {
      if (!locked) lock.unlock();
      wait_a_turn(turns);
      continue;
    }
    Claim claim{n};
    if (!is_product(n)) return;
    std::optional<NotRecorded> quiet;
    if (capturing() && capture::older(n)) quiet.emplace();
    mu_tensor view[3];
    Choice c;
    const bool chosen = choose(c, n, view);
    if (!locked) lock.unlock();
    if (chosen) {
      claim.block = view_chosen(view[2], n, c.result);
      run_plan("matmul", c.plan, 2, view, 1, view + 2);
    } else {
      claim.block = block_for(n, "matmul");
      multiply(n, n->arg[0], n->arg[1], claim.block);
    }
    become_chosen(n, std::exchange(claim.block, nullptr), c.result);
  }
}

}  // namespace

Array new_product(Node* a, Node* b, Device* device, const Sizes& sizes, std::int64_t count) {
  Node* n = new_node();
  Array made(n);
  n->type = a->type;
  n->device = device;
  n->sizes = sizes;
  n->count = count;
  n->contiguous = true;
  n->floating = n->baked = false;
  n->cost = 0;
  n->claimed.store(false, std::memory_order_relaxed);
  n->state.store(State::product, std::memory_order_relaxed);
  add_ref(static_cast<NodeHead*>(n->arg[0] = a));
  add_ref(static_cast<NodeHead*>(n->arg[1] = b));
  if (eager()) force_product(n);
  return made;
}

void force_product(Node* n, bool locked) {
  if (chooses_product_layouts(n->device)) return compute_in_layout(n, locked);
  for (int turns = 0; !is_buffer(n); ++turns) {
    if (!take(n->claimed)) {
      wait_a_turn(turns);
      continue;
    }
    Claim claim{n};
    if (is_buffer(n)) return;  // it was computed between the two looks
    std::optional<NotRecorded> quiet;
    if (capturing() && capture::older(n)) quiet.emplace();
    claim.block = block_for(n, "matmul");
    multiply(n, n->arg[0], n->arg[1], claim.block);
    become_buffer(n, std::exchange(claim.block, nullptr), 0);
  }
}

void force_products(const Program& p) {
  for (std::uint32_t rest = p.unready; rest; rest &= rest - 1) {
    Node* n = p.in[std::countr_zero(rest)];
    if (is_product(n)) force_product(n, true);
  }
}

namespace {

std::atomic<std::size_t> epilogues{0};

// An epilogue's inputs but for the product, input `j`, behind the two matrices. The number of inputs.
unsigned view_others(const Program& p, unsigned j, const Node* root, mu_tensor* view) {
  unsigned n = 2;
  for (unsigned i = 0; i < p.n_in; ++i) {
    if (i == j) continue;
    mu_tensor& v = view[n++];
    if (is_buffer(p.in[i])) {
      view_broadcast(v, p.in[i], root->sizes);
      continue;
    }
    view_head(v, p.in[i]->type, root->sizes.rank);
    view_literal(v, p.in[i], root->device);
    for (unsigned k = 0; k < root->sizes.rank; ++k) v.dim[k] = root->sizes.at[k], v.stride[k] = 0;
  }
  return n;
}

// With the views of its other inputs there.
bool run_in_layout(Program& p, unsigned j, Node* root, mu_tensor* view, unsigned n_in) {
  const Node* product = p.in[j];
  for (Node* n : {product->arg[0], product->arg[1]}) {
    if (!layouts_chosen()) make_strided(n);
    if (is_opaque(n) && !seen_whole(n, product)) return false;
  }
  offer_layouts(product, view, n_in);
  Choice c;
  c.plan = epilogue_plan(p, root->device, j, {view, n_in + 1});
  if (!c.plan->plan) return false;
  take_answers(c, product, view, n_in);
  Claim held{nullptr, view_chosen(view[n_in], root, c.result)};
  run_plan("matmul", c.plan, n_in, view, 1, view + n_in);
  become_chosen(root, std::exchange(held.block, nullptr), c.result);
  epilogues.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace

std::size_t epilogue_count() { return epilogues.load(std::memory_order_relaxed); }

bool run_as_epilogue(Program& p, Node* root) {
  // What is opaque beside it is better left so: the program may run over it as it lies.
  const unsigned j = static_cast<unsigned>(std::countr_zero(p.unready)) % Program::most_in;
  Node* product = p.in[j];
  if (p.unready & (p.unready - 1) || !is_product(product) || refs_of(product) != product->edges || !(product->sizes == root->sizes) ||
      product->type != root->type)
    return false;
  if (product_type(product->type) != product->type && p.n_inst == p.limit_inst) return false;  // no room for the rounding
  const Node *a = product->arg[0], *b = product->arg[1];
  if (a->sizes.rank < 2 || b->sizes.rank < 2 || p.read_again(&root) >> j & 1u) return false;
  for (unsigned i = 0; i + 1 < p.n_inst; ++i)
    if (p.made[i]->cost > recompute_limit && refs_of(p.made[i]) > p.made[i]->edges) return false;

  mu_tensor view[Program::most_in + 2];
  const unsigned n = view_others(p, j, root, view);
  if (chooses_product_layouts(root->device)) return run_in_layout(p, j, root, view, n);
  Claim held{nullptr, block_for(root, "matmul")};
  view_product(product, a, b, held.block, view, view[n]);
  const PlanSection section;
  const Plan* plan = epilogue_plan(p, root->device, j, {view, n + 1});
  if (!plan->plan) return false;
  run_plan("matmul", plan, n, view, 1, view + n);
  become_buffer(root, std::exchange(held.block, nullptr), 0);
  epilogues.fetch_add(1, std::memory_order_relaxed);
  return true;
}

}  // namespace mushin::core
