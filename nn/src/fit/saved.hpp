#pragma once
#include "mushin/nn/fit/task.hpp"
#include "mushin/tensor/ops/random.hpp"

namespace mushin::nn::detail {

/// Where a training is, beside its module, optimiser and schedules.
struct FitPlace {
  std::int64_t steps = 0;                 // of all epochs
  std::int64_t batches = 0, samples = 0;  // of the epoch that is going on
  std::int64_t skipped = 0;               // of its steps
  double loss = 0, seconds = 0;           // sums over them
  core::RandomDraw random{};
  StateDict range{};  // of the range of batches, if it tells
};

/// What a checkpoint is made of, by reference.
struct FitParts {
  const Parameters& state;
  Optimizer& optimizer;
  const FitSettings& settings;
  FitTask& task;
};

/// The file appears when it is complete; FileError when it cannot be written, and then the one before is still there.
void save_fit(const std::string& file, const FitParts&, const FitPlace&, const History&);
/// Brings back all of it. FileError with every difference when the file is of something else; then nothing has changed.
FitPlace load_fit(const std::string& file, const FitParts&, History&);

}  // namespace mushin::nn::detail
