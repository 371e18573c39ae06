// layer: autograd
// expect: [vjp] under vmap f is run again for the cotangents: it must be copyable, as a lambda that refers to it is
#include "mushin/autograd.hpp"

namespace mu = mushin;

struct Once {
  Once() = default;
  Once(const Once&) = delete;
  auto operator()(const auto& p) const { return p * p; }
};

void program() {
  const auto x = mu::ones<2>();
  const Once f;
#ifdef FIXED
  const auto [value, pull] = mu::vjp([&f](const auto& p) { return f(p); }, x);
#else
  const auto [value, pull] = mu::vjp(f, x);
#endif
  (void)mu::vmap(pull)(mu::eye<2, 2>());
}
