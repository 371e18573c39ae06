#include <algorithm>
#include <chrono>

#include "limits.hpp"
#include "mushin/tensor/error.hpp"
#include "workload.hpp"

namespace bench {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); }

constexpr mu::Dim<"rows"> rows;
constexpr mu::Dim<"side"> side;
constexpr std::int64_t columns = 1024;
constexpr std::int64_t smallest = std::int64_t{8} << 20, largest = std::int64_t{512} << 20;  // bytes in all
constexpr std::int64_t smallest_side = 256, largest_side = 8192;
constexpr double sample_time = 0.002, enough_time = 0.03, warm_up_time = 0.2;
constexpr double slow = 0.1;  // seconds of a step after which nothing larger is tried
constexpr int enough_samples = 3;
constexpr std::int64_t most_steps = 4096;  // before the device is waited for

/// Seconds of a step: the least of several samples, each of as many steps as give the clock enough, and the wait for the device behind
/// them.
double least_time_of(mu::Device device, const auto& step) {
  const auto sample = [&](std::int64_t steps) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < steps; ++i) step();
    mu::synchronize(device);
    return since(start);
  };
  sample(1);  // compiles, and takes memory
  std::int64_t steps = 1;
  double least = 0;
  const auto start = Clock::now();
  for (int samples = 0; samples == 0 || (samples < enough_samples && since(start) < slow) || since(start) < enough_time;) {
    const double time = sample(steps);
    if (time < sample_time && steps < most_steps) {
      steps *= 2;
      continue;
    }
    const double each = time / static_cast<double>(steps);
    least = samples++ == 0 ? each : std::min(least, each);
  }
  return least;
}

void compute(const auto& tensor) { mu::core::evaluate(tensor.raw()); }

using Matrix = mu::Tensor<float, rows, columns>;
Matrix matrix_of(std::int64_t bytes) {
  return mu::randu<rows, columns>(rows = bytes / (columns * static_cast<std::int64_t>(sizeof(float))));
}

void warm_up(mu::Device device) {
  const auto x = matrix_of(smallest);
  for (const auto start = Clock::now(); since(start) < warm_up_time; mu::synchronize(device)) compute(x + x);
}

Limits::Memory measure_memory(mu::Device device, std::int64_t bytes) {
  const auto all = static_cast<double>(bytes);
  const auto rate = [&](double moved, const auto& step) { return moved / least_time_of(device, step); };
  Limits::Memory m{all};
  {
    const Matrix x = matrix_of(bytes);
    m.read = std::max(rate(all, [&] { compute(mu::sum(x)); }), rate(all, [&] { compute(mu::sum<1>(x)); }));
  }
  {
    // A fill that depends on a value of the device's: no constant, which may stay one.
    const auto value = mu::randu<1, columns>();
    const std::int64_t n = bytes / (columns * static_cast<std::int64_t>(sizeof(float)));
    m.write = rate(all, [&] { compute(-mu::broadcast_to<rows, columns>(value, rows = n)); });
  }
  const Matrix x = matrix_of(bytes / 2), y = matrix_of(bytes / 4);
  const Matrix z = matrix_of(bytes / 4);
  m.both = std::max(rate(all, [&] { compute(-x); }), rate(0.75 * all, [&] { compute(y + z); }));
  return m;
}

/// Of larger and larger squares, until one is too slow or has no room.
template <class T>
Limits::Peak measure_products(mu::Device device) {
  Limits::Peak peak{mu::name_of(mu::dtype_of<T>)};
  try {
    double time = 0;
    for (std::int64_t n = smallest_side; n <= largest_side && 8 * time < slow; n *= 2) {
      const auto a = mu::randu<side, side>(side = n).template to<T>(), b = mu::randu<side, side>(side = n).template to<T>();
      compute(a), compute(b);
      time = least_time_of(device, [&] { compute(mu::matmul(a, b)); });
      const double size = static_cast<double>(n), flop = 2 * size * size * size / time;
      if (flop > peak.flop) peak.flop = flop, peak.side = n;
    }
  } catch (const mu::OutOfMemory&) {
  } catch (const mu::Error& e) {
    peak.error = e.what();
  }
  return peak;
}

}  // namespace

Limits measure_limits(mu::Device device) {
  mu::set_default_device(device);
  Limits limits;
  limits.device = device.name();
  warm_up(device);
  try {
    for (std::int64_t bytes = smallest; bytes <= largest; bytes *= 2) {
      limits.memory.push_back(measure_memory(device, bytes));
      if (const auto& m = limits.memory.back(); 2 * m.bytes > slow * std::min(m.read, m.write)) break;
    }
  } catch (const mu::OutOfMemory&) {
  }
  limits.peaks = {measure_products<float>(device), measure_products<double>(device), measure_products<mu::f16>(device),
                  measure_products<mu::bf16>(device)};
  return limits;
}

}  // namespace bench
