// layer: autograd
// expect: [apply] has no batched form for variables: under vmap write the function with ops
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
  auto w = mu::variable(mu::ones<3, 2>());
#ifdef FIXED
  (void)mu::vmap([](const auto& a) { return a * a; })(mu::apply<Square>(w));
#else
  (void)mu::vmap([](const auto& a) { return mu::apply<Square>(a); })(w);
#endif
}
