#pragma once
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "mushin/nn/fit/borrowed.hpp"
#include "mushin/nn/optimizers/grad_scaler.hpp"
#include "mushin/nn/schedules.hpp"

// What nn::fit is told, and what it tells.
namespace mushin::nn {

/// What an epoch came to.
struct EpochRecord {
  std::int64_t epoch = 0;                   ///< from 1
  std::int64_t steps = 0;                   ///< of all epochs so far
  double loss = 0;                          ///< mean over the training samples, while they were learnt from
  std::optional<double> validation_loss{};  ///< mean over the validation samples, where there are any
  std::vector<double> metrics{};            ///< of the validation, in the order of FitOptions::metrics
  double lr = 0;                            ///< of the first group, in the epoch's last step
  double seconds = 0;                       ///< that the epoch took
  std::int64_t skipped = 0;                 ///< steps that the scaler left out, since a gradient was infinite or NaN
};

/// Why nn::fit came to its end: all epochs are `finished`, it `stopped_early` by EarlyStop, or was `interrupted` by a signal.
enum class FitEnd : unsigned char { finished, stopped_early, interrupted };

/// What a training came to, epoch by epoch.
struct History {
  std::vector<EpochRecord> epochs{};   ///< one for each
  std::vector<std::string> metrics{};  ///< their names
  std::int64_t best = 0;               ///< the epoch with the best monitored value; 0: none
  FitEnd end = FitEnd::finished;
};

/// Ends the training after `patience` epochs without a value that is better than the best by more than `min_delta`.
struct EarlyStop {
  std::int64_t patience = 5;
  double min_delta = 0;
};

/// When the schedule goes on: after each `epoch` or each `step`.
enum class Each : unsigned char { epoch, step };

/// A named number of a batch of predictions and targets, of which the mean over all samples is taken. `of(prediction, target)` gives a
/// number or a scalar tensor, of constants. It is borrowed.
template <class Prediction, class Target>
class Metric {
 public:
  template <class F>
  Metric(std::string name, F&& of) : name_(std::move(name)), object_(&of), call_(call<std::remove_reference_t<F>>) {
    static_assert(std::is_invocable_v<F&, const Prediction&, const Target&>,
                  "[fit] a metric must take a prediction and a target, both constants: [](const auto& prediction, const auto& target)");
  }
  const std::string& name() const { return name_; }
  double operator()(const Prediction& prediction, const Target& target) const { return call_(object_, prediction, target); }

 private:
  template <class F>
  static double call(const void* object, const Prediction& prediction, const Target& target) {
    auto&& value = (*static_cast<F*>(const_cast<void*>(object)))(prediction, target);
    if constexpr (requires { value.item(); })
      return static_cast<double>(value.item());
    else
      return static_cast<double>(value);
  }
  std::string name_;
  const void* object_;
  double (*call_)(const void*, const Prediction&, const Target&);
};

/// Ranges, functions, schedules and the scaler are borrowed for the call. Files: in a folder, which is made.
template <class Batch, class Prediction, class Target>
struct FitOptions {
  std::int64_t epochs = 1;                            ///< in all: with those before a resumed run was cut off
  detail::BatchesOf<Batch> validate{};                ///< batches of the training's type, looked at after each epoch
  std::vector<Metric<Prediction, Target>> metrics{};  ///< of the validation: {{"accuracy", nn::accuracy}}
  std::FILE* progress = nullptr;                      ///< where to show it: stderr; null: nowhere
  std::string log_dir{};                              ///< for log.csv and TensorBoard's events; empty: none
  std::int64_t log_steps = 50;                        ///< every so many steps the step's loss becomes an event, too; 0: never
  std::string checkpoint{};                           ///< for last.safetensors and best.safetensors; empty: none
  std::int64_t checkpoint_steps = 0;                  ///< every so many steps as well as after each epoch
  bool resume = false;                                ///< goes on from last.safetensors if it is there
  std::optional<EarlyStop> early_stop{};              ///< none: all epochs
  std::string monitor{};                 ///< the metric that tells what is best; empty: the loss, of the validation if there is one
  bool maximize = false;                 ///< whether more of it is better
  Schedule* schedule = nullptr;          ///< goes on after each
  Each schedule_each = Each::epoch;      ///< epoch, or step
  ReduceOnPlateau* plateau = nullptr;    ///< sees the monitored value after each epoch
  GradScaler* scaler = nullptr;          ///< scales the loss and unscales the gradients, before they are clipped
  double clip_norm = 0, clip_value = 0;  ///< of the optimiser's gradients, as clip_grad_norm and clip_grad_value; 0: not
  bool interruptible = true;             ///< whether SIGINT (Ctrl-C) ends the training after the step
  detail::Borrowed<void(const EpochRecord&)> on_epoch{};  ///< called after each
};

/// The share of rows whose greatest value is at the label: a metric. prediction: (…, classes), labels: (…), int64.
struct Accuracy {
  template <TensorLike P, TensorLike Y>
  double operator()(const P& prediction, const Y& labels) const {
    const auto right = sum(to<float>(argmax<static_cast<int>(P::extents.rank) - 1>(prediction) == labels));
    return static_cast<double>(right.item()) / static_cast<double>(labels.size());
  }
};
inline constexpr Accuracy accuracy;

}  // namespace mushin::nn
