#include "measure.hpp"

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

// A sample is long enough for the clock, and short enough that some of many are undisturbed.
constexpr double sample_time = 0.004, warm_up_time = 0.2;
constexpr int max_samples = 2000, check_steps = 10;
constexpr std::size_t compared_elements = 512;

/// Gathers the time of a step in each repetition.
class Samples final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
      iterations = run.iterations;
    }
  }
  std::vector<double> seconds;
  std::int64_t iterations = 0;
};

void warm_up(const Work& work) {
  const auto start = Clock::now();
  for (int n = 0; n < 3 || since(start) < warm_up_time; ++n) {
    work.step();
    mu::synchronize(mu::default_device());
  }
}

Samples time_steps(const Workload& workload, const Work& work, double min_time) {
  // A device may still compute when a step returns: the last one of a sample waits for it.
  auto step = [&work, device = mu::default_device()](benchmark::State& state) {
    auto left = state.max_iterations;
    for (auto _ : state) {
      work.step();
      if (--left == 0) mu::synchronize(device);
    }
  };
  benchmark::RegisterBenchmark(workload.name, step)
      ->UseRealTime()
      ->MinTime(sample_time)
      ->Repetitions(std::clamp(static_cast<int>(min_time / sample_time), 3, max_samples));
  Samples samples;
  benchmark::RunSpecifiedBenchmarks(&samples);
  return samples;
}

nlohmann::json values(const Workload& workload, const Work& work) {
  nlohmann::json out;
  const auto start = Clock::now();
  work.step();
  const double first = work.value();
  out["first_step_s"] = since(start);
  if (workload.training) {
    for (int i = 1; i < check_steps; ++i) work.step();
    out["loss_1"] = first;
    out["loss_10"] = work.value();
  } else {
    out["check"] = first;
  }
  const auto result = work.result();
  std::vector<float> sample;
  const std::size_t distance = std::max<std::size_t>(1, result.size() / compared_elements);
  for (std::size_t i = 0; i < result.size(); i += distance) sample.push_back(result[i]);
  out["sample"] = std::move(sample);
  return out;
}

}  // namespace

nlohmann::json measure(const Workload& workload, const MeasureOptions& options) {
  const Work work = workload.make();
  auto out = values(workload, work);
  if (options.min_time > 0) {
    warm_up(work);
    auto samples = time_steps(workload, work, options.min_time);
    std::sort(samples.seconds.begin(), samples.seconds.end());
    out["min_s"] = samples.seconds.front();
    out["median_s"] = samples.seconds[samples.seconds.size() / 2];
    out["samples"] = samples.seconds.size();
    out["steps_per_sample"] = samples.iterations;
  }
  out["peak_rss_mib"] = peak_rss_mib();
  return out;
}

float first_result() {
  const auto a = mu::ones<2, 2>();
  return mu::sum(a + 1.0f).item();
}

double peak_rss_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace bench
