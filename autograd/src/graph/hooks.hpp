// Functions that see gradients on their way.
#pragma once
#include <atomic>

#include "graph/node.hpp"
#include "mushin/autograd/core/hook.hpp"
#include "mushin/tensor/core/source_line.hpp"

namespace mushin::core {

/// Where a hook stands; empty once removed.
struct HookSlot {
  std::shared_ptr<GradientFunction> function;
};

/// Whether any value of the process has had a hook, or a guard has lived: else passes need not look.
extern constinit std::atomic<bool> passes_are_observed;
/// Lets the node's hooks, in their order, see and replace its complete gradient. True: one replaced it.
bool run_hooks(const GraphNode&, Traced& gradient, bool linked);

}  // namespace mushin::core
