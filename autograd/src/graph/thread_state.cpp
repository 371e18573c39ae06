#include "graph/thread_state.hpp"

#include "mushin/autograd/core/graph.hpp"

namespace mushin::core {

constinit thread_local ThreadState thread_state{};

void close_at_thread_end() {
  struct Closer {
    ~Closer() {
      thread_state.nodes.close();
      thread_state.leaves.close();
      thread_state.sizes.close();
      delete std::exchange(thread_state.lists, nullptr);
    }
  };
  thread_local Closer closer;
  static_cast<void>(closer);
}

NoRecording::NoRecording() noexcept : before_(thread_state.set(silent_mode, true)) {}
NoRecording::~NoRecording() { thread_state.set(silent_mode, before_); }

std::int64_t graph_node_count() noexcept { return thread_state.alive; }
std::int64_t observed_pass_count() noexcept { return thread_state.observed; }

}  // namespace mushin::core
