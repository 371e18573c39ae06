// What this machine can do at best, to judge the rates of the workloads by.
#pragma once
#include <nlohmann/json.hpp>
#include <vector>

namespace bench {

/// Bytes and floating-point operations a second, of all threads that mushin uses together.
struct Limits {
  /// Memory of so many bytes in all, gone through again and again: caches hold what is small, and on some machines what is large.
  struct Memory {
    double bytes = 0, read = 0, write = 0;
  };
  std::vector<Memory> memory;  // from small to large
  double flop = 0;             // multiply-adds of floats in the widest vectors, two operations each

  /// The least time in which this much could be done, where the data are gone through once a step; 0 where the limits are unknown.
  double least_time(double flop_count, double bytes, double written) const;
  nlohmann::json json() const;
  static Limits from(const nlohmann::json&);
};

/// Measures for about two seconds.
Limits measure_limits();

}  // namespace bench
