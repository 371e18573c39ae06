#pragma once
// Gradients against differences.
#include <array>
#include <concepts>
#include <tuple>

#include "mushin/autograd/traced.hpp"

namespace mushin {

/// What `gradcheck` found.
struct GradcheckResult {
  bool ok;       ///< every element is within the tolerance of its type
  double worst;  ///< the farthest that a gradient is from its difference, relative to the largest of its operand's; NaN where one is NaN
  double tolerance;  ///< of that gradient's element type
  char text[640];    ///< a sentence with the operand, the index, both values and the step of the worst
};

namespace core {
/// The function whose gradients are checked, of operands of float types.
class MUSHIN_API CheckedFunction {
 public:
  virtual ~CheckedFunction();
  virtual Traced call(const Traced* operands) const = 0;
};
/// First order: gradients of f against differences of f. Second: those of the first gradients against differences of these.
MUSHIN_API GradcheckResult check_gradients(const CheckedFunction& f, const Array* at, unsigned count, bool second_order);
}  // namespace core

namespace detail {
/// What f gets for an operand of type `A`.
template <class A>
using checked_operand = std::conditional_t<float_elements<A>, traced_of<A>, value_of<A>>;

template <class F, class... A>
inline constexpr bool checkable = (float_elements<A> || ...) && std::invocable<const F&, checked_operand<A>...>;

template <class F, class... A>
class Checked final : public core::CheckedFunction {
 public:
  Checked(const F& f, const A&... inputs) : f_(f), inputs_(inputs.raw()...) {}
  core::Traced call(const core::Traced* operands) const override { return call(operands, std::index_sequence_for<A...>{}); }

 private:
  template <std::size_t... I>
  core::Traced call(const core::Traced* operands, std::index_sequence<I...>) const {
    return f_(operand<I, A>(operands)...).raw();
  }
  template <std::size_t I, class Input>
  checked_operand<Input> operand(const core::Traced* operands) const {
    constexpr bool is[] = {float_elements<A>...};
    constexpr std::size_t place = [] {
      std::size_t n = 0;
      for (std::size_t k = 0; k < I; ++k) n += is[k];
      return n;
    }();
    if constexpr (float_elements<Input>)
      return checked_operand<Input>{operands[place]};
    else
      return checked_operand<Input>{constant(std::get<I>(inputs_))};
  }

  const F& f_;
  std::tuple<raw_of<A>...> inputs_;
};

template <class F, class... A>
GradcheckResult check(const F& f, bool second_order, const A&... inputs) {
  const Checked<F, A...> checked{f, inputs...};
  std::array<core::Array, (std::size_t{float_elements<A>} + ...)> at;
  std::size_t n = 0;
  auto add = [&]<class Input>(const Input& input) {
    if constexpr (float_elements<Input>) at[n++] = constant(input.raw());
  };
  (add(inputs), ...);
  return core::check_gradients(checked, at.data(), static_cast<unsigned>(at.size()), second_order);
}
}  // namespace detail

// Of both functions, since the sentence of a static_assert is a literal.
#define MUSHIN_RULE_CHECKED(op, F, A)                                                                                      \
  static_assert((std::size_t{float_elements<A>} + ... + 0) > 0, "[" op "] give an operand of a float type: " op "(f, x)"); \
  static_assert(std::invocable<const F&, detail::checked_operand<A>...>,                                                   \
                "[" op "] f must take a Traced value for each operand of a float type: write it for any const auto& x");   \
  if constexpr (std::invocable<const F&, detail::checked_operand<A>...>)                                                   \
    static_assert(Differentiable<std::remove_cvref_t<std::invoke_result_t<const F&, detail::checked_operand<A>...>>>,      \
                  "[" op "] f must give one tensor made from its operands");

/// Gradients of `f` against central differences in the operands' element types. `inputs`: constants or variables; those of
/// float types are checked, `f` gets differentiable values of them (a generic lambda), others as they are. `f` gives one tensor
/// of any shape, of which a sum with fixed uneven weights is differentiated; it is called twice for each element, draws the same
/// random numbers at each call, and must be smooth within a step: cbrt(epsilon) * max(1, |x|). Tolerance: double 1e-6, float
/// 2e-3, f16 0.05, bf16 0.2, beyond the rounding of f itself. What `f` throws passes through.
template <class F, TensorLike... A>
auto gradcheck(const F& f, const A&... inputs) {
  MUSHIN_RULE_CHECKED("gradcheck", F, A)
  if constexpr (detail::checkable<F, A...>) return detail::check(f, false, inputs...);
}
/// The gradients of `f`'s gradients, alike.
template <class F, TensorLike... A>
auto gradgradcheck(const F& f, const A&... inputs) {
  MUSHIN_RULE_CHECKED("gradgradcheck", F, A)
  if constexpr (detail::checkable<F, A...>) return detail::check(f, true, inputs...);
}
#undef MUSHIN_RULE_CHECKED

}  // namespace mushin
