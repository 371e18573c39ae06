#pragma once
#include "fit/events.hpp"
#include "mushin/nn/fit/options.hpp"

namespace mushin::nn::detail {

/// log.csv, a row an epoch, and TensorBoard's events. FileError when they cannot be written.
class FitLog {
 public:
  /// Makes the folder, and the table of the epochs before. No folder, no log.
  FitLog(const std::string& folder, const History& before);
  void epoch(const EpochRecord&, const std::vector<std::string>& metrics);
  void step(std::int64_t step, double loss, double lr);

 private:
  std::optional<OutputFile> table_;
  std::optional<Events> events_;
};

}  // namespace mushin::nn::detail
