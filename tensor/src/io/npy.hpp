#pragma once
// An npy file wherever it lies: on its own, or in an archive.
#include <cstdint>
#include <functional>

#include "io/npy_header.hpp"

namespace mushin::io {

/// Gives the bytes of an npy file from the first to the last.
struct NpySource {
  Origin origin;
  std::uint64_t size;
  std::function<void(void* to, std::size_t bytes)> next;  // FileError unless they are all there
};

/// Reads up to the data. FileError unless the file is exactly as long as its header says.
NpyHeader read_npy_header(NpySource&);
/// Reads the data behind the header. FileError when mushin has no such element type.
core::Array read_npy_data(NpySource&, const NpyHeader&);
/// FileError unless the header says what is wanted.
void check_npy(const Origin&, const NpyHeader&, const core::Wanted&);

}  // namespace mushin::io
