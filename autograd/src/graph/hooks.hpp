// Functions that see gradients on their way.
#pragma once
#include <atomic>
#include <optional>

#include "graph/node.hpp"
#include "mushin/autograd/core/hook.hpp"
#include "mushin/tensor/core/source_line.hpp"

namespace mushin::core {

/// Hooks, guards, and ops whose calls are known, in all of the process: where there are none, passes need not look for them.
extern constinit std::atomic<std::int64_t> reasons_to_observe;
class ReasonToObserve {
 public:
  ReasonToObserve() noexcept { reasons_to_observe.fetch_add(1, std::memory_order_relaxed); }
  ~ReasonToObserve() { reasons_to_observe.fetch_sub(1, std::memory_order_relaxed); }
  ReasonToObserve(const ReasonToObserve&) = delete;
  ReasonToObserve& operator=(const ReasonToObserve&) = delete;
};

/// Where a hook stands; empty once removed.
struct HookSlot {
  std::shared_ptr<GradientFunction> function;
  std::optional<ReasonToObserve> reason;
};

/// Lets the node's hooks, in their order, see and replace its complete gradient. True: one replaced it.
bool run_hooks(const GraphNode&, Traced& gradient, bool linked);

}  // namespace mushin::core
