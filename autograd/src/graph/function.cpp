#include "mushin/autograd/core/function.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "graph/anomaly.hpp"
#include "graph/check.hpp"
#include "graph/hooks.hpp"
#include "graph/pullback.hpp"
#include "graph/thread_state.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::core {
namespace {

void pull_function(Pullback& p) {
  const GraphNode& n = p.node();
  const auto count = n.operands;
  const auto wanted = std::make_unique<bool[]>(count);
  const auto head = std::make_unique<GraphHead*[]>(count);
  std::vector<Traced> gradient(count);
  for (unsigned i = 0; i < count; ++i) {
    wanted[i] = p.wants(i);
    head[i] = n.inputs()[i];
  }
  n.extras->function->pull({p.cotangent(), &p.node(), head.get(), n.extras->sizes.data(), wanted.get(), gradient.data(), p.linked()});
  for (unsigned i = 0; i < count; ++i) {
    if (!wanted[i] || !gradient[i]) continue;
    if (!n.extras->sizes.empty())
      check_same_sizes(n.extras->name, "a gradient has its operand's shape", n.extras->sizes[i], gradient[i].sizes());
    p.give_whole(i, p.linked() ? std::move(gradient[i]) : Traced(gradient[i].value()));
  }
}
constexpr Rule function_rule{"function", {}, pull_function};

}  // namespace

Function::~Function() = default;

Traced record_function(const char* name, Array value, const Traced* operands, unsigned count, Function* owned) {
  auto extras = std::make_unique<Extras>();
  extras->function.reset(owned);
  const bool traced = std::any_of(operands, operands + count, [](const Traced& t) { return t.node(); });
  if (thread_state.silent() || !traced) return value;
  extras->name = name;
  std::vector<GraphNode*> nodes;
  for (unsigned i = 0; i < count; ++i) {
    nodes.push_back(static_cast<GraphNode*>(operands[i].node()));
    extras->sizes.push_back(operands[i].sizes());
  }
  Traced result = record_extras(std::move(value), nodes, std::move(extras));
  if (thread_state.watched()) {
    std::vector<const Traced*> all;
    for (unsigned i = 0; i < count; ++i) all.push_back(&operands[i]);
    check_result(result, all.data(), count);
  }
  return result;
}

Traced record_extras(Array value, const std::vector<GraphNode*>& operands, std::unique_ptr<Extras> extras) {
  const std::size_t count = operands.size();
  if (count > most_operands) fail_graph(extras->name, fmt::format("at most {} operands: {}", most_operands, count).c_str());
  if (count > max_operands) extras->operands.resize(count);
  OpNode* n = new_node(function_rule);
  GraphNode** inputs = count > max_operands ? extras->operands.data() : n->operand;
  std::uint64_t newest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto* in = inputs[i] = operands[i];
    if (!in) continue;
    add_ref(in);
    newest = std::max(newest, in->sequence);
  }
  n->operands = static_cast<std::uint16_t>(count);
  n->sequence = next_sequence(newest);
  n->type = value.type();
  n->extras = extras.release();
  if (thread_state.watched()) keep_calls(*n);
  return Traced(std::move(value), n);
}

void fail_graph(const char* name, const char* rule) { throw GraphError(fmt::format("[{}] {}", name, rule).c_str()); }

}  // namespace mushin::core
