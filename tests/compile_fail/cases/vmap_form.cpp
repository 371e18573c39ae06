// layer: autograd
// expect: [vmap] an op has no batched form: compute it outside of vmap
#include "mushin/autograd.hpp"

namespace mu = mushin;

// An op that nobody gave a batched form.
namespace mushin {
namespace core {
MUSHIN_API Array softplus(const Array&);
}
template <TensorLike A>
auto softplus(const A& a) {
  using core::softplus;
  return detail::like<A>(softplus(a.raw()));
}
}  // namespace mushin

void program() {
  const auto x = mu::ones<3, 2>();
#ifdef FIXED
  (void)mu::vmap([](const auto& a) { return a + 1; })(mu::softplus(x));
#else
  (void)mu::vmap([](const auto& a) { return mu::softplus(a); })(x);
#endif
}
