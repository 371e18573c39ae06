#include "graph/hooks.hpp"

#include <fmt/format.h>

#include <mutex>

#include "graph/anomaly.hpp"
#include "graph/check.hpp"
#include "mushin/autograd/core/function.hpp"
#include "mushin/tensor/core/source_line.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {

constinit std::atomic<std::int64_t> reasons_to_observe{0};

namespace {

/// Guards what is in slots, and which of them a node has: a variable's are seen by the passes of all threads.
std::mutex& guard() {
  static auto* it = new std::mutex;  // graphs may be destroyed after static destructors
  return *it;
}

std::vector<std::shared_ptr<GradientFunction>> functions_of(const GraphNode& n) {
  std::vector<std::shared_ptr<GradientFunction>> out;
  const std::lock_guard lock(guard());
  std::erase_if(n.extras->hooks, [](const auto& slot) { return !slot->function; });
  for (const auto& slot : n.extras->hooks) out.push_back(slot->function);
  return out;
}

}  // namespace

GradientFunction::~GradientFunction() = default;

struct HookHandle::Slot {
  std::weak_ptr<HookSlot> it;
};

HookHandle add_hook(const Traced& value, GradientFunction* owned) {
  auto slot = std::make_shared<HookSlot>();
  slot->function.reset(owned);
  if (!value.node())
    throw GraphError(
        fmt::format("[on_gradient] the value was made from no variable while recording: it has no gradient{}", called_at()).c_str());
  HookHandle handle(new HookHandle::Slot{slot});
  const std::lock_guard lock(guard());
  slot->reason.emplace();
  extras_of(*static_cast<GraphNode*>(value.node())).hooks.push_back(std::move(slot));
  return handle;
}

HookHandle::~HookHandle() { delete slot_; }

void HookHandle::remove() noexcept {
  std::shared_ptr<GradientFunction> removed;  // destroyed when the lock is gone
  const std::shared_ptr<HookSlot> slot = slot_ ? slot_->it.lock() : nullptr;
  if (!slot) return;
  const std::lock_guard lock(guard());
  removed.swap(slot->function);
  slot->reason.reset();
}

bool run_hooks(const GraphNode& n, Traced& gradient, bool linked) {
  if (!n.extras || n.extras->hooks.empty()) return false;
  bool replaced = false;
  for (const auto& function : functions_of(n)) {
    if (linked && !function->differentiable())
      throw GraphError(fmt::format("[on_gradient] a hook on {} takes constants alone, so that the gradient it gives has no gradient: write "
                                   "it for any const auto& g{}",
                                   name_of(n), forward_call(n))
                           .c_str());
    Traced given = function->call(gradient, linked);
    if (!given) continue;
    check_same_sizes("on_gradient", fmt::format("a hook on {} keeps the gradient's shape", name_of(n)).c_str(), gradient.sizes(),
                     given.sizes());
    gradient = linked ? std::move(given) : Traced(given.value());
    replaced = true;
  }
  return replaced;
}

}  // namespace mushin::core
