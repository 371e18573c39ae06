// What this machine can do at best, to judge the rates of the workloads by.
#pragma once
#include <nlohmann/json.hpp>

namespace bench {

/// Bytes and floating-point operations a second, of all threads that mushin uses together.
struct Limits {
  double read = 0, write = 0;  // memory, in blocks that no cache holds
  double flop = 0;             // multiply-adds of floats in the widest vectors, two operations each

  /// The least time in which this much could be done; 0 where the limits are unknown.
  double least_time(double flop_count, double bytes, double written) const;
  nlohmann::json json() const;
  static Limits from(const nlohmann::json&);
};

/// Measures for about a second.
Limits measure_limits();

}  // namespace bench
