#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <optional>

#include "graph/anomaly.hpp"
#include "graph/check.hpp"
#include "graph/checkpoint.hpp"
#include "graph/fill.hpp"
#include "graph/hooks.hpp"
#include "graph/leaf.hpp"
#include "graph/pass.hpp"
#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "graph/thread_state.hpp"
#include "mushin/autograd/core/graph.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {
namespace {

/// The same error, with the line of the op whose gradient it comes from, if it is known.
template <class E>
[[noreturn]] void fail_at(const E& error, const GraphNode& n) {
  if (!n.extras || !n.extras->calls) throw;
  throw E(fmt::format("{}; gradient of {}{}", error.what(), name_of(n), forward_call(n)).c_str());
}

/// What only some passes do: hooks are run, gradients looked at while an AnomalyGuard lives, and errors given the lines that one kept.
class Observer {
 public:
  Observer(const Traced& seed, KeptValues values) : linked_(values == KeptValues::linked) {
    if (thread_state.watched()) watch_.emplace(seed);
  }
  /// When all of an entry's cotangent is there.
  void before(const Pass& pass, Pass::Entry& e) const {
    if (!e.wanted || !e.cotangent || !pass.completes(*e.node)) return;
    if (run_hooks(*e.node, e.cotangent, linked_) && watch_) watch_->check_hooked(*e.node, e.cotangent);
  }
  void pull(Pass& pass, const Pass::Entry& e, Pullback& pullback) const {
    try {
      e.node->rule->pull(pullback);
    } catch (const GraphError& error) {
      fail_at(error, *e.node);
    } catch (const ShapeError& error) {
      fail_at(error, *e.node);
    }
    if (watch_) watch_->check(pass, *e.node);
  }

 private:
  bool linked_;
  std::optional<GradientWatch> watch_;
};

/// While a large graph is pulled, its nodes come from memory: they are asked for a few ops before.
constexpr std::ptrdiff_t ahead = 8;
void prefetch(const GraphNode& n) {
  const auto* bytes = reinterpret_cast<const char*>(&n);
  for (std::size_t at = 0; at < sizeof(OpNode); at += 64) __builtin_prefetch(bytes + at, 1);
}

/// `Observed`: Observer, or nothing for passes that none has anything to do in.
template <class Observed>
void sweep(Pass& pass, KeptValues values, const Observed* observer) {
  const std::span<Pass::Entry> ops = pass.ops();
  for (Pass::Entry& e : ops) {
    if (&ops.back() - &e >= ahead) prefetch(*(&e + ahead)->node);
    pass.join_parts(e);
    if constexpr (std::same_as<Observed, Observer>) observer->before(pass, e);
    if (pass.ends_at(*e.node)) continue;
    // Before the rule is called: if it fails, what it took is gone.
    if (values == KeptValues::moved) e.node->released.store(true, std::memory_order_relaxed);
    auto& op = static_cast<OpNode&>(*e.node);
    if (e.pulled && e.cotangent) {
      Pullback pullback(pass, op, e.cotangent, values);
      if constexpr (std::same_as<Observed, Observer>)
        observer->pull(pass, e, pullback);
      else
        op.rule->pull(pullback);
    }
    if (values == KeptValues::moved) release_kept(op);
    if (e.asked) continue;
    e.cotangent = Traced();
    pass.let_go(e);
  }
  for (Pass::Entry& e : pass.leaves()) {
    pass.join_parts(e);
    if constexpr (std::same_as<Observed, Observer>) observer->before(pass, e);
  }
}

/// Pulls each wanted cotangent through its op's rule, newest first. Cotangents that were asked for stay, those of leaves too.
void sweep(Pass& pass, const Traced& seed, KeptValues values) {
  pass.entries().front().cotangent = seed;
  if (reasons_to_observe.load(std::memory_order_relaxed) == 0) [[likely]]
    return sweep<void>(pass, values, nullptr);
  ++thread_state.observed;
  const Observer observer(seed, values);
  sweep(pass, values, &observer);
}

}  // namespace

void backward(const Traced& z, const Array& cotangent, bool retain) {
  Pass pass("backward", z);
  pass.check_usable("backward");
  check_cotangent("backward", z.sizes(), cotangent.sizes(), pass.entries().front().node);
  sweep(pass, cotangent, retain ? KeptValues::copied : KeptValues::moved);
  for (Pass::Entry& e : pass.leaves()) {
    if (e.cotangent) static_cast<LeafNode*>(e.node)->add_gradient(e.cotangent.value());
    pass.let_go(e);
  }
}

void backward(const Traced& z, bool retain) { backward(z, z ? filled(z.value(), 1) : Array(), retain); }

namespace {
/// A gradient that doesn't depend on its variable is made from it all the same: its own gradient is zero, not an error.
Traced linked_to(const Traced& variable, const Traced& gradient) {
  static constexpr Rule rule{"constant gradient", {}, [](Pullback&) {}};
  return gradient.node() ? gradient : record(rule, gradient.value(), variable);
}
}  // namespace

void gradients(const Traced& z, const Traced* with, Traced* grads, unsigned count, bool create_graph) {
  Pass pass("grad", z);
  auto entry = [&](const Traced& t) { return t.node() ? pass.find(static_cast<GraphNode*>(t.node())) : nullptr; };
  for (unsigned i = 0; i < count; ++i)
    if (auto* e = entry(with[i])) e->asked = true;
  pass.want_paths();
  pass.check_usable("grad");
  sweep(pass, filled(z.value(), 1), create_graph ? KeptValues::linked : KeptValues::copied);
  for (unsigned i = 0; i < count; ++i) {
    auto* e = entry(with[i]);
    grads[i] = e && e->cotangent ? e->cotangent : Traced(filled(with[i].value(), 0));
    if (create_graph) grads[i] = linked_to(with[i], grads[i]);
  }
}

void pull_region(const Traced& z, std::uint32_t region, const FunctionPull& p, unsigned count) {
  Pass pass("checkpoint", z, region);
  for (unsigned i = 0; i < count; ++i)
    if (auto* e = pass.find(static_cast<GraphNode*>(p.operand[i])); e && p.wanted[i]) e->asked = true;
  for (const Pass::Entry& e : pass.entries())
    if (e.node->region != region && std::find(p.operand, p.operand + count, e.node) == p.operand + count)
      fail_graph("checkpoint", fmt::format("the function used another value, made by {}{}, than at first: it must do the same at each call",
                                           name_of(*e.node), forward_call(*e.node))
                                   .c_str());
  pass.want_paths();
  pass.check_usable("checkpoint");
  sweep(pass, p.linked ? p.cotangent : Traced(p.cotangent.value()), p.linked ? KeptValues::linked : KeptValues::moved);
  for (unsigned i = 0; i < count; ++i)
    if (auto* e = pass.find(static_cast<GraphNode*>(p.operand[i])); e && p.wanted[i]) p.gradient[i] = e->cotangent;
}

void reset(const Traced& z) {
  if (!z.node()) return;
  Pass pass("reset", z);
  for (Pass::Entry& e : pass.leaves()) static_cast<LeafNode*>(e.node)->clear_gradient();
}

}  // namespace mushin::core
