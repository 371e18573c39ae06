#pragma once
#include "mushin/nn/fit/options.hpp"

// The border between what knows the types of a training and the loop, which is compiled once.
namespace mushin::nn::detail {

/// A loss before its backward pass.
struct FitForward {
  core::Traced loss;
  std::int64_t samples;
};
/// Sums over the samples of a validation.
struct FitSums {
  std::int64_t samples = 0;
  double loss = 0;
  std::vector<double> metrics{};
};

class MUSHIN_API FitTask {
 public:
  virtual ~FitTask();
  /// nn::train or nn::eval.
  virtual void set_training(bool) = 0;
  /// In an epoch; -1: not known.
  virtual std::int64_t batches() const = 0;
  /// Begins an epoch; whether there is a batch.
  virtual bool begin() = 0;
  /// The next batch; false behind the last.
  virtual bool next() = 0;
  /// Lets go of the epoch.
  virtual void leave() = 0;
  virtual FitForward forward() = 0;
  /// What of the batch isn't finite: "input 1 has nan at (3, 0)"; empty when all is.
  virtual std::string blame() const = 0;
  virtual FitSums validate() = 0;
  /// Whether the range can tell where it is.
  virtual bool has_position() const = 0;
  virtual StateDict position() const = 0;
  /// Errors are the range's.
  virtual void restore(const StateDict&) = 0;
};

/// The options that don't depend on types, as FitOptions has them.
struct FitSettings {
  std::int64_t epochs;
  bool validates;
  std::vector<std::string> metrics;
  std::FILE* progress;
  std::string log_dir;
  std::int64_t log_steps;
  std::string checkpoint;
  std::int64_t checkpoint_steps;
  bool resume;
  std::optional<EarlyStop> early_stop;
  std::string monitor;
  bool maximize;
  Schedule* schedule;
  Each schedule_each;
  ReduceOnPlateau* plateau;
  GradScaler* scaler;
  double clip_norm, clip_value;
  bool interruptible;
  Borrowed<void(const EpochRecord&)> on_epoch;
};

/// `state`: the parameters with the buffers.
MUSHIN_API History run_fit(FitTask&, Optimizer&, Parameters parameters, Parameters state, const FitSettings&);

/// "nan at (3, 0)": the first element that isn't finite; empty when there is none.
MUSHIN_API std::string not_finite(const core::Array&);
/// Bytes as a state, and back: what a range's position is saved as. FileError unless there are as many.
MUSHIN_API StateDict state_of_bytes(const void* bytes, std::size_t size);
MUSHIN_API void bytes_of_state(const StateDict&, void* bytes, std::size_t size);
/// The value of a state that has one. FileError unless it has the sizes and element type of `like`.
MUSHIN_API core::Array only_value(const StateDict&, const core::Array& like);

}  // namespace mushin::nn::detail
