// Memory of one size, kept by the thread that freed it: the next graph of the same program finds it there. A thread that gathers much of it
// hands some over, a thread that runs out takes that. It stays with the process: freed one by one, a million nodes would cost more than
// all else that is done with them.
#pragma once
#include <cstddef>
#include <mutex>
#include <new>

namespace mushin::core {

/// Has the lists of this thread closed when it ends.
void close_at_thread_end();

/// Constant-initialised and trivially destroyed, so that a thread_local one costs no guard.
template <std::size_t Size>
class FreeList {
 public:
  void* take() {
    if (!first_) refill();
    Block* block = first_;
    first_ = block->next;
    --count_;
    return block;
  }
  void give(void* memory) noexcept {
    auto* block = static_cast<Block*>(memory);
    block->next = first_;
    first_ = block;
    if (++count_ >= most || closed_) [[unlikely]]
      hand_over(closed_ ? 0 : most - batch);
    if (count_ == 1) [[unlikely]]
      close_at_thread_end();
  }
  /// The thread is ending.
  void close() noexcept {
    closed_ = true;
    hand_over(0);
  }

 private:
  static constexpr unsigned batch = (64 << 10) / Size, most = 16 * batch;
  struct Block {
    Block *next, *next_batch;
    unsigned count;  // of a batch, in its first block
  };
  static_assert(Size >= sizeof(Block));
  struct Shared {
    std::mutex mutex;
    Block* batches = nullptr;
  };
  static Shared& shared() {
    static auto* it = new Shared;  // graphs may be destroyed after static destructors
    return *it;
  }

  [[gnu::noinline]] void refill() {
    close_at_thread_end();
    {
      const std::lock_guard lock(shared().mutex);
      if (Block* list = shared().batches) {
        shared().batches = list->next_batch;
        first_ = list;
        count_ = list->count;
        return;
      }
    }
    auto* memory = static_cast<std::byte*>(::operator new(batch* Size));
    for (unsigned i = batch; i-- > 0;) first_ = new (memory + i * Size) Block{first_, nullptr, 0};
    count_ = batch;
  }
  /// All but the last `keep`, in batches.
  [[gnu::noinline]] void hand_over(unsigned keep) noexcept {
    while (count_ > keep) {
      Block *list = first_, *last = list;
      const unsigned length = count_ - keep < batch ? count_ - keep : batch;
      for (unsigned i = 1; i < length; ++i) last = last->next;
      first_ = last->next;
      count_ -= length;
      last->next = nullptr;
      list->count = length;
      const std::lock_guard lock(shared().mutex);
      list->next_batch = shared().batches;
      shared().batches = list;
    }
  }

  Block* first_;
  unsigned count_;
  bool closed_;
};

}  // namespace mushin::core
