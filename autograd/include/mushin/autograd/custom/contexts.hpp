#pragma once
// What the functions of a custom function get.
#include <array>
#include <tuple>

#include "mushin/autograd/mapped.hpp"

namespace mushin {

namespace detail {
/// A saved value that doesn't depend on the operands, as a mask of random numbers.
template <class A>
struct Independent {
  A value;
};
template <class A>
struct saved_value {
  using type = A;
  static constexpr bool independent = !is_float_type<typename A::element>;
};
template <class A>
struct saved_value<Independent<A>> {
  using type = A;
  static constexpr bool independent = true;
};
template <class A>
const A& stripped(const A& a) {
  return a;
}
template <class A>
const A& stripped(const Independent<A>& a) {
  return a.value;
}

/// What forward gives where it saves something.
template <class Y, class... S>
struct Saving {
  Y result;
  std::tuple<S...> values;
  std::array<const void*, sizeof...(S)> place;  // where the originals stand: tells which are operands
};
template <class Y>
struct forward_result {
  using type = Y;
  using saved = std::tuple<>;
};
template <class Y, class... S>
struct forward_result<Saving<Y, S...>> {
  using type = Y;
  using saved = std::tuple<S...>;
};

template <class A>
std::tuple<A> as_tuple(A a) {
  return {std::move(a)};
}
template <class... A>
std::tuple<A...> as_tuple(std::tuple<A...> a) {
  return a;
}
}  // namespace detail

/// What `forward(ctx, x...)` of a custom function gets.
class ForwardContext {
 public:
  /// `return ctx.save(y, a, b)`: the result y, and what backward reads as `auto [a, b] = ctx.saved()`. Save operands and the
  /// result, by the names forward has them under; what else depends on the operands ends at the first order: GraphError at the second.
  template <Constant Y, class... S>
  detail::Saving<Y, S...> save(const Y& y, const S&... values) const {
    return {y, {values...}, {&detail::stripped(values)...}};
  }
  /// `ctx.save(y, x, ctx.independent(mask))`: the mask doesn't depend on the operands.
  template <Constant A>
  detail::Independent<A> independent(const A& a) const {
    return {a};
  }
};

/// What `backward(ctx, gy)` of a custom function gets.
template <class Raw, class... S>
class BackwardContext {
 public:
  BackwardContext(std::tuple<S...> saved, const bool* wanted) : saved_(std::move(saved)), wanted_(wanted) {}
  /// What forward saved, as a tuple: `auto [a, b] = ctx.saved()`.
  const std::tuple<S...>& saved() const { return saved_; }
  /// Whether the gradient of operand i is asked for; of a constant it never is. What backward returns for others isn't looked at.
  bool wants(unsigned i) const { return wanted_[i]; }

 private:
  std::tuple<S...> saved_;
  const bool* wanted_;
};

}  // namespace mushin
