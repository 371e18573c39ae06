// layer: autograd
// expect: [apply] forward must give a constant: one tensor, or ctx.save(tensor, saved...)
#include "mushin/autograd.hpp"

namespace mu = mushin;

struct Square {
#ifdef FIXED
  static auto forward(auto& ctx, const auto& x) { return ctx.save(x * x, x); }
#else
  static auto forward(auto&, const auto& x) { return mu::variable(x) * x; }
#endif
  static auto backward(const auto& ctx, const auto& gy) {
    const auto [x] = ctx.saved();
    return 2 * x * gy;
  }
};

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
#ifdef FIXED
  (void)mu::apply<Square>(w);
#else
  mu::apply<Square>(w);
#endif
}
