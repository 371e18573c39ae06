#include "mushin/nn/init.hpp"

#include <cmath>

#include "mushin/tensor/device.hpp"
#include "mushin/tensor/ops/diagonal.hpp"
#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/linalg.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/random.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/ops/transfer.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn::init::detail {
namespace {

core::Array number(const core::Array& x, double value) { return core::literal(value, x.type()); }

struct Fans {
  double in, out;
};
/// Of (out, in, rest…).
Fans fans(const core::Sizes& sizes) {
  std::int64_t rest = 1;
  for (unsigned i = 2; i < sizes.rank; ++i) rest *= sizes[i];
  return {static_cast<double>(sizes[1] * rest), static_cast<double>(sizes[0] * rest)};
}

void give(core::Leaf& leaf, const core::Array& value) {
  core::evaluate(value);
  leaf.set(core::to_device(value, leaf.traced().device()));
}

/// Of that standard deviation.
void spread(core::Leaf leaf, double deviation, bool is_uniform) {
  const double bound = std::sqrt(3.0) * deviation;
  is_uniform ? uniform(std::move(leaf), -bound, bound) : normal(std::move(leaf), 0, deviation);
}

}  // namespace

void uniform(core::Leaf leaf, double low, double high) {
  check_option(low <= high, "uniform", "low must not be more than high", low);
  const core::Array u = core::randu(leaf.sizes(), leaf.traced().type());
  give(leaf, core::add(core::mul(u, number(u, high - low)), number(u, low)));
}

void normal(core::Leaf leaf, double mean, double deviation) {
  check_option(deviation >= 0, "normal", "the deviation must not be negative", deviation);
  const core::Array z = core::randn(leaf.sizes(), leaf.traced().type());
  give(leaf, core::add(core::mul(z, number(z, deviation)), number(z, mean)));
}

void constant(core::Leaf leaf, double value) { give(leaf, core::full(leaf.sizes(), leaf.traced().type(), value)); }

void xavier(core::Leaf leaf, double gain, bool is_uniform) {
  const Fans f = fans(leaf.sizes());
  spread(std::move(leaf), gain * std::sqrt(2 / (f.in + f.out)), is_uniform);
}

void kaiming(core::Leaf leaf, Fan fan, double gain, bool is_uniform) {
  const Fans f = fans(leaf.sizes());
  spread(std::move(leaf), gain / std::sqrt(fan == Fan::in ? f.in : f.out), is_uniform);
}

void orthogonal(core::Leaf leaf, double gain) {
  const core::Sizes& sizes = leaf.sizes();
  const std::int64_t rows = sizes[0], columns = rows == 0 ? 0 : sizes.count() / rows;
  const bool wide = rows < columns;
  const core::Array a = core::randn({wide ? columns : rows, wide ? rows : columns}, leaf.traced().type());
  const auto f = core::qr(core::to_device(a, device("builtin").raw()));  // LAPACK computes on the host, wherever the parameter is
  // Made unique by a positive diagonal, so that each orthogonal matrix is as likely as any other.
  const core::Array q = core::mul(f.q, core::sign(core::diagonal(f.r, 0)));
  give(leaf, core::mul(core::reshape(wide ? core::transpose(q) : q, sizes), number(q, gain)));
}

}  // namespace mushin::nn::init::detail
