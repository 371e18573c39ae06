#undef _FORTIFY_SOURCE  // it takes jumps to other stacks for errors
#include "threads.hpp"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <vector>

namespace emulated {
namespace {

constexpr unsigned warp = 32;
constexpr std::size_t stack_bytes = std::size_t{1} << 18;

enum class State { runs, at_warp, at_block, done };

struct Fiber {
  ucontext_t start{};
  bool begun = false;
  jmp_buf here{};  // where it goes on: contexts would ask the kernel for signals each time
  void* stack = nullptr;
  State state = State::done;
  unsigned shuffles = 0;
  struct Brought {
    unsigned bytes = 0;
    std::array<unsigned char, 16> value{};
  } brought[2];  // by turns: who is late reads what those ahead have brought before
};

class Block {
 public:
  ~Block() {
    for (const auto& f : fibers_) munmap(f->stack, stack_bytes);
  }
  bool run(unsigned threads, const std::function<void()>& thread, void (*resume)(unsigned)) {
    thread_ = &thread;
    while (fibers_.size() < threads) add();
    for (unsigned i = 0; i < threads; ++i) fibers_[i]->state = State::runs, fibers_[i]->shuffles = 0;
    for (bool forward = true;; forward = !forward) {
      const unsigned warps = (threads + warp - 1) / warp;
      for (unsigned w = 0; w < warps; ++w) {
        const unsigned first = (forward ? w : warps - 1 - w) * warp, end = std::min(first + warp, threads);
        do run_lanes(first, end, forward, resume);
        while (release(first, end, State::at_warp));
      }
      if (all(0, threads, State::done)) return true;
      if (!release(0, threads, State::at_block)) return abandon(threads);
    }
  }

  void wait(State at) {
    Fiber& f = *fibers_[current_];
    f.state = at;
    if (_setjmp(f.here) == 0) _longjmp(host_, 1);
  }
  void exchange(const void* mine, void* theirs, unsigned bytes, unsigned from) {
    Fiber& f = *fibers_[current_];
    const unsigned turn = f.shuffles++ % 2, first = current_ / warp * warp;
    f.brought[turn].bytes = bytes;
    std::memcpy(f.brought[turn].value.data(), mine, bytes);
    wait(State::at_warp);
    const Fiber::Brought& other = fibers_[first + from % warp]->brought[turn];
    std::memcpy(theirs, other.value.data(), bytes);
    if (other.bytes != bytes) std::fprintf(stderr, "lanes of a warp are at different shuffles\n"), std::memset(theirs, 0x5A, bytes);
  }
  unsigned current() const { return current_; }

 private:
  void add() {
    auto f = std::make_unique<Fiber>();
    f->stack = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    fibers_.push_back(std::move(f));
    begin(*fibers_.back());
  }
  void begin(Fiber& f) {
    f.begun = false;
    getcontext(&f.start);
    f.start.uc_stack.ss_sp = f.stack, f.start.uc_stack.ss_size = stack_bytes;
    f.start.uc_link = nullptr;
    makecontext(&f.start, live, 0);
  }
  [[gnu::noinline]] void go_on(Fiber& f) {
    if (_setjmp(host_) != 0) return;
    if (f.begun) _longjmp(f.here, 1);
    f.begun = true;
    setcontext(&f.start);
  }
  static void live();  // of a fiber: one thread after the other, of all blocks

  bool all(unsigned first, unsigned end, State s) const {
    for (unsigned i = first; i < end; ++i)
      if (fibers_[i]->state != s) return false;
    return true;
  }
  void run_lanes(unsigned first, unsigned end, bool forward, void (*resume)(unsigned)) {
    for (unsigned k = first; k < end; ++k) {
      current_ = forward ? k : first + end - 1 - k;
      if (fibers_[current_]->state != State::runs) continue;
      resume(current_);
      go_on(*fibers_[current_]);
    }
  }
  // Whether all have met there; then they go on.
  bool release(unsigned first, unsigned end, State at) {
    if (!all(first, end, at)) return false;
    for (unsigned i = first; i < end; ++i) fibers_[i]->state = State::runs;
    return true;
  }
  bool abandon(unsigned threads) {
    unsigned n[4] = {};
    for (unsigned i = 0; i < threads; ++i) ++n[static_cast<int>(fibers_[i]->state)], begin(*fibers_[i]);
    std::fprintf(stderr, "threads of a block wait for what never comes: %u for their warp, %u for their block, %u have ended\n", n[1], n[2],
                 n[3]);
    return false;
  }

  std::vector<std::unique_ptr<Fiber>> fibers_;
  const std::function<void()>* thread_ = nullptr;
  jmp_buf host_{};
  unsigned current_ = 0;
};

thread_local Block block;

void Block::live() {
  for (;;) {
    (*block.thread_)();
    block.wait(State::done);
  }
}

}  // namespace

bool run_block(unsigned threads, const std::function<void()>& thread, void (*resume)(unsigned)) {
  return block.run(threads, thread, resume);
}
void meet_block() { block.wait(State::at_block); }
void meet_warp() { block.wait(State::at_warp); }
void exchange(const void* mine, void* theirs, unsigned bytes, unsigned from) { block.exchange(mine, theirs, bytes, from); }
unsigned lane() { return block.current() % warp; }

}  // namespace emulated
