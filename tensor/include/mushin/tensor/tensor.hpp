#pragma once
#include <vector>

#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shaped.hpp"

namespace mushin {

namespace detail {
template <class A>
inline constexpr bool is_variable = false;
}  // namespace detail

/// A constant: an immutable value of element type `T` and extents `E...`. Copies share memory.
template <class T, extent... E>
class Tensor : public Shaped<core::Array, T, E...> {
  static_assert(is_element_type<T>, "[Tensor] not an element type: use float, double, f16, bf16, bool or an integer of 8, 32 or 64 bits");
  static_assert(sizeof...(E) <= max_rank, "[Tensor] at most 8 axes");
  static_assert((!E.is_negative() && ...), "[Tensor] an extent must not be negative");
  using Base = Shaped<core::Array, T, E...>;

 public:
  /// Around an untyped value, whose element type and sizes must be the type's (asserted in debug builds).
  explicit Tensor(core::Array a) : Base(std::move(a)) { assert(this->raw().type() == dtype_of<T>); }

  /// One element; waits for it. ShapeError when an index is outside its axis.
  template <std::integral... I>
  T operator()(I... index) const {
    static_assert(sizeof...(I) == sizeof...(E), "[element] give one index for each axis");
    const std::int64_t at[] = {static_cast<std::int64_t>(index)..., 0};  // never of length 0
    T out;
    core::read_one("element", this->raw(), at, &out);
    return out;
  }

  /// The value of a scalar; waits for it.
  template <class Self = Tensor>
  T item() const {
    static_assert(Self::extents.rank == 0, "[item] only a tensor of rank 0 is one value: say a(i, j) for an element");
    T out;
    core::read_one("item", this->raw(), nullptr, &out);
    return out;
  }

  /// A row-major copy of all elements; waits for them.
  std::vector<T> to_vector() const {
    const auto n = static_cast<std::size_t>(this->size());
    if constexpr (std::same_as<T, bool>) {  // vector<bool> has no memory to read into
      std::vector<char> bytes(n);
      core::read_all(this->raw(), bytes.data());
      return std::vector<bool>(bytes.begin(), bytes.end());
    } else {
      std::vector<T> out(n);
      core::read_all(this->raw(), out.data());
      return out;
    }
  }

  /// The same value under other extents: sizes for names or `dyn`, and the other way round. Extents that cannot be equal do
  /// not compile. ShapeError unless the sizes are those.
  template <extent... To>
  Tensor<T, To...> refine() const {
    if constexpr (!rules::refines(Base::extents, Shape{To...}))
      static_assert(extents_refine<spell(Base::extents), spell(Shape{To...})>, "[refine] neither the rank nor a static extent can change");
    core::check_sizes("refine", this->shape(), {detail::run_time_size(To)...});
    if constexpr (constexpr auto twice = rules::repeated_names(Shape{To...}); twice.count != 0)
      core::check_named("refine", this->shape(), this->shape(), twice);
    return Tensor<T, To...>{this->raw()};
  }

  /// A variable of this value: mu::variable of the autograd layer, whose header must be included.
  template <class Self = Tensor>
  auto unfreeze() const {
    return variable(static_cast<const Self&>(*this));
  }

  /// Constants have no gradient; these say so.
  template <class Self = Tensor>
  void backward(const auto&...) const {
    static_assert(detail::is_variable<Self>, "[backward] a constant has no gradient: make the operands variables with mu::variable(x)");
  }
  /// The same.
  template <class Self = Tensor>
  Tensor grad() const {
    static_assert(detail::is_variable<Self>, "[grad] a constant has no gradient: make it a variable with mu::variable(x)");
    return *this;
  }
};

template <>
struct typed_handle<core::Array> {
  template <class T, extent... E>
  using of = Tensor<T, E...>;
};

/// The constant with the element type and extents of `A`.
template <TensorLike A>
using value_of = typed<typename detail::constant_handle<detail::raw_of<A>>::type, typename A::element, A::extents>;

}  // namespace mushin
