#include "optimizers/support.hpp"

#include <algorithm>

namespace mushin::nn {

std::vector<core::Leaf> distinct(Parameters parameters) {
  std::vector<core::Leaf> out;
  for (auto& p : parameters) {
    const auto same = [&p](const core::Leaf& leaf) { return leaf.traced().node() == p.leaf.traced().node(); };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(std::move(p.leaf));
  }
  return out;
}

core::Array blend(const core::Array& old, double beta, const core::Array& fresh) {
  core::Array part = scaled(fresh, 1 - beta);
  return old ? core::add(scaled(old, beta), part) : part;
}

core::Array towards(const core::Array& old, double part, const core::Array& fresh) {
  return old ? core::add(old, scaled(core::sub(fresh, old), part)) : scaled(fresh, part);
}

void store(std::initializer_list<core::Array*> to, std::initializer_list<core::Array> from) {
  core::assign(to.begin(), from.begin(), static_cast<unsigned>(to.size()));
}
void store(core::Assignments& updates, std::initializer_list<core::Array*> to, std::initializer_list<core::Array> from) {
  updates.add(to.begin(), from.begin(), static_cast<unsigned>(to.size()));
}

}  // namespace mushin::nn
