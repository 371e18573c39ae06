#pragma once
// Memory for time: what a function computes is computed again when its gradient is asked for.
#include <array>
#include <concepts>
#include <tuple>

#include "mushin/autograd/core/checkpoint.hpp"
#include "mushin/autograd/mapped.hpp"
#include "mushin/autograd/variable.hpp"

namespace mushin {

namespace detail {
/// What the function gets for an operand of type `A`.
template <class A>
using checkpoint_operand = std::conditional_t<Differentiable<A>, traced_of<A>, A>;

template <class F, class Result, class... X>
class RecomputedCall final : public core::Recomputed {
 public:
  RecomputedCall(F f, const X&... x) : f_(std::move(f)), constants_{kept(x)...} {}
  core::Traced run(const core::Traced* x) override {
    return maps_.inside([&] { return call(x, std::index_sequence_for<X...>{}); });
  }

 private:
  template <class A>
  static core::Array kept(const A& a) {
    if constexpr (Differentiable<A>)
      return {};
    else
      return core::mapped::whole(a.raw());
  }
  template <std::size_t... I>
  core::Traced call(const core::Traced* x, std::index_sequence<I...>) {
    return core::Traced(core::mapped::whole(f_(operand<X>(x, I)...).raw()));
  }
  template <class A>
  auto operand(const core::Traced* x, std::size_t i) const {
    if constexpr (Differentiable<A>)
      return like_around<A>(x[i]);
    else
      return like_around<A>(constants_[i]);
  }

  F f_;
  std::array<core::Array, sizeof...(X)> constants_;
  [[no_unique_address]] KeptSizes<core::mapped::all_maps<raw_of<Result>, raw_of<X>...>> maps_;  // f may capture what is mapped
};
}  // namespace detail

/// `f(x...)`, of which only the operands are saved: f is called again when the gradient is asked for. f gets Traced values of
/// variables and results, constants as they are, and gives one tensor; variables that it captures get their gradients too.
/// It is kept until the graph is freed: what it captures by reference must live as long, and it must do the same at each call. It draws
/// the same random numbers again, whatever else is drawn. May be nested; gradients of any order. Result: Traced.
/// GraphError from the backward pass when f used other variables than at first, or one of them was set in between.
template <class F, TensorLike... X>
auto checkpoint(F f, const X&... x) {
  static_assert(std::invocable<F&, detail::checkpoint_operand<X>...>,
                "[checkpoint] f must take a Traced value for each operand that is no constant: write it for any const auto& x");
  if constexpr (std::invocable<F&, detail::checkpoint_operand<X>...>) {
    using Result = std::remove_cvref_t<std::invoke_result_t<F&, detail::checkpoint_operand<X>...>>;
    static_assert(TensorLike<Result>, "[checkpoint] f must give one tensor");
    if constexpr (TensorLike<Result>) {
      const std::array<core::Traced, sizeof...(X)> operands{core::Traced(core::mapped::whole(x.raw()))...};
      return detail::like_around<Result>(
          core::checkpoint(new detail::RecomputedCall<F, Result, X...>(std::move(f), x...), operands.data(), sizeof...(X)));
    }
  }
}

}  // namespace mushin
