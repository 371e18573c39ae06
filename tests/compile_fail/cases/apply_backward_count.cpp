// layer: autograd
// expect: [apply] backward must return a gradient for each operand, or for each that is no constant: one, or a tuple
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
  static auto backward(const auto&, const auto& gy) { return std::tuple{gy, gy}; }
#endif
};

void program() {
  auto w = mu::variable(mu::ones<2, 3>());
  (void)mu::apply<Square>(w);
}
