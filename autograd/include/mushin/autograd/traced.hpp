#pragma once
#include "mushin/autograd/core/graph.hpp"
#include "mushin/autograd/hook.hpp"
#include "mushin/autograd/ops.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin {

/// `z.backward(retain_graph)`: the graph stays, for another backward().
struct RetainGraph {};
inline constexpr RetainGraph retain_graph;

/// What ops on variables give: a value, and how it was made. A cheap handle; copies share both. Holding one holds its graph.
template <class T, extent... E>
class Traced : public Shaped<core::Traced, T, E...> {
  using Base = Shaped<core::Traced, T, E...>;

 public:
  explicit Traced(core::Traced raw) : Base(std::move(raw)) {}
  /// A constant as a differentiable value made from nothing: for loops that start from one.
  explicit Traced(const Tensor<T, E...>& constant) : Base(constant.raw()) {}

  /// The value, detached from the graph.
  Tensor<T, E...> value() const { return Tensor<T, E...>{this->raw().value()}; }

  /// Adds the gradient of sum(z), or of sum(cotangent * z), to `.grad()` of every variable z was made from, and frees the
  /// graph, unless told to retain it. The cotangent: a constant of z's type. GraphError when z was made from no variable,
  /// or its graph was freed before, or the sizes of named extents differ. After an error no gradient has changed.
  void backward() const { core::backward(this->raw(), false); }
  void backward(RetainGraph) const { core::backward(this->raw(), true); }
  template <TensorLike C>
  void backward(const C& cotangent) const {
    core::backward(this->raw(), checked(cotangent), false);
  }
  template <TensorLike C>
  void backward(const C& cotangent, RetainGraph) const {
    core::backward(this->raw(), checked(cotangent), true);
  }
  /// Zeroes the gradient of every variable z was made from; also after backward().
  void reset() const { core::reset(this->raw()); }

  /// Has `f` called with the gradient of this result by each backward pass, `grad` and pull that comes here, once all of it is gathered and
  /// before it goes on to what the result was made from. f takes a constant of z's type and gives nothing, or the gradient to go on with,
  /// of that type; several are called in the order they were added. Under create_graph the gradient is Traced for a function of any
  /// `const auto& g`; GraphError for one that takes constants alone and gives something. What f throws passes through: gradients of
  /// variables are as they were, and the graph is used up as far as it was pulled. f stays as long as the graph, if not removed; one that
  /// holds the result itself keeps it for ever. Not while another thread computes with the graph. GraphError where there is no graph.
  template <class F>
  GradientHook on_gradient(F f) const {
    return GradientHook::add<T, E...>(this->raw(), std::move(f));
  }

  /// Results gather no gradient; this says so.
  template <class Self = Traced>
  Tensor<T, E...> grad() const {
    static_assert(detail::is_variable<Self>, "[grad] only a variable gathers gradients: for a result h ask mu::grad(z, h)");
    return value();
  }

 private:
  template <class C>
  static const core::Array& checked(const C& cotangent) {
    static_assert(Constant<C>, "[backward] the cotangent must be a constant: pass its value, g.value()");
    static_assert(same_type<value_of<C>, Tensor<T, E...>>, "[backward] the cotangent must have the shape and element type of the result");
    return detail::constant(cotangent.raw());
  }
};

template <>
struct typed_handle<core::Traced> {
  template <class T, extent... E>
  using of = Traced<T, E...>;
};

namespace detail {
/// The handle of a differentiable value of the same kind.
template <class Raw>
struct traced_handle {
  using type = core::Traced;
  static core::Traced around(core::Traced whole) { return whole; }
};
}  // namespace detail

/// The differentiable value with the element type and extents of `A`.
template <TensorLike A>
using traced_of = typed<typename detail::traced_handle<detail::raw_of<A>>::type, typename A::element, A::extents>;

}  // namespace mushin
