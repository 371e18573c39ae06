#pragma once
#include "mushin/tensor/io/wanted.hpp"
#include "mushin/tensor/tensor.hpp"

// Of DLPack's C ABI; <dlpack/dlpack.h> or "mushin/tensor/io/dlpack_abi.hpp" complete them.
struct DLManagedTensor;
struct DLManagedTensorVersioned;

namespace mushin {

namespace core {
MUSHIN_API DLManagedTensor* to_dlpack(const Array&);
MUSHIN_API DLManagedTensorVersioned* to_dlpack_versioned(const Array&);
/// Whatever tensor it is.
MUSHIN_API Array from_dlpack(DLManagedTensor*);
MUSHIN_API Array from_dlpack(DLManagedTensorVersioned*);
MUSHIN_API Array from_dlpack(DLManagedTensor*, const Wanted&);
MUSHIN_API Array from_dlpack(DLManagedTensorVersioned*, const Wanted&);
}  // namespace core

/// The value of `a` for another library, which shares its memory, must not write to it, and calls `deleter` when it has done; views keep
/// their strides. Waits for the value. DeviceError unless it lies in the program's own memory.
template <TensorLike A>
DLManagedTensor* to_dlpack(const A& a) {
  return core::to_dlpack(detail::constant(a.raw()));
}
/// The same in version 1.0 of the ABI, which can say that the memory is read-only, and does.
template <TensorLike A>
DLManagedTensorVersioned* to_dlpack_versioned(const A& a) {
  return core::to_dlpack_versioned(detail::constant(a.raw()));
}

/// A tensor of another library, on the default device. Takes `from` over: calls its `deleter` once nobody needs the memory, in whatever
/// thread. Shares the memory where the default device computes in the program's own, elements are aligned and no stride is negative, and
/// then nobody may write to it any more; else copies. ShapeError when element type or shape are others than asked for or beyond mushin, or
/// strides lead out of memory; DeviceError when the memory isn't the host's; then `from` stays the caller's.
template <class T, extent... E, class Managed>
Tensor<T, E...> from_dlpack(Managed* from) {
  return Tensor<T, E...>{core::from_dlpack(from, detail::wanted<T, E...>())};
}
template <extent... E, class Managed>
Tensor<float, E...> from_dlpack(Managed* from) {
  return from_dlpack<float, E...>(from);
}

}  // namespace mushin
