// layer: autograd
// expect: [apply] a gradient must have the element type and extents of its operand
#include "mushin/autograd.hpp"

namespace mu = mushin;

struct Square {
  static auto forward(auto& ctx, const auto& x) { return ctx.save(x * x, x); }
#ifdef FIXED
  static auto backward(const auto& ctx, const auto& gy) {
    const auto [x] = ctx.saved();
    return 2 * x * gy;
  }
#else
  static auto backward(const auto&, const auto&) { return 2.0f; }
#endif
};

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
  (void)mu::apply<Square>(w);
}
