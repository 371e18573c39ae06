#pragma once
// The header of an npy file: magic, version, length, and a Python dictionary of element type, order and shape.
#include <optional>
#include <string>
#include <string_view>

#include "io/contents.hpp"

namespace mushin::io {

struct NpyHeader {
  std::string descr;          // the element type as the file spells it: "<f4"
  std::optional<dtype> type;  // none where mushin has no such type
  bool swapped = false;       // the elements have the other byte order
  bool fortran = false;       // the first axis is the contiguous one
  core::Sizes sizes;          // as NumPy sees them
};

/// FileError unless `dictionary` has exactly descr, fortran_order and shape. Structured types aren't read.
NpyHeader parse_npy_dictionary(const Origin&, std::string_view dictionary);

/// The whole header of format 1.0, padded to 64 bytes. FileError for a type that NumPy lacks.
std::string spell_npy_header(const Origin&, dtype, const core::Sizes&);

/// `<f4`; null where NumPy has no such type.
const char* npy_name(dtype);

}  // namespace mushin::io
