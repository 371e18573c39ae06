#include "mushin/nn/module.hpp"

#include <functional>

#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::nn::detail {

void check_order(std::initializer_list<const void*> members) {
  for (auto m = members.begin(); m + 1 < members.end(); ++m)
    if (!std::less<>{}(m[0], m[1])) throw Error("[MUSHIN_MODULE] list the members in the order of declaration");
}

void MemberPath::enter(MemberName name) {
  lengths_.push_back(name_.size());
  if (!name_.empty()) name_ += '.';
  name_.append(name.begin, name.size);
}
void MemberPath::enter(std::size_t index) {
  const std::string digits = std::to_string(index);
  enter(MemberName{digits.data(), static_cast<unsigned>(digits.size())});
}
void MemberPath::leave() {
  name_.resize(lengths_.back());
  lengths_.pop_back();
}
void to(Parameters parameters, Device device) {
  std::vector<core::Array> moved;
  for (const auto& p : parameters) moved.push_back(core::to_device(p.leaf.traced().value(), device.raw()));
  for (std::size_t i = 0; i < moved.size(); ++i) {
    parameters[i].leaf.set(std::move(moved[i]));
    parameters[i].leaf.zero_grad();
  }
}

void FindParameters::found(const core::Leaf& leaf) { parameters_.push_back({path(), leaf.alias()}); }

}  // namespace mushin::nn::detail
