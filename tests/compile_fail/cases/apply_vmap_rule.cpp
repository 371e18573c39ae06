// layer: autograd
// expect: [apply] vmap(x...) gets operands with the mapped axis in front, and must give one tensor that has it
#include "mushin/autograd.hpp"

namespace mu = mushin;

struct Total {
  static auto forward(auto& ctx, const auto& x) { return ctx.save(mu::sum(x), x); }
  static auto backward(const auto& ctx, const auto& gy) { return gy * (std::get<0>(ctx.saved()) * 0 + 1); }
#ifdef FIXED
  static auto vmap(const auto& x) { return mu::sum<1>(x); }
#else
  static auto vmap(const auto& x) { return mu::sum(x); }
#endif
};

void program() {
  auto w = mu::variable(mu::ones<3, 2>());
  (void)mu::vmap([](const auto& a) { return mu::apply<Total>(a); })(w);
}
