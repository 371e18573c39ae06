#pragma once
#include <cassert>

#include "mushin/tensor/device.hpp"
#include "mushin/tensor/run_time_checks.hpp"
#include "mushin/tensor/tensor_like.hpp"

namespace mushin {

/// `a` with each element converted; see ops/pointwise.hpp.
template <class U, TensorLike A>
auto to(const A& a);
/// `a` on another device; see ops/transfer.hpp.
template <TensorLike A>
auto to(const A& a, Device device);

/// What Tensor, Variable and Traced have in common: an untyped handle, and what its type and its sizes tell.
template <class Raw, class T, extent... E>
class Shaped {
 public:
  using element = T;
  static constexpr Shape extents{E...};

  const Raw& raw() const& { return raw_; }
  Raw raw() && { return std::move(raw_); }

  /// The sizes at run time, one for each axis.
  const core::Sizes& shape() const { return raw_.sizes(); }
  /// The number of axes.
  static constexpr unsigned rank() { return sizeof...(E); }
  /// The number of elements.
  std::int64_t size() const { return shape().count(); }
  /// The size of extent `name`.
  template <text Name>
  std::int64_t size(Dim<Name> name) const {
    constexpr int axis = extents.find(extent{Dim<Name>{}});
    static_assert(axis >= 0, "[size] this tensor has no extent of that name");
    return (void)name, shape()[static_cast<unsigned>(axis)];
  }
  static constexpr mushin::dtype dtype() { return dtype_of<T>; }

  /// Where the value is.
  Device device() const { return Device{detail::constant(raw_).device()}; }

  /// Each element converted to `U`, as mu::to<U>.
  template <class U>
  auto to() const {
    return mushin::to<U>(*this);
  }

  /// The same value on another device, as mu::to.
  auto to(Device device) const { return mushin::to(*this, device); }

 protected:
  explicit Shaped(Raw raw) : raw_(std::move(raw)) { assert(detail::describes<E...>(raw_.sizes())); }

  Raw raw_;
};

}  // namespace mushin
