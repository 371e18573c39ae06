#pragma once
#include "mushin/nn/optimizers/optimizer.hpp"

namespace mushin::nn {

/// How a GradScaler's factor begins, and how it changes.
struct GradScalerOptions {
  double init_scale = 65536;                       ///< the first factor
  double growth_factor = 2, backoff_factor = 0.5;  ///< times these: after growth_interval good updates, and after a bad one
  std::int64_t growth_interval = 2000;             ///< updates one after the other without infinite or NaN gradients
  bool enabled = true;                             ///< false: a scale of 1, and every step is taken
};

/// Keeps gradients of narrow types from becoming zero: the loss is scaled up, and the gradients down before the optimiser's step, which is
/// left out where one of them is infinite or NaN. The scale becomes less where that was so, and greater after many steps where it wasn't.
/// `scaler.scale(loss).backward(); scaler.step(opt); scaler.update(); opt.zero_grad();`, with `scaler.unscale(opt)` before `step` where
/// gradients are to be clipped or read. https://arxiv.org/abs/1710.03740
class MUSHIN_API GradScaler {
 public:
  /// Error when an option makes no sense.
  explicit GradScaler(GradScalerOptions = {});

  double scale() const { return options_.enabled ? scale_ : 1; }
  template <TensorLike L>
  auto scale(const L& loss) const {
    return loss * scale();
  }
  /// Divides the gradients of all its parameters by the scale: once before `update`, else an Error.
  void unscale(Optimizer&);
  /// Unscales, unless that was done, and calls `optimizer.step()` unless a gradient is infinite or NaN. Whether it did. Waits for the
  /// gradients. Error for a second step before `update`.
  bool step(Optimizer&);
  /// After the steps of all optimisers: sets the scale for the next ones, less where one of them had bad gradients. It never grows beyond
  /// the greatest float. Error when there was neither a step nor `unscale`.
  void update();

  /// "scale" (float64) and "growth_tracker" (int64): the good updates since it changed or was to grow.
  StateDict state_dict() const;
  /// Error that names an entry that is missing, extra, or no such number; then nothing has changed.
  void load_state_dict(const StateDict&);

 private:
  struct Seen {
    const Optimizer* optimizer;
    bool good, stepped;
  };
  Seen* find(const Optimizer&);

  GradScalerOptions options_;
  double scale_;
  std::int64_t good_steps_ = 0;
  std::vector<Seen> seen_;  // since the last update
};

}  // namespace mushin::nn
