#include "core/many.hpp"

#include <algorithm>
#include <utility>

#include "core/capture.hpp"

namespace mushin::core {

bool Many::take(const Plan* plan, const Program& p, const mu_tensor* views, Node* const* made, Block* const* block,
                const std::uint64_t* offset) {
  if (!plan->plan || !plan->device->many.run) return false;
  if (plan != plan_ || full()) give();
  plan_ = plan, n_in_ = p.n_in, n_out_ = p.n_out;
  if (capturing())
    for (unsigned i = 0; i < n_in_; ++i)
      if (const Block* b = p.in[i]->block) read_.push_back(b);
  made_.reserve(made_.size() + n_out_);
  views_.insert(views_.end(), views, views + n_in_ + n_out_);
  for (unsigned k = 0; k < n_out_; ++k) {
    made[k]->block = block[k], made[k]->offset = offset[k];
    made_.push_back(share(made[k]));
  }
  ++n_;
  return true;
}

bool Many::makes(const Program& p) const noexcept {
  return n_ > 0 && std::any_of(p.made, p.made + p.n_inst, [](const Node* n) { return n->block != nullptr; });
}

void Many::give() {
  if (n_ == 0) return;
  if (capturing()) {  // others may have run since
    for (const Block* b : read_) capture::viewed(b);
    for (const Array& a : made_) capture::viewed(node_of(a)->block);
  }
  run_plans("pointwise", plan_, n_, n_in_, n_out_, views_.data());
  for (const Array& a : made_) become_buffer(node_of(a), node_of(a)->block, node_of(a)->offset);
  n_ = 0;
  views_.clear(), made_.clear(), read_.clear();
}

void Many::forget() noexcept {
  for (const Array& a : made_) drop_ref(std::exchange(node_of(a)->block, nullptr));
}

}  // namespace mushin::core
