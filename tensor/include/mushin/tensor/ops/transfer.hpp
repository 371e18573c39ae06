#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// The value on another device; itself where it is there already. Devices in host memory share the memory, others get a copy,
/// through the host.
MUSHIN_API Array to_device(const Array&, Device*);
}  // namespace mushin::core

namespace mushin {

/// The value of `a` on another device. Shares memory where both devices compute in the program's own, else a copy. DeviceError when the
/// copy fails.
template <TensorLike A>
auto to(const A& a, Device device) {
  using core::to_device;
  if constexpr (requires { to_device(a.raw(), device.raw()); })
    return detail::like<A>(to_device(a.raw(), device.raw()));
  else
    static_assert(has_gradient_rule<A>, "[to] a variable stays on its device: move the value, x.value().to(device)");
}

}  // namespace mushin
