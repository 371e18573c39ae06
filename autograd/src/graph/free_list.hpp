// Memory of one size, kept by the thread that freed it: the next graph of the same program finds it there.
#pragma once
#include <cstddef>
#include <new>

namespace mushin::core {

/// Constant-initialised and trivially destroyed, so that a thread_local one costs no guard. At most `bound` blocks are kept;
/// the rest goes back to the system.
template <std::size_t Size, unsigned bound>
struct FreeList {
  struct Block {
    Block* next;
  };
  Block* first;
  unsigned count;
  bool closed;  // the thread is ending

  void* take() {
    if (!first) return ::operator new(Size);
    Block* block = first;
    first = block->next;
    --count;
    return block;
  }
  /// True when the list was empty before: the caller makes sure that someone closes it.
  bool give(void* memory) noexcept {
    if (closed || count == bound) {
      ::operator delete(memory);
      return false;
    }
    first = new (memory) Block{first};
    return count++ == 0;
  }
  void close() noexcept {
    closed = true;
    while (first) {
      Block* block = first;
      first = block->next;
      ::operator delete(block);
    }
    count = 0;
  }
};

}  // namespace mushin::core
