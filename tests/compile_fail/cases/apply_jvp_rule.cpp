// layer: autograd
// expect: [apply] jvp must give a tangent with the element type and extents of the result
#include "mushin/autograd.hpp"

namespace mu = mushin;

struct Total {
  static auto forward(auto& ctx, const auto& x) { return ctx.save(mu::sum(x), x); }
  static auto backward(const auto& ctx, const mu::Constant auto& gy) { return gy * (std::get<0>(ctx.saved()) * 0 + 1); }
#ifdef FIXED
  static auto jvp(const auto&, const auto& t) { return mu::sum(t); }
#else
  static auto jvp(const auto&, const auto& t) { return t; }
#endif
};

void program() {
  auto w = mu::variable(mu::ones<2>());
  (void)mu::apply<Total>(w);
}
