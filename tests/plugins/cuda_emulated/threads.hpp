// The threads of a block, each with a stack of its own on one thread of the host: what waits for others lets them go on. So the kernels run
// by the code that a GPU runs, with its barriers and shuffles.
#pragma once
#include <cstring>
#include <functional>

namespace emulated {

/// Runs `thread` as many times as the block has threads, one of them at a time; before one goes on, `resume` is told which. A warp goes on
/// as far as it can before another one does, in an order that changes at each of the block's barriers. False, with a sentence on stderr,
/// where they wait for what never comes.
bool run_block(unsigned threads, const std::function<void()>& thread, void (*resume)(unsigned));

// Called by the threads of a block.

/// Until all threads of the block have come here.
void meet_block();
/// Until all 32 of the caller's warp have.
void meet_warp();
/// Likewise; gives what the lane `from` of the warp has brought. All bring as many bytes.
void exchange(const void* mine, void* theirs, unsigned bytes, unsigned from);
unsigned lane();

template <class T>
T shuffle(T mine, unsigned from) {
  static_assert(sizeof(T) <= 16);
  T theirs;
  exchange(&mine, &theirs, sizeof mine, from);
  return theirs;
}

}  // namespace emulated
