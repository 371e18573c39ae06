#pragma once
#include "mushin/nn/module.hpp"

// Other first values for a variable, from the default generator: `nn::init::xavier_uniform(net.fc1.weight);`. The fans are those of
// PyTorch: of (out, in, …) `in` and `out` times all further extents. They replace the value; the gradient stays. Error when an option makes
// no sense.
namespace mushin::nn::init {

/// Whether variance is kept on the way forward (by the number of values that come `in`), or that of the gradients (`out`).
enum class Fan : unsigned char { in, out };

namespace detail {
MUSHIN_API void uniform(core::Leaf, double low, double high);
MUSHIN_API void normal(core::Leaf, double mean, double deviation);
MUSHIN_API void constant(core::Leaf, double value);
MUSHIN_API void xavier(core::Leaf, double gain, bool uniform);
MUSHIN_API void kaiming(core::Leaf, Fan, double gain, bool uniform);
MUSHIN_API void orthogonal(core::Leaf, double gain);
}  // namespace detail

/// Uniform in [low, high).
template <class T, extent... E>
void uniform(const Variable<T, E...>& v, double low = 0, double high = 1) {
  detail::uniform(v.leaf().alias(), low, high);
}

/// Normal, with that mean and standard deviation.
template <class T, extent... E>
void normal(const Variable<T, E...>& v, double mean = 0, double deviation = 1) {
  detail::normal(v.leaf().alias(), mean, deviation);
}

/// Every element becomes `value`.
template <class T, extent... E>
void constant(const Variable<T, E...>& v, double value) {
  detail::constant(v.leaf().alias(), value);
}

/// Uniform in ±gain sqrt(6 / (in + out)). Two axes at least. https://proceedings.mlr.press/v9/glorot10a.html
template <class T, extent... E>
void xavier_uniform(const Variable<T, E...>& v, double gain = 1) {
  static_assert(sizeof...(E) >= 2, "[xavier_uniform] needs at least two axes: (out, in, …)");
  detail::xavier(v.leaf().alias(), gain, true);
}
/// Normal, with standard deviation gain sqrt(2 / (in + out)).
template <class T, extent... E>
void xavier_normal(const Variable<T, E...>& v, double gain = 1) {
  static_assert(sizeof...(E) >= 2, "[xavier_normal] needs at least two axes: (out, in, …)");
  detail::xavier(v.leaf().alias(), gain, false);
}

/// Uniform in ±gain sqrt(3 / fan). The default gain, sqrt(2), is that for relu. Two axes at least. https://arxiv.org/abs/1502.01852
template <class T, extent... E>
void kaiming_uniform(const Variable<T, E...>& v, Fan fan = Fan::in, double gain = 1.4142135623730951) {
  static_assert(sizeof...(E) >= 2, "[kaiming_uniform] needs at least two axes: (out, in, …)");
  detail::kaiming(v.leaf().alias(), fan, gain, true);
}
/// Normal, with standard deviation gain / sqrt(fan).
template <class T, extent... E>
void kaiming_normal(const Variable<T, E...>& v, Fan fan = Fan::in, double gain = 1.4142135623730951) {
  static_assert(sizeof...(E) >= 2, "[kaiming_normal] needs at least two axes: (out, in, …)");
  detail::kaiming(v.leaf().alias(), fan, gain, false);
}

/// Orthogonal rows, or columns where there are fewer of them, times the gain; all axes but the first are taken as one. float and double.
/// Needs LAPACK. https://arxiv.org/abs/1312.6120
template <class T, extent... E>
void orthogonal(const Variable<T, E...>& v, double gain = 1) {
  static_assert(sizeof...(E) >= 2, "[orthogonal] needs at least two axes: (out, in, …)");
  static_assert(std::same_as<T, float> || std::same_as<T, double>, "[orthogonal] needs float or double");
  detail::orthogonal(v.leaf().alias(), gain);
}

}  // namespace mushin::nn::init
