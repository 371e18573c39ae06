#pragma once
#include <cstdint>
#include <functional>

#include "mushin/tensor/core/array.hpp"

namespace mushin::nn {

/// A function along a line: at a step of `t`, its value, its slope along the line, and its gradient.
struct LinePoint {
  double t, value, slope;
  core::Array gradient;
};

struct LineSearch {
  double sufficient = 1e-4, curvature = 0.9;  // of the strong Wolfe conditions
  double least_change = 1e-9;                 // of a parameter
  std::int64_t most = 25;                     // points
};

/// Where the function decreases enough and its slope is small enough, or the best point found. `reach`: the greatest part of the line's
/// direction. Nocedal & Wright, algorithms 3.5 and 3.6; `count` becomes the number of points that were looked at.
LinePoint strong_wolfe(const std::function<LinePoint(double)>& at, LinePoint start, double first, double reach, const LineSearch&,
                       std::int64_t& count);

}  // namespace mushin::nn
