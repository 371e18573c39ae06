#include "core/product.hpp"

#include <algorithm>
#include <bit>
#include <optional>
#include <utility>

#include "core/capture.hpp"
#include "core/evaluate.hpp"
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

// What the sums are made in. Small integers wrap in 32 bits, and then to their own.
dtype product_type(dtype t) { return is_half(t) ? dtype::f32 : t == dtype::i8 || t == dtype::u8 ? dtype::i32 : t; }

// Both matrices, and the result `out` in `block`.
void view_product(const Node* product, const Node* a, const Node* b, const Block* block, mu_tensor* in, mu_tensor& out) {
  const unsigned dropped = (a->sizes.rank == 1) + (b->sizes.rank == 1), rank = product->sizes.rank - (2 - dropped);
  const Matrix ma = left(a), mb = right(b);
  view_matrix(in[0], a, ma, product->sizes.at, rank);
  view_matrix(in[1], b, mb, product->sizes.at, rank);
  view_head(out, product->type, rank + 2);
  view_memory(out, block, 0);
  out.dim[rank] = ma.rows;
  out.dim[rank + 1] = mb.columns;
  out.stride[rank + 1] = 1;
  out.stride[rank] = mb.columns;
  std::int64_t step = ma.rows * mb.columns;
  for (unsigned i = rank; i-- > 0;) {
    out.dim[i] = product->sizes.at[i];
    out.stride[i] = step;
    step *= out.dim[i];
  }
}

void multiply(const Node* product, const Node* a, const Node* b, Block* block) {
  mu_tensor view[3];
  view_product(product, a, b, block, view, view[2]);
  const mu_op_matmul op{{sizeof op, MU_OP_MATMUL}, abi(product_type(product->type)), MU_MATH_EXACT, nullptr};
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

void force_product(Node* n) {
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
  for (std::uint32_t rest = p.products; rest; rest &= rest - 1) force_product(p.in[std::countr_zero(rest)]);
}

bool run_as_epilogue(Program& p, Node* root) {
  const unsigned j = static_cast<unsigned>(std::countr_zero(p.products)) % Program::most_in;
  Node* product = p.in[j];
  if (p.products & (p.products - 1) || refs_of(product) != product->edges || !(product->sizes == root->sizes) ||
      product->type != root->type || product_type(product->type) != product->type)
    return false;
  const Node *a = product->arg[0], *b = product->arg[1];
  if (a->sizes.rank < 2 || b->sizes.rank < 2 || p.read_again(&root) >> j & 1u) return false;
  for (unsigned i = 0; i + 1 < p.n_inst; ++i)
    if (p.made[i]->cost > recompute_limit && refs_of(p.made[i]) > p.made[i]->edges) return false;

  mu_tensor view[Program::most_in + 2];
  Claim held{nullptr, block_for(root, "matmul")};
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
  view_product(product, a, b, held.block, view, view[n]);
  const Plan* plan = epilogue_plan(p, root->device, j, {view, n + 1});
  if (!plan->plan) return false;
  run_plan("matmul", plan, n, view, 1, view + n);
  become_buffer(root, std::exchange(held.block, nullptr), 0);
  return true;
}

}  // namespace mushin::core
