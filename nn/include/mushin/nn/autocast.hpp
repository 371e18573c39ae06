#pragma once
// Mixed precision: products of layers in a narrow type, all else in float.
#include "mushin/autograd.hpp"

namespace mushin::nn {
namespace detail {

/// What this thread's layers multiply in; f32: as they are.
MUSHIN_API dtype product_type() noexcept;
MUSHIN_API void product_type(dtype) noexcept;

template <class A, class B>
auto narrow_product(const A& a, const B& b, dtype type) {
  using core::cast, core::matmul;
  return cast(matmul(cast(a, type), cast(b, type)), dtype::f32);
}

/// matmul(a, b); of float tensors under autocast in its type, the result as float again.
template <TensorLike A, TensorLike B>
auto product(const A& a, const B& b) {
  if constexpr (std::same_as<typename A::element, float> && std::same_as<typename B::element, float>) {
    using Result = std::remove_cv_t<decltype(matmul(a, b))>;
    if (const dtype type = product_type(); type != dtype::f32) {
      mushin::detail::check_matmul(a, b);
      return Result{narrow_product(a.raw(), b.raw(), type)};
    }
  }
  return std::remove_cv_t<decltype(matmul(a, b))>(matmul(a, b));
}

}  // namespace detail

/// While one lives, this thread's `Linear`, `Bilinear`, attention, convolution and recurrent layers of element type float round the
/// operands of their products to `T` (f16 or bf16), accumulate in float and round the product to `T`; parameters, results, biases, gates
/// and everything else stay float, and so do the types. (Of Bilinear that is the product of x and the weight; what z is multiplied with is
/// summed in float.) A recurrent layer then goes step by step, as its cell does.
/// `{ nn::autocast<mu::bf16> narrow; loss = f(net(x)); } loss.backward();`. The backward pass multiplies as the forward pass did. What a
/// checkpoint computes again has to open the scope itself. f16 wants an nn::GradScaler beside it. Scopes nest; `autocast<float>` is a hole.
template <class T>
class autocast {
  static_assert(std::same_as<T, bf16> || std::same_as<T, f16> || std::same_as<T, float>,
                "[autocast] the type must be mu::bf16, mu::f16 or float");

 public:
  autocast() noexcept : before_(detail::product_type()) { detail::product_type(dtype_of<T>); }
  ~autocast() { detail::product_type(before_); }
  autocast(const autocast&) = delete;
  autocast& operator=(const autocast&) = delete;

 private:
  dtype before_;
};

}  // namespace mushin::nn
