#include "core/block_cache.hpp"

#include <algorithm>

namespace mushin::core {

void BlockCache::list(Block* b) {
  b->number = all_.size();
  all_.push_back(b);
}

void BlockCache::strike(const Block* b) noexcept {
  all_[b->number] = all_.back();
  all_[b->number]->number = b->number;
  all_.pop_back();
}

void BlockCache::link(Block* b) noexcept {
  Block*& first = free_[b->size_class];
  b->cached = true;
  b->before = nullptr;
  b->next = first;
  if (first) first->before = b;
  first = b;
}

void BlockCache::unlink(Block* b) noexcept {
  (b->before ? b->before->next : free_[b->size_class]) = b->next;
  if (b->next) b->next->before = b->before;
  b->cached = false;
}

bool BlockCache::enter(Block* b, std::size_t limit) {
  const std::lock_guard locked(lock);
  if (b->bytes > limit || from_system_ > limit - b->bytes) return false;
  list(b);
  from_system_ += b->bytes;
  count_peak();
  return true;
}

void BlockCache::forget(Block* b) noexcept {
  const std::lock_guard locked(lock);
  strike(b);
  from_system_ -= b->bytes;
}

namespace {

// The smallest, and of equals the one that was let go of last. Nothing is smaller than `least`.
Block* best_of(Block* list, std::size_t least, std::uint64_t done) noexcept {
  Block* best = nullptr;
  for (Block* b = list; b; b = b->next) {
    if (b->last_use > done || (best && b->bytes >= best->bytes)) continue;
    best = b;
    if (b->bytes == least) break;
  }
  return best;
}

// Where the device wants blocks more strictly aligned than sizes are, they stay whole.
bool may_cut(const Block* b) noexcept { return b->size_class >= small_classes && b->device->info.mem_align <= small_bytes / 4; }

}  // namespace

Block* BlockCache::find(SizeClass wanted, std::uint64_t done, bool any) const noexcept {
  if (Block* b = best_of(free_[wanted.index], wanted.bytes, done)) return b;
  if (wanted.index < small_classes) return nullptr;
  const std::uint32_t from = any ? wanted.index + 1 : SizeClass::above(wanted.bytes + least_rest(wanted.bytes)).index;
  const std::uint32_t until = any ? SizeClass::count : std::min(SizeClass::count, wanted.index + 4 * most_octaves + 1);
  for (std::uint32_t k = from; k < until; ++k) {
    Block* b = best_of(free_[k], 0, done);
    if (b && (any || may_cut(b))) return b;
  }
  return nullptr;
}

// The bytes behind the first `bytes` become a free block.
void BlockCache::cut(Block* b, std::size_t bytes) {
  auto* rest = new Block{0, 0, nullptr, nullptr, b->bytes - bytes, b->device, nullptr, b->op, 0};
  try {
    list(rest);
  } catch (...) {
    delete rest;
    throw;
  }
  unlink(b);
  rest->last_use = b->last_use;
  if (b->device->host_memory) {
    rest->data = b->data + bytes;
    rest->buffer = reinterpret_cast<mu_buffer*>(rest->data);
  } else {
    rest->buffer = b->buffer;
    rest->begin = b->begin + bytes;
  }
  rest->left = b;
  rest->right = b->right;
  if (b->right) b->right->left = rest;
  b->right = rest;
  b->bytes = bytes;
  rest->size_class = SizeClass::below(rest->bytes);
  b->size_class = SizeClass::below(bytes);
  link(rest);
  link(b);
}

// Both are in no list.
Block* BlockCache::join(Block* b, Block* right) noexcept {
  b->bytes += right->bytes;
  b->last_use = std::max(b->last_use, right->last_use);
  b->right = right->right;
  if (b->right) b->right->left = b;
  b->size_class = SizeClass::below(b->bytes);
  strike(right);
  delete right;
  return b;
}

Block* BlockCache::take(SizeClass wanted, std::uint64_t done, bool any) {
  const std::lock_guard locked(lock);
  if (any && wanted.index < small_classes) wanted = SizeClass::above(small_bytes + 1);
  Block* b = find(wanted, done, any);
  if (!b) return nullptr;
  if (may_cut(b) && b->bytes - wanted.bytes >= least_rest(wanted.bytes)) cut(b, wanted.bytes);
  unlink(b);
  cached_ -= b->bytes;
  count_peak();
  return b;
}

void BlockCache::put(Block* b) noexcept {
  const std::lock_guard locked(lock);
  cached_ += b->bytes;
  if (Block* l = b->left; l && l->cached) unlink(l), b = join(l, b);
  if (Block* r = b->right; r && r->cached) unlink(r), b = join(b, r);
  link(b);
}

Block* BlockCache::take_whole() noexcept {
  const std::lock_guard locked(lock);
  Block* taken = nullptr;
  for (Block* first : free_)
    for (Block *b = first, *next; b; b = next) {
      next = b->next;
      if (b->left || b->right) continue;
      unlink(b);
      strike(b);
      from_system_ -= b->bytes;
      cached_ -= b->bytes;
      b->next = taken;
      taken = b;
    }
  return taken;
}

MemoryStats BlockCache::stats() {
  const std::lock_guard locked(lock);
  MemoryStats now{from_system_ - cached_, cached_, peak_, 0, 0};
  for (const Block* first : free_)
    for (const Block* b = first; b; b = b->next) {
      if (b->left || b->right) now.fragmented += b->bytes;
      now.largest_free = std::max(now.largest_free, b->bytes);
    }
  return now;
}

}  // namespace mushin::core
