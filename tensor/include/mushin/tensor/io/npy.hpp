#pragma once
#include "mushin/tensor/io/file_name.hpp"
#include "mushin/tensor/io/wanted.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin {

namespace core {
MUSHIN_API void save_npy(FileName, const Array&);
/// Whatever tensor the file holds, on the default device.
MUSHIN_API Array load_npy(FileName);
MUSHIN_API Array load_npy(FileName, const Wanted&);
}  // namespace core

/// Writes one tensor as numpy.save does (format 1.0, row-major): beside its final name first, then to the disk, then renamed. Every element
/// type but bf16, which NumPy lacks. FileError when the file cannot be written.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
template <TensorLike A>
void save_npy(FileName file, const A& a) {
  core::save_npy(file, detail::constant(a.raw()));
}

/// Reads what numpy.save wrote: formats 1.0 to 3.0, either byte order; Fortran order comes as a transposed view. FileError when the file is
/// missing, breaks a rule of the format, or holds another element type or shape than asked for: it names what it holds.
template <class T, extent... E>
Tensor<T, E...> load_npy(FileName file) {
  return Tensor<T, E...>{core::load_npy(file, detail::wanted<T, E...>())};
}
template <extent... E>
Tensor<float, E...> load_npy(FileName file) {
  return load_npy<float, E...>(file);
}

}  // namespace mushin
