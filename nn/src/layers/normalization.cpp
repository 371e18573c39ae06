#include "mushin/nn/layers/normalization.hpp"

#include <fmt/format.h>

#include "mushin/autograd/ops/elementary.hpp"
#include "mushin/autograd/ops/normalize.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

core::Array number(const auto& x, double value) { return core::literal(value, x.type()); }
core::Array parameter(double value, std::int64_t n, dtype type) { return core::broadcast_to(core::literal(value, type), {n}); }

/// (channels) beside (batch, channels, …).
template <class Raw>
Raw along_channels(const Raw& a, unsigned rank) {
  core::Sizes to = a.sizes();
  for (unsigned i = 2; i < rank; ++i) to.push(1);
  return reshape(a, to);
}

template <class Raw>
Raw divided(const Raw& d, const Raw& variance, double eps) {
  return mul(d, rsqrt(Raw(add(variance, number(d, eps)))));
}

/// Each group of each sample is a channel of one sample, and what is behind a channel of the layer.
template <class Raw>
Raw standard_groups(const Raw& x, std::int64_t groups, double eps) {
  const core::Sizes& sizes = x.sizes();
  std::int64_t rest = sizes[1] / groups;
  for (unsigned i = 2; i < sizes.rank; ++i) rest *= sizes[i];
  const std::int64_t all = sizes[0] * groups;
  const Raw one(parameter(1, all, x.type())), nothing(parameter(0, all, x.type()));
  return reshape(batch_norm(Raw(reshape(x, {1, all, rest})), one, nothing, eps), sizes);
}

template <class Raw>
Raw scaled_channels(const Raw& x, const Raw& weight, const Raw& bias) {
  return add(mul(x, along_channels(weight, x.rank())), along_channels(bias, x.rank()));
}

/// What the running statistics become, in one pass.
void follow(Running& r, const core::ChannelStatistics& batch, std::int64_t n) {
  const auto blend = [&r](const core::Array& old, const core::Array& fresh, double scale) {
    const core::Array same = core::cast(fresh, old.type());
    return core::add(core::mul(old, number(old, 1 - r.momentum)), core::mul(same, number(same, r.momentum * scale)));
  };
  const double unbiased = static_cast<double>(n) / static_cast<double>(n - 1);
  core::Array* const to[] = {&r.mean.value(), &r.variance.value()};
  const core::Array from[] = {blend(*to[0], batch.mean, 1), blend(*to[1], batch.variance, unbiased)};
  core::assign(to, from, 2);
  core::Array* const count = &r.batches.value();
  const core::Array next = core::add(*count, core::literal(1, dtype::i64));
  core::assign(&count, &next, 1);
}

template <class Raw>
Raw training(const Raw& x, const Raw& weight, const Raw& bias, Running& r) {
  const core::Sizes& sizes = x.sizes();
  const std::int64_t n = sizes[1] == 0 ? 0 : sizes.count() / sizes[1];
  if (n < 2)
    throw ShapeError(
        fmt::format("[BatchNorm] training needs more than one value for each channel: {} of {} channels", n, sizes[1]).c_str());
  core::ChannelStatistics statistics;
  const Raw y = batch_norm(x, weight, bias, r.eps, &statistics);
  follow(r, statistics, n);
  return y;
}

template <class Raw>
Raw running(const Raw& x, const Running& r) {
  const auto statistic = [&x](const core::Leaf& leaf) { return along_channels(leaf.traced().value(), x.rank()); };
  return divided<Raw>(sub(x, statistic(r.mean)), statistic(r.variance), r.eps);
}

}  // namespace

core::Array standardize_groups(const core::Array& x, std::int64_t groups, double eps) { return standard_groups(x, groups, eps); }
core::Traced standardize_groups(const core::Traced& x, std::int64_t groups, double eps) { return standard_groups(x, groups, eps); }
core::Array scale_channels(const core::Array& x, const core::Array& w, const core::Array& b) { return scaled_channels(x, w, b); }
core::Traced scale_channels(const core::Traced& x, const core::Traced& w, const core::Traced& b) { return scaled_channels(x, w, b); }
core::Array batch_norm_training(const core::Array& x, const core::Array& weight, const core::Array& bias, Running r) {
  return training(x, weight, bias, r);
}
core::Traced batch_norm_training(const core::Traced& x, const core::Traced& weight, const core::Traced& bias, Running r) {
  return training(x, weight, bias, r);
}
core::Array batch_norm_running(const core::Array& x, const Running& r) { return running(x, r); }
core::Traced batch_norm_running(const core::Traced& x, const Running& r) { return running(x, r); }

}  // namespace mushin::nn::detail
