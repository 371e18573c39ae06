#pragma once
#include <tuple>

#include "mushin/autograd.hpp"
#include "mushin/autograd/name_of_type.hpp"

// How layers tell nn::summary that they were called.
namespace mushin::nn {

namespace detail {

constexpr std::int64_t elements(Shape s) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < s.rank; ++i) n *= s[i].size;
  return n;
}

/// A call of a layer. `flops`: -1 when they aren't known.
struct LayerCall {
  const void* layer;
  const char* type;
  core::Sizes output;
  dtype element;
  std::int64_t flops;
};
/// Whether somebody looks at what this thread calls.
MUSHIN_API bool observing() noexcept;
MUSHIN_API void note_call(const LayerCall&);
/// Whether the last call noted is of this layer.
MUSHIN_API bool noted(const void* layer) noexcept;
MUSHIN_API Shape shape_of(const core::Sizes&);

/// Of a layer's several results the first.
template <TensorLike Y>
const Y& first_result(const Y& y) {
  return y;
}
template <class... Y>
const auto& first_result(const std::tuple<Y...>& y) {
  return std::get<0>(y);
}

template <class, TensorLike>
using shape_for = Shape;
template <class Layer, class... X>
inline constexpr bool counts_flops = requires(shape_for<Layer, X>... x) {
  Layer::flops(x...);
};

template <class Layer, class Y, class... X>
void note(const Layer& layer, const Y& y, const X&... x) {
  const auto& first = first_result(y);
  std::int64_t flops = -1;
  if constexpr (counts_flops<Layer, X...>) flops = Layer::flops(shape_of(x.shape())...);
  note_call({&layer, name_of_type<Layer>, first.shape(), first.dtype(), flops});
}

/// For whoever calls a layer that may not tell.
template <class Layer, class Y>
void note_unless_noted(const Layer& layer, const Y& y) {
  const auto& first = first_result(y);
  if (!noted(&layer)) note_call({&layer, name_of_type<Layer>, first.shape(), first.dtype(), -1});
}

}  // namespace detail

/// `return observed(*this, y, x);` in a layer's operator() lets nn::summary show what came out (`y`: a tensor, or a tuple of them), and
/// with a member `static constexpr std::int64_t flops(Shape x)`, of the sizes of `x…`, the operations of the call, those of its own members
/// included. A multiplication, an addition, and a function of an element count one each. Costs next to nothing while nobody looks.
template <class Layer, class Y, TensorLike... X>
Y observed(const Layer& layer, Y y, const X&... x) {
  if (detail::observing()) detail::note(layer, y, x...);
  return y;
}

}  // namespace mushin::nn
