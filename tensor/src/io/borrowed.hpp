#pragma once
#include <cstddef>

#include "mushin/tensor/core/array.hpp"

namespace mushin::io {

/// Whether the default device can compute with elements that lie at `data`: in memory that the host reaches, aligned to themselves.
bool can_borrow(const void* data, dtype);

/// An array around memory of somebody else's: `bytes` bytes at `data`, which stay as they are until `let_go(owner)` is called, once, in
/// whatever thread. Strides count elements and aren't negative; null: row-major. Where `can_borrow` says so.
core::Array borrow(const void* data, std::size_t bytes, const core::Sizes&, const std::int64_t* strides, dtype, void (*let_go)(void*),
                   void* owner);

}  // namespace mushin::io
