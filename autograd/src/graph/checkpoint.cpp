#include "graph/checkpoint.hpp"

#include <algorithm>
#include <vector>

#include "graph/check.hpp"
#include "graph/leaf.hpp"
#include "graph/pass.hpp"
#include "graph/thread_state.hpp"
#include "mushin/autograd/core/checkpoint.hpp"
#include "mushin/tensor/ops/random.hpp"

namespace mushin::core {
namespace {

/// While one lives, this thread records, and the nodes it makes are of a region of their own.
class Region {
 public:
  Region() : region_(std::exchange(thread_state.region, next())), silent_(thread_state.set(silent_mode, false)) {}
  ~Region() {
    thread_state.region = region_;
    thread_state.set(silent_mode, silent_);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

 private:
  static std::uint32_t next() {
    static std::atomic<std::uint32_t> last{0};
    const std::uint32_t id = ++last;
    return id ? id : ++last;
  }
  std::uint32_t region_;
  bool silent_;
};

struct Run {
  Traced result;
  std::uint32_t region;
};
Run run(Recomputed& f, const Traced* x, std::vector<RandomDraw>& draws) {
  const Region region;
  RandomReplay replay(draws);
  return {f.run(x), thread_state.region};
}
bool made_in(const Run& r) { return r.result.node() && static_cast<GraphNode*>(r.result.node())->region == r.region; }

class Checkpointed final : public Function {
 public:
  explicit Checkpointed(Recomputed* owned) : f_(owned) {}

  /// The function's result, and what it was made from: operands and whatever else the function saw.
  Run first(const Traced* x, unsigned count) {
    Run made = run(*f_, x, draws_);
    if (!made_in(made)) return made;
    Pass pass("checkpoint", made.result, made.region);
    for (const Pass::Entry& e : pass.entries()) {
      if (e.node->region == made.region) continue;
      operands_.push_back(e.node);
      seen_.push_back(e.node->rule ? Array() : static_cast<LeafNode*>(e.node)->handle.value());
    }
    for (unsigned i = 0; i < count; ++i) {
      const auto at = std::find(operands_.begin(), operands_.end(), x[i].node()) - operands_.begin();
      input_.push_back({x[i].value(), static_cast<std::size_t>(at)});
    }
    sizes_ = made.result.sizes();
    return made;
  }
  Traced plain(const Traced* x) { return f_->run(x); }
  const std::vector<GraphNode*>& operands() const { return operands_; }

  void pull(const FunctionPull& p) override {
    for (std::size_t i = 0; i < seen_.size(); ++i)
      if (seen_[i] && static_cast<LeafNode*>(p.operand[i])->handle.value().node() != seen_[i].node())
        fail_graph("checkpoint", "a variable that the function reads was set after the first call: call backward() before");
    std::vector<Traced> x;
    for (const Input& in : input_) x.push_back(linked_to(in.value, in.operand < seen_.size() ? p.operand[in.operand] : nullptr));
    std::vector<RandomDraw> draws = draws_;
    const Run again = run(*f_, x.data(), draws);
    x.clear();
    if (!made_in(again)) fail_graph("checkpoint", "the function gave a result made from nothing: it must do the same at each call");
    check_same_sizes("checkpoint", "the function gives the same shape at each call", sizes_, again.result.sizes());
    pull_region(again.result, again.region, p, static_cast<unsigned>(seen_.size()));
  }
  std::int64_t saved_bytes() const noexcept override {
    std::int64_t bytes = 0;
    for (const Input& in : input_) bytes += in.value.sizes().count() * static_cast<std::int64_t>(bytes_of(in.value.type()));
    return bytes;
  }

 private:
  struct Input {
    Array value;
    std::size_t operand;  // beyond the last: the result doesn't depend on it
  };
  std::unique_ptr<Recomputed> f_;
  std::vector<RandomDraw> draws_;
  std::vector<Input> input_;
  std::vector<GraphNode*> operands_;  // the node that owns this refers to them
  std::vector<Array> seen_;           // the values of those that are variables
  Sizes sizes_;
};

}  // namespace

Recomputed::~Recomputed() = default;

Traced checkpoint(Recomputed* owned, const Traced* x, unsigned count) {
  auto made = std::make_unique<Checkpointed>(owned);
  if (thread_state.silent()) return made->plain(x);
  const Run r = made->first(x, count);
  if (!made_in(r)) return r.result;
  auto extras = std::make_unique<Extras>();
  extras->name = "checkpoint";
  const std::vector<GraphNode*> operands = made->operands();
  extras->function = std::move(made);
  return record_extras(r.result.value(), operands, std::move(extras));
}

}  // namespace mushin::core
