#pragma once
#include "mushin/nn/module.hpp"
#include "mushin/tensor/io/file_name.hpp"

namespace mushin::nn {

namespace detail {
MUSHIN_API void save(const Parameters&, FileName);
MUSHIN_API void load(Parameters, FileName);
}  // namespace detail

/// Writes the parameters and buffers of a module as a safetensors file, under their dotted names. The file appears when it is complete.
/// FileError when it cannot be written.
template <Module M>
void save(const M& net, FileName file) {
  detail::save(state(net), file);
}

/// Reads what `save` wrote into a module of the same shape. FileError names every parameter that is missing, extra, or of another shape or
/// element type at once, and also speaks for a damaged file; then no parameter has changed.
template <Module M>
void load(M& net, FileName file) {
  detail::load(state(net), file);
}

}  // namespace mushin::nn
