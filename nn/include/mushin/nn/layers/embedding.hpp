#pragma once
#include "mushin/nn/module.hpp"
#include "mushin/nn/observe.hpp"

namespace mushin::nn {

namespace detail {
/// Standard normal, but row `padding` (if it is one) zero.
MUSHIN_API core::Array embedding_rows(const core::Sizes&, dtype, std::int64_t padding);
/// The rows as they are, without gradient where the index is `padding`.
MUSHIN_API core::Array embedded(const core::Array& rows, const core::Array& indices, std::int64_t padding);
MUSHIN_API core::Traced embedded(const core::Traced& rows, const core::Array& indices, std::int64_t padding);
}  // namespace detail

/// Rows of a table. x: (…), int64 constants in [0, Rows); result: (…, Size). weight: (Rows, Size), standard normal. The row `Padding`, if
/// it isn't -1, begins as zeros and has no gradient. Gradient: the cotangent, added to the rows taken. ShapeError when an index is outside
/// the table.
template <extent Rows, extent Size, std::int64_t Padding = -1, class T = float>
struct Embedding {
  static_assert(Rows.is_static() && Size.is_static(), "[Embedding] Rows and Size must be numbers");
  static_assert(Padding >= -1 && Padding < Rows.size, "[Embedding] Padding must be a row, or -1 for none");

  Variable<T, Rows, Size> weight{Tensor<T, Rows, Size>{detail::embedding_rows({Rows.size, Size.size}, dtype_of<T>, Padding)}};

  template <TensorLike X>
  auto operator()(const X& x) const {
    static_assert(index_elements<X> && Constant<X>, "[Embedding] indices must be int64 constants: cast with .to<std::int64_t>()");
    const auto rows = take(weight, x);
    if constexpr (Padding < 0)
      return observed(*this, rows, x);
    else
      return observed(*this, mushin::detail::like<decltype(rows)>(detail::embedded(rows.raw(), mushin::detail::constant(x.raw()), Padding)),
                      x);
  }
  static constexpr std::int64_t flops(Shape) { return 0; }
  MUSHIN_MODULE(Embedding, weight)
};

}  // namespace mushin::nn
