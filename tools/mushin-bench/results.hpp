// What was measured, for table, JSON file and page.
#pragma once
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "limits.hpp"

namespace bench {

/// One workload on one backend: the fastest of its runs.
struct Result {
  std::string error;  // why there is nothing else
  double min_s = 0, median_s = 0, peak_rss_mib = 0;
  std::int64_t samples = 0;
  nlohmann::json values;      // check, or loss_1 and loss_10
  std::vector<float> sample;  // some elements of the result

  /// Takes another run's figures into account.
  void add(const nlohmann::json& run);
  nlohmann::json json() const;
};

/// The row of one workload.
struct Row {
  std::string name, what;
  double flop = 0, bytes = 0, written = 0;
  mushin::dtype type = mushin::dtype::f32;
  std::map<std::string, Result> by_backend;

  /// max |x - y| / max(1, max |x|) over the compared elements of any two backends; negative with fewer than two.
  double largest_difference() const;
  /// The least time of all backends; 0 when nothing was timed.
  double best() const;
  /// "12.3 GFLOP/s", "38 GB/s", or nothing.
  std::string rate(const Result&) const;
  /// The part of the limit that was reached; 0 where either is unknown.
  double share(const Result&, const Limits&) const;
};

struct Backend {
  std::string name, description, version;
  bool host_memory = true;
};

struct Report {
  nlohmann::json machine;
  std::vector<Backend> backends;
  std::vector<Row> rows;
  std::map<std::string, Limits> limits;  // by device; of all backends in the host's memory: ""

  const Limits& limits_of(const std::string& backend) const;
  nlohmann::json json() const;
  std::string table() const;
};

/// "12.3 us"
std::string time_text(double seconds);

/// This machine and this build: cpu, cores, system, mushin, compiler, threads.
nlohmann::json describe_machine();
/// Threads that mushin uses here.
unsigned thread_count();

}  // namespace bench
