#pragma once
#include "mushin/nn/optimizers/optimizer.hpp"

namespace mushin::nn {

/// Sets the learning rates of an optimiser's groups, beginning from those that it has when the schedule is made: `nn::StepLR schedule{opt,
/// {.step_size = 30}};`, and `schedule.step();` after each epoch (or each opt.step(), as the schedule is meant). The optimiser is referred
/// to, and may move. Constructors: Error when an option makes no sense; `step` and `resume`: when the optimiser is gone. A captured step
/// keeps the rate that it was captured with.
class MUSHIN_API Schedule {
 public:
  virtual ~Schedule();
  /// On to the next rates.
  void step() { resume(steps_ + 1); }
  /// How often `step` was called.
  std::int64_t steps() const { return steps_; }
  /// As after that many steps: for going on where a run was cut off. Make the schedule before the optimiser's state is loaded.
  void resume(std::int64_t steps);

 protected:
  explicit Schedule(Optimizer&);
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  /// What becomes of the rate `first` after so many steps.
  virtual double rate(double first, std::int64_t steps) const = 0;

 private:
  OptimizerReference optimizer_;
  std::vector<double> first_;
  std::int64_t steps_ = 0;
};

/// Times `gamma` every `step_size` steps.
struct StepLROptions {
  std::int64_t step_size = 30;
  double gamma = 0.1;
};
/// As StepLROptions says.
class MUSHIN_API StepLR final : public Schedule {
 public:
  StepLR(Optimizer&, StepLROptions);

 private:
  double rate(double first, std::int64_t steps) const override;
  StepLROptions options_;
};

/// Times `gamma` every step.
struct ExponentialLROptions {
  double gamma = 0.9;
};
/// As ExponentialLROptions says.
class MUSHIN_API ExponentialLR final : public Schedule {
 public:
  ExponentialLR(Optimizer&, ExponentialLROptions);

 private:
  double rate(double first, std::int64_t steps) const override;
  ExponentialLROptions options_;
};

/// Half a cosine from the first rate to `min_lr` in `period` steps; and back, and so on. https://arxiv.org/abs/1608.03983
struct CosineLROptions {
  std::int64_t period = 100;
  double min_lr = 0;
};
/// As CosineLROptions says.
class MUSHIN_API CosineLR final : public Schedule {
 public:
  CosineLR(Optimizer&, CosineLROptions);

 private:
  double rate(double first, std::int64_t steps) const override;
  CosineLROptions options_;
};

/// In a straight line from start_factor times the first rate to that rate in `steps` steps.
struct WarmupLROptions {
  std::int64_t steps = 5;
  double start_factor = 1.0 / 3;
};
/// As WarmupLROptions says.
class MUSHIN_API WarmupLR final : public Schedule {
 public:
  WarmupLR(Optimizer&, WarmupLROptions);

 private:
  double rate(double first, std::int64_t steps) const override;
  WarmupLROptions options_;
};

/// From max_lr / div_factor up to max_lr in the share `rise` of all steps, then down to max_lr / div_factor / final_div_factor; by half
/// cosines, or in straight lines. Of all groups alike. Error at more than total_steps steps. https://arxiv.org/abs/1708.07120
struct OneCycleLROptions {
  double max_lr = 0.1;
  std::int64_t total_steps = 100;
  double rise = 0.3;
  bool linear = false;  ///< straight lines instead of cosines
  double div_factor = 25, final_div_factor = 1e4;
};
/// As OneCycleLROptions says.
class MUSHIN_API OneCycleLR final : public Schedule {
 public:
  OneCycleLR(Optimizer&, OneCycleLROptions);

 private:
  double rate(double first, std::int64_t steps) const override;
  OneCycleLROptions options_;
};

/// Times `factor`, but not below min_lr, when what is measured has not got better for more than `patience` steps. Better: less than the
/// best by the share `threshold`, or by the threshold itself when it is absolute; `maximize`: greater. For `cooldown` steps after a change
/// nothing is counted.
struct ReduceOnPlateauOptions {
  double factor = 0.1;
  std::int64_t patience = 10;
  double threshold = 1e-4;
  bool absolute = false, maximize = false;
  std::int64_t cooldown = 0;
  double min_lr = 0;
  double eps = 1e-8;  // lesser changes of the rate are not made
};
/// As ReduceOnPlateauOptions says.
class MUSHIN_API ReduceOnPlateau {
 public:
  explicit ReduceOnPlateau(Optimizer&, ReduceOnPlateauOptions = {});
  /// Looks at one measured value, as an epoch's loss. NaN is not better than anything. Error when the optimiser is gone.
  void step(double measured);
  /// All that steps change but the rates, and going on from it.
  std::array<double, 3> state() const { return {best_, static_cast<double>(bad_), static_cast<double>(cooling_)}; }
  /// Goes on from what `state` gave.
  void restore(const std::array<double, 3>& state);

 private:
  bool better(double measured) const;
  OptimizerReference optimizer_;
  ReduceOnPlateauOptions options_;
  double best_;
  std::int64_t bad_ = 0, cooling_ = 0;
};

}  // namespace mushin::nn
