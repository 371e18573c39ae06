#pragma once
#include "mushin/autograd/traced.hpp"

namespace mushin {

/// What gradients are taken with respect to: a value, and the gradient gathered so far. Moves; does not copy, since a copy
/// would take the gradient with it unseen: pass it by reference, or say `clone()`. Graphs made before a move hold on to it.
template <class T, extent... E>
class Variable : public Shaped<core::Leaf, T, E...> {
  using Base = Shaped<core::Leaf, T, E...>;
  static_assert(is_float_type<T>, "[variable] only float types have gradients: cast with .to<float>()");

 public:
  explicit Variable(const Tensor<T, E...>& value) : Base(core::Leaf{value.raw()}) {}
  Variable(Variable&&) noexcept = default;
  Variable& operator=(Variable&&) noexcept = default;
  Variable(const Variable&) = delete;             // say w.clone(): a copy would take the gradient with it unseen
  Variable& operator=(const Variable&) = delete;  // say w.set(other.value()), or w = other.clone()

  const core::Traced& raw() const { return this->raw_.traced(); }
  /// The leaf itself, for optimisers.
  const core::Leaf& leaf() const { return this->raw_; }
  /// As an op's result, for functions that give either.
  operator Traced<T, E...>() const { return Traced<T, E...>{raw()}; }
  template <class U>
  auto to() const {
    return mushin::to<U>(*this);
  }

  Tensor<T, E...> value() const { return Tensor<T, E...>{raw().value()}; }
  /// Another value, of the same type; the gradient stays. ShapeError when the sizes of named extents change.
  template <TensorLike A>
  void set(const A& value) {
    static_assert(same_type<value_of<A>, Tensor<T, E...>>, "[set] the value must have the shape and element type of the variable");
    static_assert(Constant<A>, "[set] takes a constant: pass the value, x.value()");
    this->raw_.set(detail::constant(value.raw()));
  }
  /// The sum of the gradients of every backward() so far; zeros before the first.
  Tensor<T, E...> grad() const { return Tensor<T, E...>{this->raw_.grad()}; }
  void zero_grad() { this->raw_.zero_grad(); }
  /// As Traced::on_gradient: `f` sees and may replace what each backward pass adds to `grad()`. f stays as long as the variable and graphs
  /// made from it.
  template <class F>
  GradientHook on_gradient(F f) const {
    return GradientHook::add<T, E...>(raw(), std::move(f));
  }

  /// An independent variable of the same value, without gradient.
  Variable clone() const { return Variable{value()}; }
  /// A constant that shares the value's memory.
  Tensor<T, E...> freeze() const { return value(); }
};

/// A variable of that value. Float types.
template <class T, extent... E>
Variable<T, E...> variable(const Tensor<T, E...>& value) {
  return Variable<T, E...>{value};
}

}  // namespace mushin
