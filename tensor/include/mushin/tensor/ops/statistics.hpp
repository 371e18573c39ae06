#pragma once
#include "mushin/tensor/ops/operands.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
// `axes`: bit i is axis i. Float types.
/// The sum of squared distances from the mean, over n - correction (no less than 0). Three passes: the mean, the squares, and what the mean
/// was rounded by (the corrected two-pass algorithm: Chan, Golub and LeVeque, 1983).
MUSHIN_API Array var(const Array&, unsigned axes, bool keep, double correction);
MUSHIN_API Array std(const Array&, unsigned axes, bool keep, double correction);
/// Two passes: the greatest element, then the sum of exponentials that cannot overflow.
MUSHIN_API Array logsumexp(const Array&, unsigned axes, bool keep);
/// Two passes: the greatest element, then the sum of squares that cannot overflow.
MUSHIN_API Array norm(const Array&, unsigned axes, bool keep);
}  // namespace mushin::core

namespace mushin {

// Axes and `keep` as of sum. Float types; f16 and bf16 are computed in float, and rounded once.

/// Variance over `Axes`: the sum of squared distances from the mean, over n - correction, where n elements are reduced. The correction is 0
/// unless given, as in NumPy (all of a population is known); 1 is for a sample, as PyTorch has it. Where n - correction isn't positive the
/// result is NaN or infinite. Far from 0, too: what the mean is rounded by is taken off. Gradient: the cotangent times 2 (x - mean) / (n -
/// correction).
template <int... Axes, TensorLike A, Scalar C, std::same_as<Keep>... K>
auto var(const A& a, C correction, K...) {
  MUSHIN_RULE_AXES("var", A, Axes...);
  MUSHIN_RULE_FLOAT("var", A);
  constexpr bool kept = sizeof...(K) != 0;
  using core::var;
  return detail::made<typename A::element, rules::reduce(A::extents, mask, kept)>(
      var(a.raw(), mask, kept, static_cast<double>(correction)));
}
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto var(const A& a, K... k) {
  return var<Axes...>(a, 0, k...);
}

/// Standard deviation over `Axes`: the square root of the variance, with a correction as there. Gradient: the cotangent times
/// (x - mean) / (y (n - correction)), 0 where y is 0.
template <int... Axes, TensorLike A, Scalar C, std::same_as<Keep>... K>
auto std(const A& a, C correction, K...) {
  MUSHIN_RULE_AXES("std", A, Axes...);
  MUSHIN_RULE_FLOAT("std", A);
  constexpr bool kept = sizeof...(K) != 0;
  using core::std;
  return detail::made<typename A::element, rules::reduce(A::extents, mask, kept)>(
      std(a.raw(), mask, kept, static_cast<double>(correction)));
}
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto std(const A& a, K... k) {
  return std<Axes...>(a, 0, k...);
}

/// log(sum(e^x)) over `Axes`, which overflows only where the result does; -inf over nothing, and where all are -inf. Gradient: the
/// cotangent times e^(x - y), the softmax; 0 where y is -inf.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto logsumexp(const A& a, K...) {
  MUSHIN_RULE_AXES("logsumexp", A, Axes...);
  MUSHIN_RULE_FLOAT("logsumexp", A);
  constexpr bool kept = sizeof...(K) != 0;
  using core::logsumexp;
  return detail::made<typename A::element, rules::reduce(A::extents, mask, kept)>(logsumexp(a.raw(), mask, kept));
}

/// Euclidean norm over `Axes`: the square root of the sum of squares, which overflows only where the result does. Gradient: the cotangent
/// times x / y, 0 where y is 0.
template <int... Axes, TensorLike A, std::same_as<Keep>... K>
auto norm(const A& a, K...) {
  MUSHIN_RULE_AXES("norm", A, Axes...);
  MUSHIN_RULE_FLOAT("norm", A);
  constexpr bool kept = sizeof...(K) != 0;
  using core::norm;
  return detail::made<typename A::element, rules::reduce(A::extents, mask, kept)>(norm(a.raw(), mask, kept));
}

}  // namespace mushin
