// Values in and out of arrays, and evaluation of several at once.
#include "mushin/tensor/core/array.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "core/capture.hpp"
#include "core/evaluate.hpp"
#include "core/fail.hpp"
#include "core/many.hpp"
#include "core/plans.hpp"
#include "core/request.hpp"
#include "mushin/tensor/core/assignments.hpp"

namespace mushin::core {

Array from_values(const Sizes& sizes, dtype type, const void* values) {
  if (capturing())
    capture::refuse("from_values",
                    "takes values from the host, which replays would not see change: make the tensor before, or give it as an input");
  const std::int64_t count = checked_count("from_values", sizes);
  Array made = array_to_fill(default_device(), type, sizes, count, "from_values");
  upload("from_values", node_of(made)->block, 0, values, static_cast<std::size_t>(count) * bytes_of(type));
  return made;
}

void read_all(const Array& a, void* to) {
  const Array stored = contiguous("read", buffer_of(a));
  const Node* n = node_of(stored);
  download("read", to, n->block, n->offset, static_cast<std::size_t>(n->count) * bytes_of(n->type));
}

void read_one(const char* op, const Array& a, const std::int64_t* index, void* to) {
  const Sizes& s = a.sizes();
  for (unsigned i = 0; i < s.rank; ++i)
    if (index[i] < 0 || index[i] >= s.at[i]) fail<ShapeError>("[{}] index {} is outside axis {} of {}", op, index[i], i, text_of(s));
  Node* n = node_of(a);
  if (is_literal(n)) {
    std::memcpy(to, &n->bits, bytes_of(n->type));
    return;
  }
  force(n);
  std::int64_t at = 0;
  for (unsigned i = 0; i < s.rank; ++i) at += index[i] * n->stride[i];
  const std::size_t bytes = bytes_of(n->type);
  download(op, to, n->block, n->offset + static_cast<std::uint64_t>(at) * bytes, bytes);
}

void evaluate(const Array& a) { compute(node_of(a)); }
bool is_expression(const Array& a) noexcept { return node_of(a)->state.load(std::memory_order_acquire) == State::pending; }

std::uint32_t memory_order(const Array& a) noexcept {
  const Node* n = node_of(a);
  if (n->state.load(std::memory_order_acquire) != State::buffer || n->contiguous) return 0;
  unsigned axis[max_rank];
  for (unsigned i = 0; i < a.rank(); ++i) {
    unsigned at = i;
    for (; at > 0 && n->stride[axis[at - 1]] < n->stride[i]; --at) axis[at] = axis[at - 1];
    axis[at] = i;
  }
  std::uint32_t order = 0;
  std::int64_t inner = 1;
  for (unsigned i = a.rank(); i-- > 0;) {
    if (n->stride[axis[i]] != inner) return 0;
    inner *= n->sizes.at[axis[i]];
    order |= axis[i] << (4 * i);
  }
  return order;
}

namespace {

// Calls f(roots, into) for pending nodes of equal sizes on one device together. `into` has entries where `to` isn't null.
void evaluate_together(const Array* arrays, Array* const* to, unsigned count, Many* many = nullptr) {
  if (count == 1) {
    Node* root = node_of(arrays[0]);
    if (root->state.load(std::memory_order_relaxed) != State::pending) return compute_locked(root);
    Node* into = to && *to[0] ? node_of(*to[0]) : nullptr;
    return evaluate_group({&root, 1}, {&into, 1}, many);
  }
  std::vector<bool> done(count, false);
  Node *roots[Program::most_out], *into[Program::most_out];
  for (unsigned i = 0; i < count; ++i) {
    Node* first = node_of(arrays[i]);
    if (done[i]) continue;
    if (first->state.load(std::memory_order_relaxed) != State::pending) {
      compute_locked(first);
      continue;
    }
    std::size_t n = 0;
    for (unsigned k = i; k < count && n < Program::most_out; ++k) {
      Node* r = node_of(arrays[k]);
      if (done[k] || r->device != first->device || !(r->sizes == first->sizes)) continue;
      done[k] = true;
      roots[n] = r;
      into[n++] = to && *to[k] ? node_of(*to[k]) : nullptr;
    }
    evaluate_group({roots, n}, {into, n}, many);
  }
}

}  // namespace

void evaluate(const Array* arrays, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    if (node_of(arrays[i])->state.load(std::memory_order_acquire) == State::product) compute(node_of(arrays[i]));  // without the lock
  std::lock_guard lock(evaluation_lock);
  evaluate_together(arrays, nullptr, count);
}

void assign(Array* const* to, const Array* from, unsigned count) {
  if (capturing())
    for (unsigned i = 0; i < count; ++i) capture::assigned(to[i]);
  {
    std::lock_guard lock(evaluation_lock);
    evaluate_together(from, to, count);
  }
  for (unsigned i = 0; i < count; ++i) {
    if (capturing()) capture_replace(to[i], from[i]);
    *to[i] = from[i];
  }
}

void Assignments::add(Array* const* to, const Array* from, unsigned count) {
  if (count == 0 || !from->device()->many.run) return assign(to, from, count);
  to_.insert(to_.end(), to, to + count);
  from_.insert(from_.end(), from, from + count);
  end_.push_back(to_.size());
}

void Assignments::finish() {
  if (capturing())
    for (Array* place : to_) capture::assigned(place);
  for (std::size_t group = 0; group < end_.size();) group = give(group);
  to_.clear(), from_.clear(), end_.clear();
}

// From that group on, as many as go together. What is computed is in its place then, because its memory may be that of the old value.
std::size_t Assignments::give(std::size_t group) {
  const std::size_t first = first_of(group);
  std::exception_ptr failed;
  std::size_t next = group;
  try {
    const std::lock_guard lock(evaluation_lock);
    Many many;
    for (; next < end_.size() && !many.full(); ++next) {
      const std::size_t begin = first_of(next);
      try {
        evaluate_together(&from_[begin], &to_[begin], static_cast<unsigned>(end_[next] - begin), &many);
      } catch (const OutOfMemory&) {
        if (many.empty()) throw;
        break;  // old values go when their places have the new ones
      }
    }
    many.give();
  } catch (...) {
    failed = std::current_exception();
  }
  for (std::size_t i = first; i < end_[std::min(next, end_.size() - 1)]; ++i) {
    if (is_expression(from_[i])) continue;
    if (capturing()) capture_replace(to_[i], from_[i]);
    *to_[i] = from_[i];
  }
  if (failed) std::rethrow_exception(failed);
  return next;
}

void check_sizes(const char* op, const Sizes& sizes, std::initializer_list<std::int64_t> expected) {
  bool right = sizes.rank == expected.size();
  Sizes wanted;
  unsigned i = 0;
  for (std::int64_t e : expected) {
    wanted.push(e);
    right = right && (e == -1 || sizes.at[i] == e);
    ++i;
  }
  if (right) return;
  std::string text = "(";
  for (unsigned k = 0; k < wanted.rank; ++k)
    text += fmt::format("{}{}", k ? ", " : "", wanted.at[k] < 0 ? "_" : fmt::format("{}", wanted.at[k]));
  fail<ShapeError>("[{}] sizes differ from the type's: {} is not {})", op, text_of(sizes), text);
}

void check_equal(const char* op, const Sizes& a, const Sizes& b, unsigned axes) {
  for (unsigned i = 0; i < max_rank; ++i)
    if (axes >> i & 1u)
      if (i >= a.rank || i >= b.rank || a.at[a.rank - 1 - i] != b.at[b.rank - 1 - i])
        fail<ShapeError>("[{}] sizes differ at run time: a is {}, b is {}", op, text_of(a), text_of(b));
}

}  // namespace mushin::core
