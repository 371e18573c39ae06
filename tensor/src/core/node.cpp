#include "core/node.hpp"

#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

#include "core/capture.hpp"

namespace mushin::core {
namespace {

// Nodes are made in one thread and destroyed in another (a data loader's): a thread that gathers more than `most` hands a
// batch back, a thread that runs out takes one. Node memory stays with the process.
constexpr unsigned batch = 64, most = 4 * batch;

struct Free {
  Node* first;
  unsigned count;
};
[[gnu::tls_model("initial-exec")]] thread_local constinit Free mine{nullptr, 0};
[[gnu::tls_model("initial-exec")]] thread_local constinit bool thread_ends = false;

Node*& next(Node* n) { return n->arg[0]; }
Node*& next_batch(Node* n) { return n->arg[1]; }

struct Shared {
  std::mutex mutex;
  Node* batches = nullptr;  // lists; the first node's `mark` says how many
};
Shared& shared() {
  static auto* it = new Shared;  // arrays may be destroyed after static destructors
  return *it;
}

void give(Node* list, unsigned count) {
  std::lock_guard lock(shared().mutex);
  list->mark = count;
  next_batch(list) = shared().batches;
  shared().batches = list;
}

void hand_back(unsigned keep) {
  while (mine.count >= keep + batch) {
    Node *list = mine.first, *last = list;
    for (unsigned i = 1; i < batch; ++i) last = next(last);
    mine.first = next(last);
    mine.count -= batch;
    next(last) = nullptr;
    give(list, batch);
  }
}

struct AtThreadEnd {
  bool used = false;
  ~AtThreadEnd() {
    thread_ends = true;
    if (mine.first) give(mine.first, mine.count);
    mine = {nullptr, 0};
  }
};
thread_local AtThreadEnd at_thread_end;

[[gnu::noinline]] void refill() {
  if (!thread_ends) at_thread_end.used = true;
  {
    std::lock_guard lock(shared().mutex);
    if (Node* list = shared().batches) {
      shared().batches = next_batch(list);
      mine = {list, static_cast<unsigned>(list->mark)};
      return;
    }
  }
  auto* memory = static_cast<std::byte*>(::operator new(batch * sizeof(Node)));
  Node* nodes = nullptr;
  for (unsigned i = batch; i-- > 0;) {
    Node* n = new (memory + i * sizeof(Node)) Node;
    next(n) = std::exchange(nodes, n);
  }
  mine = {nodes, batch};
}

[[gnu::noinline]] void spill() {
  if (!thread_ends) at_thread_end.used = true;
  hand_back(most / 2);
}

}  // namespace

Node* new_node() {
  if (!mine.first) refill();
  Node* n = mine.first;
  mine.first = next(n);
  --mine.count;
  n->refs = 1;
  n->mark = 0;
  n->recording = 0;
  if (capturing()) {
    n->recording = capture::number();
    if (n->recording) capture::born();
  }
  n->block = nullptr;
  n->arg[0] = n->arg[1] = n->arg[2] = nullptr;
  return n;
}

void destroy(NodeHead* head) noexcept {
  Node* n = static_cast<Node*>(head);
  if (capturing() && n->recording) capture::died(n->recording);
  if (n->block) drop_ref(n->block);
  for (Node* a : n->arg)
    if (a) core::drop_ref(static_cast<NodeHead*>(a));
  next(n) = mine.first;
  mine.first = n;
  // The first node of a thread that makes none itself must meet the registration in spill(), too.
  if (++mine.count == 1 || mine.count >= most) spill();
}

bool strides_are_contiguous(const Node* n) {
  std::int64_t s = 1;
  for (unsigned i = n->sizes.rank; i-- > 0;) {
    if (n->sizes.at[i] == 0) return true;
    if (n->sizes.at[i] != 1 && n->stride[i] != s) return false;
    s *= n->sizes.at[i];
  }
  return true;
}

namespace {

[[gnu::always_inline]] inline Array array_over(Block* block, Device* device, dtype type, const Sizes& sizes, std::int64_t count) {
  Node* n = new_node();
  n->type = type;
  n->device = device;
  n->sizes = sizes;
  n->count = count;
  n->block = block;
  n->offset = 0;
  n->floating = n->baked = false;
  set_contiguous(n);
  n->state.store(State::buffer, std::memory_order_relaxed);
  return Array(n);
}

}  // namespace

Array fresh_array(Device* device, dtype type, const Sizes& sizes, std::int64_t count, const char* op) {
  return array_over(allocate(device, static_cast<std::size_t>(count) * bytes_of(type), op), device, type, sizes, count);
}

Array array_to_fill(Device* device, dtype type, const Sizes& sizes, std::int64_t count, const char* op) {
  return array_over(allocate_for_upload(device, static_cast<std::size_t>(count) * bytes_of(type), op), device, type, sizes, count);
}

namespace {

[[gnu::always_inline]] inline void become(Node* n, State state) {
  Node* arg[3];
  for (unsigned i = 0; i < 3; ++i) arg[i] = std::exchange(n->arg[i], nullptr);
  n->state.store(state, std::memory_order_release);
  for (Node* a : arg)
    if (a) drop_ref(static_cast<NodeHead*>(a));
}

}  // namespace

void become_buffer(Node* n, Block* block, std::uint64_t offset) {
  n->block = block;
  n->offset = offset;
  set_contiguous(n);
  become(n, State::buffer);
}

void become_opaque(Node* n, Block* block, const Layout& layout) {
  n->block = block;
  n->offset = 0;
  n->layout = layout;
  become(n, State::opaque);
}

Node* new_view(const Node* from) {
  Node* n = new_node();
  n->type = from->type;
  n->device = from->device;
  n->sizes = from->sizes;
  n->count = from->count;
  n->offset = from->offset;
  n->floating = n->baked = false;
  n->contiguous = from->contiguous;
  for (unsigned i = 0; i < from->sizes.rank; ++i) n->stride[i] = from->stride[i];
  n->block = from->block;
  add_ref(n->block);
  n->state.store(State::buffer, std::memory_order_relaxed);
  return n;
}

void finish_view(Node* n) {
  n->count = n->sizes.count();
  n->contiguous = strides_are_contiguous(n);
  if (n->contiguous) set_contiguous(n);
}

}  // namespace mushin::core
