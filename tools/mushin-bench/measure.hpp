// One workload on one backend, in this process.
#pragma once
#include <string>

#include <nlohmann/json.hpp>

#include "workload.hpp"

namespace bench {

struct MeasureOptions {
  double min_time = 0.5;  // seconds of measuring; 0: values alone
};

/// Makes the data on the default device, checks the value, times single steps.
/// Keys: loss_1, loss_10 or check; sample: some elements of the result; min_s, median_s, samples, steps_per_sample, first_step_s,
/// peak_rss_mib.
nlohmann::json measure(const Workload&, const MeasureOptions&);

/// What a program's first result costs: the sum of two 2 x 2 tensors.
float first_result();

/// Of this process, so far.
double peak_rss_mib();

}  // namespace bench
