#include "mushin/nn/layers.hpp"

#include <fmt/format.h>

#include <cmath>

#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/random.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::nn::detail {

core::Array uniform(const core::Sizes& sizes, dtype type, double bound) {
  core::Array a = core::sub(core::mul(core::randu(sizes, type), core::literal(2 * bound, type)), core::literal(bound, type));
  core::evaluate(a);
  return a;
}

double kaiming_bound(std::int64_t inputs) { return 1 / std::sqrt(static_cast<double>(inputs < 1 ? 1 : inputs)); }

core::Array dropout_mask(const core::Sizes& sizes, dtype type, double p) {
  if (!(p >= 0 && p < 1)) throw Error(fmt::format("[Dropout] p must be in [0, 1): {}", p).c_str());
  if (p == 0) return core::broadcast_to(core::literal(1, type), sizes);
  const core::Array kept = core::cast(core::greater_equal(core::randu(sizes, type), core::literal(p, type)), type);
  return core::mul(kept, core::literal(1 / (1 - p), type));
}

}  // namespace mushin::nn::detail
