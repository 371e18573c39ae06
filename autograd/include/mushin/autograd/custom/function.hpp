#pragma once
// What apply records.
#include "mushin/autograd/custom/tangent.hpp"

namespace mushin::detail {

template <class F, class Y, class Operands, class Saved>
class CustomFunction;

/// The gradients by F::backward.
template <class F, class Y, class... X, class... S>
class CustomFunction<F, Y, std::tuple<X...>, std::tuple<S...>> final : public core::Function {
  using Call = BackwardCall<F, Y, S...>;
  using Raw = typename Call::raw;
  using Values = KeptValues<F, Y, std::tuple<X...>, std::tuple<S...>>;
  static constexpr std::size_t count = sizeof...(X);
  static constexpr bool any_order = std::same_as<Raw, core::Traced>;

 public:
  using Tangent = TangentFunction<F, Y, std::tuple<X...>, std::tuple<S...>>;

  CustomFunction(F f, Kept<sizeof...(S)> saved) : f_(std::move(f)), kept_(std::move(saved)) {}

  void pull(const core::FunctionPull& p) override {
    if constexpr (!any_order && !Tangent::exists)
      if (p.linked)
        core::fail_graph(name_of_type<F>,
                         "its backward takes constants alone, so that its gradient has no gradient: write it for any const auto& gy");
    std::array<bool, count> wanted;
    for (std::size_t i = 0; i < count; ++i) wanted[i] = p.operand[i] && p.wanted[i];
    kept_.inside([&] {
      typename Call::context ctx{kept_.template passed<Raw>(p.linked, p.operand, p.result), wanted.data()};
      take(p, Call::call(f_, ctx, like_around<Y>(of(p.cotangent))), std::make_index_sequence<count>{});
    });
    if constexpr (!any_order && Tangent::exists)
      if (p.linked) Tangent::record(f_, kept_, p);
  }
  std::int64_t saved_bytes() const noexcept override { return kept_.bytes(); }

 private:
  static Raw of(const core::Traced& t) {
    if constexpr (any_order)
      return t;
    else
      return t.value();
  }
  template <class Gradients, std::size_t... I>
  static void take(const core::FunctionPull& p, const Gradients& gradients, std::index_sequence<I...>) {
    auto put = [&]<std::size_t N, class Operand>(std::integral_constant<std::size_t, N>, const Operand*) {
      if constexpr (Differentiable<Operand>)
        if (p.wanted[N]) p.gradient[N] = gradient_for<Operand>(std::get<GradientsOf<Gradients, X...>::place(N)>(gradients), p.sizes[N]);
    };
    (put(std::integral_constant<std::size_t, I>{}, static_cast<const X*>(nullptr)), ...);
  }

  F f_;
  Values kept_;
};

}  // namespace mushin::detail
