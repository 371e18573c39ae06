#pragma once
#include "mushin/nn/module.hpp"
#include "mushin/nn/observe.hpp"

namespace mushin::nn {

// What a compile error shows below its sentence: which layer, what it is, and the shape that reaches it.
template <unsigned LayerIndex, class Layer, text X>
inline constexpr bool chain_accepts = false;

/// One layer of a chain, for Sequential. Layers are bases of the chain: a flat pack, without recursion.
template <unsigned I, class M>
struct Slot {
  M layer{};
};

/// The value on its way; `flow | slot` applies a layer, which may take the value with it: where nobody else has it, an activation is one
/// pass with the product before.
template <class X>
struct Flow {
  X value;
};
namespace detail {
/// layer(x); one that can only look at x, as by `operator()(auto& x)`, gets it as an lvalue.
template <class M, class X>
decltype(auto) apply_layer(const M& layer, X&& x) {
  if constexpr (requires { layer(std::forward<X>(x)); })
    return layer(std::forward<X>(x));
  else
    return layer(x);
}
}  // namespace detail

/// The value after one more layer.
template <class X, unsigned I, class M>
auto operator|(Flow<X>&& flow, const Slot<I, M>& slot) {
  using Value = std::remove_cvref_t<X>;
  if constexpr (requires { M::template accepts<Value>; })
    if constexpr (!M::template accepts<Value>)
      static_assert(chain_accepts<I, M, spell(Value::extents)>,
                    "[Sequential] a layer does not accept the shape that comes out of the one before");
  Flow<decltype(detail::apply_layer(slot.layer, std::forward<X>(flow.value)))> next{
      detail::apply_layer(slot.layer, std::forward<X>(flow.value))};
  // A layer that doesn't tell that it was called has a shape all the same.
  if constexpr (!Module<M> && requires { detail::first_result(next.value); })
    if (detail::observing()) detail::note_unless_noted(slot.layer, next.value);
  return next;
}

namespace detail {
/// "0,1,2": the names of a chain's layers.
inline constexpr char layer_names[] =
    "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,"
    "48,49,"
    "50,51,52,53,54,55,56,57,58,59,60,61,62,63";
}  // namespace detail

/// The layers of a Sequential, each under its number.
template <class Indices, class... M>
struct Chain;
template <unsigned... I, class... M>
struct Chain<std::integer_sequence<unsigned, I...>, M...> : Slot<I, M>... {
  Chain() = default;
  explicit Chain(M... layers) requires(sizeof...(M) > 0) : Slot<I, M>{std::move(layers)}... {}

  template <TensorLike X>
  auto operator()(const X& x) const {
    return (Flow<const X&>{x} | ... | static_cast<const Slot<I, M>&>(*this)).value;
  }

  static constexpr detail::MemberNames<(sizeof...(M) > 0 ? sizeof...(M) : 1)> mushin_member_names{detail::layer_names};
  static constexpr void mushin_check_members() {
    static_assert((detail::walk_finds_all<M>() && ...),
                  "[Sequential] a layer that is no module must be a plain value, to be copied: a struct of layers needs a MUSHIN_MODULE");
  }
  template <class Use>
  decltype(auto) mushin_members(Use&& use) {
    return use(static_cast<Slot<I, M>&>(*this).layer...);
  }
  template <class Use>
  decltype(auto) mushin_members(Use&& use) const {
    return use(static_cast<const Slot<I, M>&>(*this).layer...);
  }
};

/// Layers one after the other: `nn::Sequential<nn::Linear<3, 5>, nn::Relu, nn::Linear<5, 2>>`. Parameters are "0.weight", "2.bias", …
/// A layer that does not accept the shape of the one before does not compile; the error names its index.
template <class... M>
struct Sequential : Chain<std::make_integer_sequence<unsigned, sizeof...(M)>, M...> {
  static_assert(sizeof...(M) > 0 && sizeof...(M) <= 64, "[Sequential] from 1 to 64 layers");
  using Chain<std::make_integer_sequence<unsigned, sizeof...(M)>, M...>::Chain;
};
template <class... M>
Sequential(M...) -> Sequential<M...>;

}  // namespace mushin::nn
