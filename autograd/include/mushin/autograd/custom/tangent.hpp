#pragma once
// Forward mode of a custom function: what F::jvp is for.
#include <vector>

#include "mushin/autograd/custom/calls.hpp"

namespace mushin::detail {

template <class F, class Y, class Operands, class Saved>
class TangentFunction;

/// A gradient as a function of the gradient of the result, in which it is linear: the derivative by that, along a tangent of the operand,
/// is F::jvp. So mu::jvp, which asks for it, needs no gradient of F::backward. Its operands: the gradient of the result, those of F, the
/// result.
template <class F, class Y, class... X, class... S>
class TangentFunction<F, Y, std::tuple<X...>, std::tuple<S...>> final : public core::Function {
  using Values = KeptValues<F, Y, std::tuple<X...>, std::tuple<S...>>;
  static constexpr unsigned count = sizeof...(X);
  template <class Raw>
  using Context = BackwardContext<Raw, typename BackwardCall<F, Y, S...>::template passed<Raw, S>...>;
  template <class Raw>
  static constexpr bool takes = requires(const F& f, Context<Raw>& ctx, const like_type<Raw, X>&... tangents) {
    f.jvp(ctx, tangents...);
  };
  using Raw = std::conditional_t<takes<core::Traced>, core::Traced, core::Array>;
  static constexpr bool any_order = std::same_as<Raw, core::Traced>;

 public:
  static constexpr bool exists = takes<core::Traced> || takes<core::Array>;
  /// Does it give a tangent of the result?
  static constexpr bool fits() {
    if constexpr (exists) {
      using Tangent = std::remove_cvref_t<decltype(std::declval<const F&>().jvp(std::declval<Context<Raw>&>(),
                                                                                std::declval<const like_type<Raw, X>&>()...))>;
      if constexpr (TensorLike<Tangent>)
        return same_element_type<Tangent, Y> && Tangent::extents == Y::extents;
      else
        return false;
    }
    return true;
  }

  TangentFunction(const F& f, const Values& values, const core::Sizes* sizes, unsigned operand)
      : f_(f), kept_(values), sizes_(sizes, sizes + count), operand_(operand) {}

  /// Links the gradients, which are constants yet, to the gradient of the result.
  static void record(const F& f, const Values& values, const core::FunctionPull& p) {
    std::vector<core::Traced> operands{p.cotangent};
    const auto add = [&](core::GraphHead* maker) { operands.push_back(core::linked_to(p.cotangent.value(), maker)); };
    for (unsigned i = 0; i < count; ++i) add(p.operand[i]);
    add(p.result);
    for (unsigned i = 0; i < count; ++i)
      if (p.operand[i] && p.wanted[i] && p.gradient[i])
        p.gradient[i] = core::record_function(name_of_type<F>, p.gradient[i].value(), operands.data(), count + 2,
                                              new TangentFunction(f, values, p.sizes, i));
  }

  void pull(const core::FunctionPull& p) override {
    for (unsigned i = 1; i < count + 2; ++i)
      if (p.operand[i] && p.wanted[i])
        core::fail_graph(name_of_type<F>,
                         "its backward takes constants alone, and its jvp tells a derivative along tangents, not a gradient of its "
                         "gradient: write backward for any const auto& gy");
    if (p.linked && !any_order)
      core::fail_graph(name_of_type<F>,
                       "its jvp takes constants alone, so that it has no derivative: write it for any const auto& tangent");
    kept_.inside([&] { along(p, std::make_index_sequence<count>{}); });
  }
  std::int64_t saved_bytes() const noexcept override { return kept_.bytes(); }

 private:
  template <std::size_t... I>
  void along(const core::FunctionPull& p, std::index_sequence<I...>) {
    Context<Raw> ctx{kept_.template passed<Raw>(p.linked, p.operand + 1, p.operand[count + 1]), nullptr};
    const auto tangent = std::as_const(f_).jvp(ctx, tangent_of<X>(p, I)...);
    if constexpr (fits()) p.gradient[0] = gradient_for<Y>(tangent, p.sizes[0]);
  }
  template <class A>
  auto tangent_of(const core::FunctionPull& p, std::size_t i) const {
    const core::Traced t = i == operand_ ? p.cotangent : core::Traced(core::full(sizes_[i], A::dtype(), 0));
    if constexpr (any_order)
      return like_around<A>(t);
    else
      return like_around<A>(t.value());
  }

  F f_;
  Values kept_;
  std::vector<core::Sizes> sizes_;
  unsigned operand_;
};

}  // namespace mushin::detail
