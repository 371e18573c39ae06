#pragma once
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/shape.hpp"
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/run_time_checks.hpp"
#include "mushin/tensor/shape_rules/matmul.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// (…, m, k) x (…, k, n) -> (…, m, n); leading axes broadcast; a 1-D operand is a row (left) or a column (right) whose axis is
/// dropped. ShapeError when the inner sizes differ.
MUSHIN_API Array matmul(const Array&, const Array&);
}  // namespace mushin::core

namespace mushin {

namespace detail {
/// Names that matmul lays side by side have one size: leading axes, the inner axis, and axes of one name in the result.
template <class A, class B>
void check_matmul(const A& a, const B& b) {
  constexpr unsigned leading = rules::matmul_batch_equal_at_run_time(A::extents, B::extents);
  if constexpr (leading != 0) core::check_equal("matmul", a.shape(), b.shape(), leading);
  constexpr rules::NamePairs names = rules::shared_names(A::extents, B::extents);
  if constexpr (names.count != 0) core::check_named("matmul", a.shape(), b.shape(), names);
}
}  // namespace detail

/// Matrix product. (…, m, k) x (…, k, n) -> (…, m, n); leading axes broadcast; a 1-D operand is a row (left) or a column (right), and
/// its axis is dropped. One element type, not bool; f16 and bf16 are multiplied and summed in float, then rounded; integers wrap.
/// Gradients: dA = dC B^T, dB = A^T dC, summed over axes that broadcast. ShapeError when extents whose sizes only the run knows disagree.
template <TensorLike A, TensorLike B>
auto matmul(const A& a, const B& b) {
  static_assert(same_element_type<A, B>, "[matmul] both tensors must have the same element type: cast with .to<T>()");
  static_assert(number_elements<A>, "[matmul] needs numbers, not bool: cast with .to<float>()");
  static_assert(rules::matmul_has_axes(A::extents, B::extents), "[matmul] a scalar has no axes: multiply with *");
  if constexpr (!rules::matmul_inner_matches(A::extents, B::extents))
    static_assert(inner_extents_match<spell(A::extents), spell(B::extents)>,
                  "[matmul] the last extent of a must equal the second last of b");
  if constexpr (!rules::matmul_batch_broadcasts(A::extents, B::extents))
    static_assert(batch_extents_broadcast<spell(A::extents), spell(B::extents)>, "[matmul] leading extents must be equal or 1");
  detail::check_matmul(a, b);
  using core::matmul;
  return detail::made<typename A::element, rules::matmul(A::extents, B::extents)>(matmul(a.raw(), b.raw()));
}

/// Inner product of two vectors. (n) x (n) -> scalar. One element type, not bool. Gradients: da = dc b, db = dc a.
template <TensorLike A, TensorLike B>
auto dot(const A& a, const B& b) {
  static_assert(A::extents.rank == 1 && B::extents.rank == 1, "[dot] needs two tensors of rank 1: multiply others with matmul");
  return matmul(a, b);
}

/// The product of each element of one vector with each of another. (n), (m) -> (n, m). One element type, not bool. Gradients: da = dc b,
/// db = dc^T a.
template <TensorLike A, TensorLike B>
auto outer(const A& a, const B& b) {
  static_assert(A::extents.rank == 1 && B::extents.rank == 1, "[outer] needs two tensors of rank 1: multiply others with * or einsum");
  static_assert(same_element_type<A, B>, "[outer] both tensors must have the same element type: cast with .to<T>()");
  static_assert(number_elements<A>, "[outer] needs numbers, not bool: cast with .to<float>()");
  return unsqueeze<-1>(a) * b;
}

}  // namespace mushin
