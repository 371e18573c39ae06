// layer: autograd
// expect: [apply] give the operands: apply<F>(x)
#include "mushin/autograd.hpp"

namespace mu = mushin;

struct Square {
  static auto forward(auto& ctx, const auto& x) { return ctx.save(x * x, x); }
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
  mu::apply<Square>();
#endif
}
