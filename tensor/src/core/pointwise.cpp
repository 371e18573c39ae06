#include "core/pointwise.hpp"

#include <mutex>

#include "core/evaluate.hpp"
#include "core/fail.hpp"
#include "core/literal.hpp"
#include "core/request.hpp"

namespace mushin::core {
namespace {

constexpr unsigned cost_limit = 48;  // of the 64 instructions that every plugin takes: extra outputs and constants need none

bool same_sizes(const Node* a, const Node* b) {
  if (a->sizes.rank != b->sizes.rank) return false;
  for (unsigned i = 0; i < a->sizes.rank; ++i)
    if (a->sizes.at[i] != b->sizes.at[i]) return false;
  return true;
}

// The result's sizes and count from all operands, where they are not simply the first one's.
void set_broadcast_sizes(Node* r, const char* name, Node* const* arg, unsigned n) {
  Sizes s = arg[0]->sizes;
  for (unsigned i = 1; i < n; ++i)
    if (!(s == arg[i]->sizes)) s = broadcast_sizes(name, s, arg[i]->sizes);
  r->sizes = s;
  r->count = checked_count(name, s);
}

// x * 1, x / 1 and x - 0 are x, bit for bit.
bool is_identity(std::uint16_t op, const Node* a, const Node* b) {
  if (op < MU_PW_SUB || op > MU_PW_DIV) return false;
  if (!is_literal(b) || a->sizes.rank < b->sizes.rank) return false;
  if (b->sizes.rank != 0 && !(a->sizes == b->sizes)) return false;
  if (op == MU_PW_SUB) return value_of(b->bits, b->type) == 0 && b->bits == 0;
  return (op == MU_PW_MUL || op == MU_PW_DIV) && b->type != dtype::b8 && value_of(b->bits, b->type) == 1;
}

Array folded(std::uint16_t op, dtype type, const char* name, Node* const* arg, unsigned n) {
  bool floating = true, scalar = true;
  for (unsigned i = 0; i < n; ++i) floating = floating && arg[i]->floating, scalar = scalar && arg[i]->sizes.rank == 0;
  Sizes s;
  if (!scalar) {
    s = arg[0]->sizes;
    for (unsigned i = 1; i < n; ++i) s = broadcast_sizes(name, s, arg[i]->sizes);
  }
  const Node* three[3] = {arg[0], n > 1 ? arg[1] : nullptr, n > 2 ? arg[2] : nullptr};
  return literal_of(s, type, fold(op, type, three), floating ? nullptr : common_device(name, three[0], three[1], three[2]));
}

[[gnu::noinline]] void check_types(std::uint16_t op, Node* const* arg, unsigned n) {
  const unsigned first = op == MU_PW_SELECT ? 1 : 0;
  if (first && arg[0]->type != dtype::b8) fail<Error>("[where] the condition must be bool: {}", name_of(arg[0]->type));
  for (unsigned i = first + 1; i < n; ++i)
    if (arg[i]->type != arg[first]->type)
      fail<Error>("[{}] element types differ: {} and {}", opcode_name(op), name_of(arg[first]->type), name_of(arg[i]->type));
}

// What can't be part of one program with the new node becomes memory first: operands of other sizes (each of their
// elements would be computed again), and whatever would make the program too long.
void limit(Node* r, Node* const* arg, unsigned n) {
  unsigned cost = 1;
  for (unsigned i = 0; i < n; ++i) {
    if (arg[i]->state.load(std::memory_order_acquire) != State::pending) continue;
    if (!same_sizes(arg[i], r))
      compute(arg[i]);
    else
      cost += arg[i]->cost;
  }
  if (cost > cost_limit) {
    std::lock_guard lock(evaluation_lock);
    cost = Program::exact_cost(r);
    while (cost > cost_limit) {
      Node* dearest = nullptr;
      for (unsigned i = 0; i < n; ++i)
        if (arg[i]->state.load(std::memory_order_relaxed) == State::pending && (!dearest || arg[i]->cost > dearest->cost)) dearest = arg[i];
      compute_locked(dearest);
      cost = Program::exact_cost(r);
    }
  }
  r->cost = static_cast<std::uint16_t>(cost);
}

Node* new_pending(std::uint16_t op, dtype type, Device* device) {
  Node* r = new_node();
  r->type = type;
  r->device = device;
  r->state.store(State::pending, std::memory_order_relaxed);
  r->op = op;
  r->contiguous = true;
  r->floating = r->baked = false;
  return r;
}

void attach(Node* r, unsigned i, Node* a) {
  add_ref(static_cast<NodeHead*>(a));
  r->arg[i] = a;
}

[[gnu::noinline]] Array make(std::uint16_t op, dtype type, Node* const* arg, unsigned n) {
  check_types(op, arg, n);
  bool literals = true;
  for (unsigned i = 0; i < n; ++i) literals = literals && is_literal(arg[i]);
  if (literals) return folded(op, type, opcode_name(op), arg, n);
  if (n == 2) {
    if (is_identity(op, arg[0], arg[1])) return share(arg[0]);
    if (op == MU_PW_MUL && is_identity(op, arg[1], arg[0])) return share(arg[1]);
  }
  Device* device = common_device(opcode_name(op), arg[0], n > 1 ? arg[1] : nullptr, n > 2 ? arg[2] : nullptr);
  Node* r = new_pending(op, type, device);
  Array made(r);
  set_broadcast_sizes(r, opcode_name(op), arg, n);
  for (unsigned i = 0; i < n; ++i) attach(r, i, arg[i]);
  limit(r, arg, n);
  if (eager()) compute(r);
  return made;
}

unsigned cost_of(const Node* n, State s) { return s == State::pending ? n->cost : 0; }

// What needs no thought: the operands are of one type, size and device, or one is a scalar literal.
Array finish(Node* r, const Node* shape, unsigned cost, Node* const* arg, unsigned n) {
  r->sizes = shape->sizes;
  r->count = shape->count;
  for (unsigned i = 0; i < n; ++i) attach(r, i, arg[i]);
  Array made(r);
  r->cost = static_cast<std::uint16_t>(cost);
  if (cost > cost_limit) limit(r, arg, n);
  if (eager()) compute(r);
  return made;
}

}  // namespace

const char* opcode_name(std::uint16_t op) {
  static constexpr const char* core_names[] = {
      "pointwise",   "add",   "sub",   "mul",       "div",  "rem",        "minimum", "maximum",       "fma",         "neg",        "abs",
      "sqrt",        "rsqrt", "exp",   "log",       "sin",  "cos",        "tanh",    "erf",           "pow",         "floor",      "ceil",
      "trunc",       "rint",  "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "xor",
      "logical_not", "shl",   "shr",   "where",     "cast", "isnan",      "iota",    "asin",          "acos",        "atan"};
  static constexpr const char* optional_names[] = {"sigmoid", "expm1", "log1p", "relu", "step"};
  if (op >= MU_PW_SIGMOID && op < MU_PW_OPTIONAL_END) return optional_names[op - MU_PW_SIGMOID];
  return op < MU_PW_CORE_END ? core_names[op] : "pointwise";
}

Array pointwise(std::uint16_t op, dtype type, const Array& a) {
  Node* arg[] = {node_of(a)};
  const State s = arg[0]->state.load(std::memory_order_acquire);
  if (s == State::literal) return make(op, type, arg, 1);
  return finish(new_pending(op, type, arg[0]->device), arg[0], 1 + cost_of(arg[0], s), arg, 1);
}

Array pointwise(std::uint16_t op, dtype type, const Array& a, const Array& b) {
  Node* arg[] = {node_of(a), node_of(b)};
  Node *x = arg[0], *y = arg[1];
  const State sx = x->state.load(std::memory_order_acquire), sy = y->state.load(std::memory_order_acquire);
  if (x->type != y->type) return make(op, type, arg, 2);
  if (sx != State::literal && sy != State::literal) {
    if (x->device != y->device || !same_sizes(x, y)) return make(op, type, arg, 2);
    return finish(new_pending(op, type, x->device), x, 1 + cost_of(x, sx) + cost_of(y, sy), arg, 2);
  }
  if (sx != State::literal && y->floating && y->sizes.rank == 0 && !is_identity(op, x, y))
    return finish(new_pending(op, type, x->device), x, 1 + cost_of(x, sx), arg, 2);
  if (sy != State::literal && x->floating && x->sizes.rank == 0 && !(op == MU_PW_MUL && is_identity(op, y, x)))
    return finish(new_pending(op, type, y->device), y, 1 + cost_of(y, sy), arg, 2);
  return make(op, type, arg, 2);
}

Array pointwise(std::uint16_t op, dtype type, const Array& a, const Array& b, const Array& c) {
  Node* arg[] = {node_of(a), node_of(b), node_of(c)};
  return make(op, type, arg, 3);
}

Sizes broadcast_sizes(const char* op, const Sizes& a, const Sizes& b) {
  Sizes r = a.rank >= b.rank ? a : b;
  const Sizes& s = a.rank >= b.rank ? b : a;
  for (unsigned i = 1; i <= s.rank; ++i) {
    std::int64_t& d = r.at[r.rank - i];
    const std::int64_t e = s.at[s.rank - i];
    if (d == 1)
      d = e;
    else if (e != 1 && e != d)
      fail<ShapeError>("[{}] shapes do not broadcast: {} and {}", op, text_of(a), text_of(b));
  }
  return r;
}

}  // namespace mushin::core
