#pragma once
// What the readers of all formats check of what a file holds.
#include <cstdint>
#include <string>

#include "mushin/tensor/io/wanted.hpp"

namespace mushin::io {

/// Who reads what, for errors: `[load_npz] …: net.npz, 'weight' …`.
struct Origin {
  const char* op;
  std::string where;
};

/// FileError when `n` more makes a shape of `sizes` too large for any memory, or of more than 8 axes; else it becomes the next axis.
/// Extents are bounded even where another one is 0, so that no product of a part overflows either.
void push_extent(const Origin&, core::Sizes& sizes, std::uint64_t n);

/// Whether the sizes are those wanted.
bool has_sizes(const core::Sizes&, const core::Wanted&);
/// FileError unless the file's element type (as the format spells it) and sizes are those wanted; `asked` spells the type wanted.
void check_wanted(const Origin&, const std::string& type, const core::Sizes&, const char* asked, const core::Wanted&);

/// FileError unless each byte is 0 or 1.
void check_bools(const Origin&, const std::byte* values, std::size_t count);

}  // namespace mushin::io
