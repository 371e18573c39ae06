#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
/// Row-major. At most one size is -1: what is left. ShapeError when the counts differ. A view where the strides allow.
MUSHIN_API Array reshape(const Array&, const Sizes& to);
/// Axis i of the result is axis `order[i]`. A view.
MUSHIN_API Array permute(const Array&, const unsigned* order);
/// The last two axes swapped. A view.
MUSHIN_API Array transpose(const Array&);
/// A view with stride 0 in the new and stretched axes.
MUSHIN_API Array broadcast_to(const Array&, const Sizes& to);
/// [begin, end) of one axis. A view. ShapeError unless 0 <= begin <= end <= size.
MUSHIN_API Array slice(const Array&, unsigned axis, std::int64_t begin, std::int64_t end);
/// Zeros of `size` along `axis`, with the array at `begin`: the adjoint of slice.
MUSHIN_API Array place(const Array&, unsigned axis, std::int64_t begin, std::int64_t size);
/// Summed over the axes that broadcasting to the array's shape added or stretched: the adjoint of broadcast_to.
MUSHIN_API Array sum_to(const Array&, const Sizes& to);
}  // namespace mushin::core
