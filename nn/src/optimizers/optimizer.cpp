#include "mushin/nn/optimizers/optimizer.hpp"

#include <algorithm>
#include <utility>

#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/io/safetensors.hpp"
#include "mushin/tensor/ops/transfer.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {
namespace {

bool same_leaf(const core::Leaf& a, const core::Leaf& b) { return a.traced().node() == b.traced().node(); }

std::string described(const core::Array& a) {
  std::string out = fmt::format("{} (", safetensors_name(a.type()));
  for (unsigned i = 0; i < a.rank(); ++i) out += (i ? ", " : "") + std::to_string(a.sizes()[i]);
  return out + ")";
}

double number_in(const core::Array& a) {
  double value;
  core::read_one("state_dict", a, nullptr, &value);
  return value;
}

core::Array f64(double value) { return core::from_values({}, dtype::f64, &value); }

/// The entries of a state by name, each asked for once; remembers what is wrong with them.
class Wanted {
 public:
  explicit Wanted(const StateDict& state) : state_(state), used_(state.size()) {}

  /// Null when there is none. `like`: whose sizes and, but for numbers, element type it has.
  const core::Array* find(const std::string& name, const core::Array& like, bool needed) {
    const auto at = std::find_if(state_.begin(), state_.end(), [&](const StateEntry& e) { return e.name == name; });
    if (at == state_.end()) {
      if (needed) say(fmt::format("missing {} {}", name, described(like)));
      return nullptr;
    }
    used_[static_cast<std::size_t>(at - state_.begin())] = true;
    if (at->value.sizes() == like.sizes() && at->value.type() == like.type()) return &at->value;
    say(fmt::format("{} is {}, wanted {}", name, described(at->value), described(like)));
    return nullptr;
  }
  std::string finish() {
    for (std::size_t i = 0; i < used_.size(); ++i)
      if (!used_[i]) say(fmt::format("extra {} {}", state_[i].name, described(state_[i].value)));
    return std::move(wrong_);
  }

 private:
  void say(const std::string& clause) { wrong_ += (wrong_.empty() ? "" : "; ") + clause; }
  const StateDict& state_;
  std::vector<bool> used_;
  std::string wrong_;
};

}  // namespace

Optimizer::Optimizer(const char* op, std::initializer_list<const char*> state, std::initializer_list<const char*> numbers)
    : op_(op), state_names_(state), number_names_(numbers) {}
Optimizer::~Optimizer() {
  for (OptimizerReference* r : references_) r->optimizer_ = nullptr;
}
Optimizer::Optimizer(Optimizer&& other) noexcept
    : op_(other.op_),
      state_names_(std::move(other.state_names_)),
      number_names_(std::move(other.number_names_)),
      groups_(std::move(other.groups_)),
      references_(std::move(other.references_)) {
  for (OptimizerReference* r : references_) r->optimizer_ = this;
}
Optimizer& Optimizer::operator=(Optimizer&& other) noexcept {
  if (this == &other) return *this;
  for (OptimizerReference* r : references_) r->optimizer_ = nullptr;
  op_ = other.op_;
  state_names_ = std::move(other.state_names_);
  number_names_ = std::move(other.number_names_);
  groups_ = std::move(other.groups_);
  references_ = std::exchange(other.references_, {});
  for (OptimizerReference* r : references_) r->optimizer_ = this;
  return *this;
}

OptimizerReference::OptimizerReference(Optimizer& optimizer) { join(&optimizer); }
OptimizerReference::OptimizerReference(const OptimizerReference& other) { join(other.optimizer_); }
OptimizerReference& OptimizerReference::operator=(const OptimizerReference& other) {
  if (this != &other) leave(), join(other.optimizer_);
  return *this;
}
OptimizerReference::~OptimizerReference() { leave(); }
void OptimizerReference::join(Optimizer* to) {
  if (to) to->references_.push_back(this);
  optimizer_ = to;
}
void OptimizerReference::leave() {
  if (optimizer_) std::erase(optimizer_->references_, this);
}
Optimizer& OptimizerReference::get(const char* op) const {
  if (!optimizer_) throw Error(fmt::format("[{}] the optimiser that it sets the rates of is gone", op).c_str());
  return *optimizer_;
}

Parameters Optimizer::parameters() const {
  Parameters out;
  for (const auto& group : groups_)
    for (const auto& slot : group.slots) out.push_back({std::to_string(out.size()), slot.leaf.alias()});
  return out;
}

void Optimizer::add_group(Parameters parameters, double lr, std::initializer_list<double> numbers) {
  Group added{{}, lr, numbers, {}};
  for (auto& leaf : distinct(std::move(parameters))) {
    for (const auto& group : groups_)
      for (const auto& slot : group.slots)
        if (same_leaf(slot.leaf, leaf)) throw Error(fmt::format("[{}] a parameter can be in one group only", op_).c_str());
    added.slots.push_back({std::move(leaf), {}});
  }
  groups_.push_back(std::move(added));
}

const Optimizer::Group& Optimizer::at(std::size_t group) const {
  if (group >= groups_.size())
    throw Error(fmt::format("[{}] there must be such a group of parameters: {} of {}", op_, group, groups_.size()).c_str());
  return groups_[group];
}

void Optimizer::zero_grad() {
  for (auto& group : groups_)
    for (auto& slot : group.slots) slot.leaf.zero_grad();
}

void Optimizer::lr(double rate) {
  for (auto& group : groups_) group.lr = rate;
}

bool Optimizer::counts_on_device(Group& group) {
  if (group.on_device.empty() && core::capturing()) {
    const core::NotRecorded quiet;
    for (double n : group.numbers) core::evaluate(group.on_device.emplace_back(core::full({}, dtype::f64, n)));
  }
  return !group.on_device.empty();
}

StateDict Optimizer::state_dict() const {
  StateDict out;
  std::size_t parameter = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    out.push_back({fmt::format("param_groups.{}.lr", g), f64(group.lr)});
    for (std::size_t k = 0; k < group.numbers.size(); ++k) {
      const double number = group.on_device.empty() ? group.numbers[k] : number_in(group.on_device[k]);
      out.push_back({fmt::format("param_groups.{}.{}", g, number_names_[k]), f64(number)});
    }
    for (const auto& slot : group.slots) {
      for (std::size_t k = 0; k < state_names_.size(); ++k)
        if (slot.state[k]) out.push_back({fmt::format("state.{}.{}", parameter, state_names_[k]), slot.state[k]});
      ++parameter;
    }
  }
  return out;
}

std::string Optimizer::match(const StateDict& state, Values& numbers, Values& values) const {
  Wanted wanted(state);
  const core::Array any_number = core::literal(0, dtype::f64);
  std::size_t parameter = 0;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    numbers.push_back(wanted.find(fmt::format("param_groups.{}.lr", g), any_number, true));
    for (std::size_t k = 0; k < groups_[g].numbers.size(); ++k)
      numbers.push_back(wanted.find(fmt::format("param_groups.{}.{}", g, number_names_[k]), any_number, true));
    for (const auto& slot : groups_[g].slots) {
      for (const char* name : state_names_)
        values.push_back(wanted.find(fmt::format("state.{}.{}", parameter, name), slot.leaf.traced().value(), false));
      ++parameter;
    }
  }
  return wanted.finish();
}

std::string Optimizer::differences(const StateDict& state) const {
  Values numbers, values;
  return match(state, numbers, values);
}

void Optimizer::load_state_dict(const StateDict& state) {
  Values numbers, values;
  if (const auto wrong = match(state, numbers, values); !wrong.empty())
    throw Error(fmt::format("[load_state_dict] the state must be that of such an optimiser: {}", wrong).c_str());
  std::vector<double> read;
  for (const auto* number : numbers) read.push_back(number_in(*number));
  std::size_t n = 0, v = 0;
  for (auto& group : groups_) {
    group.lr = read[n++];
    for (std::size_t k = 0; k < group.numbers.size(); ++k) {
      group.numbers[k] = read[n++];
      if (!group.on_device.empty()) group.on_device[k] = f64(group.numbers[k]);
    }
    for (auto& slot : group.slots)
      for (std::size_t k = 0; k < state_names_.size(); ++k, ++v)
        slot.state[k] = values[v] ? core::to_device(*values[v], slot.leaf.traced().device()) : core::Array();
  }
}

void save(const Optimizer& optimizer, FileName path) {
  const StateDict state = optimizer.state_dict();
  std::vector<NamedTensor> tensors;
  for (const auto& entry : state) tensors.emplace_back(entry.name.c_str(), entry.value);
  save_safetensors(path, tensors);
}

void load(Optimizer& optimizer, FileName path) {
  const Safetensors file(path);
  StateDict state;
  for (std::size_t i = 0; i < file.size(); ++i) state.push_back({file[i].name, file.read(file[i].name)});
  optimizer.load_state_dict(state);
}

}  // namespace mushin::nn
