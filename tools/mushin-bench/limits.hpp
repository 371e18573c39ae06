// What this machine and its devices can do at best, to judge the rates of the workloads by.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "mushin/tensor/device.hpp"
#include "mushin/tensor/dtype.hpp"

namespace bench {

/// Bytes and floating-point operations a second. Of the host: what plain loops of as many threads as mushin uses reach. Of a device with
/// memory of its own: the best that it showed when mushin computed on it, which its hardware may exceed.
struct Limits {
  /// Memory of so many bytes in all, gone through again and again: caches hold what is small, and on some machines what is large.
  struct Memory {
    double bytes = 0, read = 0, write = 0;
    double both = 0;  // by what reads and writes at once, bytes of both counted; 0: not measured
  };
  /// Multiply-adds, two operations each.
  struct Peak {
    std::string type;       // of the elements; empty: of vectors in registers, whatever the workload's type
    double flop = 0;        // 0: not measured
    std::int64_t side = 0;  // of the square matrices whose product was the quickest
    std::string error;      // why it wasn't measured
  };
  std::string device;          // empty: the host
  std::vector<Memory> memory;  // from small to large
  std::vector<Peak> peaks;
  std::string error;  // why nothing is known

  /// The least time in which this much could be done, where the data are gone through once a step; 0 where the limits are unknown.
  double least_time(double flop_count, mushin::dtype, double bytes, double written) const;
  nlohmann::json json() const;
  /// A sentence for people.
  std::string text() const;
  static Limits from(const nlohmann::json&);
};

/// Of the host. Measures for about two seconds.
Limits measure_limits();
/// Of a device with memory of its own, by sums, fills, negations, additions and square products on it. A size at which a step takes longer
/// than a tenth of a second is the last. Becomes the default device. Measures for about two seconds.
Limits measure_limits(mushin::Device);

}  // namespace bench
