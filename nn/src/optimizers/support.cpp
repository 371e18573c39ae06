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

void store(std::initializer_list<core::Array*> to, std::initializer_list<core::Array> from) {
  const auto count = static_cast<unsigned>(to.size());
  if (std::all_of(to.begin(), to.end(), [](auto* a) { return static_cast<bool>(*a); }))
    return core::assign(to.begin(), from.begin(), count);
  core::evaluate(from.begin(), count);
  auto value = from.begin();
  for (core::Array* a : to) *a = *value++;
}

}  // namespace mushin::nn
