#pragma once
#include <array>
#include <initializer_list>
#include <string>
#include <vector>

#include "mushin/nn/module.hpp"
#include "mushin/tensor/core/assignments.hpp"
#include "mushin/tensor/io/file_name.hpp"

namespace mushin::nn {

/// A value of an optimiser's state: "state.0.exp_avg" of the first parameter, "param_groups.0.lr" (float64) of the first group.
struct StateEntry {
  std::string name;
  core::Array value;
};
/// The state of an optimiser, by name: what save writes.
using StateDict = std::vector<StateEntry>;

class Optimizer;

/// Refers to an optimiser, wherever that moves to: what schedules hold.
class MUSHIN_API OptimizerReference {
 public:
  explicit OptimizerReference(Optimizer&);
  OptimizerReference(const OptimizerReference&);
  OptimizerReference& operator=(const OptimizerReference&);
  ~OptimizerReference();
  /// Error, with the name `op`, when the optimiser is gone.
  Optimizer& get(const char* op) const;

 private:
  friend class Optimizer;
  void join(Optimizer*);
  void leave();
  Optimizer* optimizer_ = nullptr;
};

/// What optimisers share: groups of parameters, each with a learning rate of its own, and what is kept of each parameter between steps. A
/// parameter given twice is updated once; in two groups it is an Error. Moves; schedules of it go along.
class MUSHIN_API Optimizer {
 public:
  virtual ~Optimizer();
  /// Updates every parameter in place from its gradient: one pass over the memory of each.
  virtual void step() = 0;
  void zero_grad();

  std::size_t groups() const { return groups_.size(); }
  /// What it updates, group by group, under the numbers that its state has: `nn::clip_grad_norm(opt.parameters(), 1)`.
  Parameters parameters() const;
  /// The learning rate of the first group; setting it sets that of all.
  double lr() const { return at(0).lr; }
  void lr(double rate);
  /// The learning rate of that group. Error when there is none.
  double group_lr(std::size_t group) const { return at(group).lr; }
  void group_lr(std::size_t group, double rate) { at(group).lr = rate; }

  /// Everything that steps change but the parameters themselves, and the learning rates. Waits for numbers that are on the device.
  virtual StateDict state_dict() const;
  /// Goes on as the optimiser did whose state that was, bit for bit: one of the same kind, options and parameters. Error that names every
  /// entry that is missing, extra, or of another shape or element type; then nothing has changed.
  virtual void load_state_dict(const StateDict&);
  /// What that error would say: one clause for each entry; empty when the state fits.
  virtual std::string differences(const StateDict&) const;

 protected:
  struct Slot {
    core::Leaf leaf;
    std::array<core::Array, 3> state;  // empty before the first step
  };
  struct Group {
    std::vector<Slot> slots;
    double lr;
    std::vector<double> numbers;         // scalars that each step changes: powers, counts
    std::vector<core::Array> on_device;  // in their place once a step was captured: replays count on
  };

  /// `state`: the names of what a slot keeps; `numbers`: of what a group counts.
  Optimizer(const char* op, std::initializer_list<const char*> state, std::initializer_list<const char*> numbers = {});
  Optimizer(Optimizer&&) noexcept;
  Optimizer& operator=(Optimizer&&) noexcept;
  void add_group(Parameters, double lr, std::initializer_list<double> numbers = {});
  std::vector<Group>& all() { return groups_; }
  const char* op() const { return op_; }
  /// Whether this step has to count on the device; from the first one on it does.
  static bool counts_on_device(Group&);

 private:
  friend class GradScaler;
  friend class OptimizerReference;
  using Values = std::vector<const core::Array*>;
  /// The state's numbers and values in the order of the groups, and its differences.
  std::string match(const StateDict&, Values& numbers, Values& values) const;
  const Group& at(std::size_t group) const;
  Group& at(std::size_t group) { return const_cast<Group&>(static_cast<const Optimizer*>(this)->at(group)); }

  const char* op_;
  std::vector<const char*> state_names_, number_names_;
  std::vector<Group> groups_;
  std::vector<OptimizerReference*> references_;
};

/// Writes the state as a safetensors file. FileError when it cannot be written.
MUSHIN_API void save(const Optimizer&, FileName);
/// Reads what `save` wrote, as load_state_dict does. FileError for a missing or damaged file.
MUSHIN_API void load(Optimizer&, FileName);

}  // namespace mushin::nn
