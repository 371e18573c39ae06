#pragma once
// Functions that see gradients on their way.
#include <concepts>
#include <type_traits>
#include <utility>

#include "mushin/autograd/core/hook.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin {

template <class T, extent... E>
class Traced;

// What a compile error shows below its sentence.
/// What a hook's result must be: of the gradient's own type.
template <class A, class B>
inline constexpr bool same_type = std::same_as<A, B>;

/// What `on_gradient` gives. The hook lives as long as the variable, or the graph of the result, and not shorter when this goes.
class GradientHook {
 public:
  GradientHook() noexcept = default;
  explicit GradientHook(core::HookHandle handle) noexcept : handle_(std::move(handle)) {}
  /// From now on it isn't called; the function is destroyed, unless another thread is calling it. More than once: nothing.
  void remove() noexcept { handle_.remove(); }

  /// What on_gradient does, for a value of that element type and those extents.
  template <class T, extent... E, class F>
  static GradientHook add(const core::Traced& value, F f);

 private:
  core::HookHandle handle_;
};

namespace detail {

template <class G, class Wanted>
inline constexpr bool is_hook_result = false;
template <class Wanted>
inline constexpr bool is_hook_result<void, Wanted> = true;
template <TensorLike G, class Wanted>
inline constexpr bool is_hook_result<G, Wanted> = same_type<value_of<G>, Wanted>;

/// What a hook gives for a gradient of type G.
template <class F, class G>
using hook_result = std::remove_cvref_t<std::invoke_result_t<F&, const G&>>;

template <class F, class T, extent... E>
class TypedHook final : public core::GradientFunction {
  using Value = Tensor<T, E...>;
  using Recorded = mushin::Traced<T, E...>;
  static constexpr bool takes_traced = std::invocable<F&, const Recorded&>;
  static constexpr bool observes = std::is_void_v<hook_result<F, Value>>;

 public:
  explicit TypedHook(F f) : GradientFunction(takes_traced || observes), f_(std::move(f)) {}

  core::Traced call(const core::Traced& g, bool linked) override {
    if constexpr (takes_traced)
      if (linked) return given(Recorded{g});
    return given(Value{g.value()});
  }

 private:
  template <class G>
  core::Traced given(const G& g) {
    using Given = hook_result<F, G>;
    if constexpr (std::is_void_v<Given>) {
      f_(g);
      return {};
    } else if constexpr (is_hook_result<Given, Value>) {
      return f_(g).raw();
    }
  }

  F f_;
};

}  // namespace detail

template <class T, extent... E, class F>
GradientHook GradientHook::add(const core::Traced& value, F f) {
  static_assert(std::invocable<F&, const Tensor<T, E...>&>,
                "[on_gradient] the hook must take the gradient, a constant of the value's element type and extents: write it for any "
                "const auto& g");
  if constexpr (std::invocable<F&, const Tensor<T, E...>&>) {
    using Given = detail::hook_result<F, Tensor<T, E...>>;
    constexpr bool constant = std::is_void_v<Given> || Constant<Given>;
    constexpr bool fits = detail::is_hook_result<Given, Tensor<T, E...>>;
    static_assert(constant || !fits, "[on_gradient] of a constant gradient the hook must give a constant: pass its value, x.value()");
    static_assert(fits, "[on_gradient] the hook must give nothing, or a gradient of the value's element type and extents");
    constexpr bool linked = [] {
      if constexpr (std::invocable<F&, const Traced<T, E...>&>)
        return detail::is_hook_result<detail::hook_result<F, Traced<T, E...>>, Tensor<T, E...>>;
      return true;
    }();
    static_assert(
        linked, "[on_gradient] under create_graph, too, the hook must give nothing, or a gradient of the value's element type and extents");
    if constexpr (constant && fits && linked) return GradientHook{core::add_hook(value, new detail::TypedHook<F, T, E...>(std::move(f)))};
  }
  return GradientHook{};
}

}  // namespace mushin
