#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
/// out[p] = a[p with coordinate `axis` replaced by indices[p]]; indices: i64, of a's rank, its other sizes equal to a's.
/// ShapeError when an index is outside its axis.
MUSHIN_API Array gather(const Array&, unsigned axis, const Array& indices);
/// `base` with updates[p] added at p with coordinate `axis` replaced by indices[p]: the adjoint of gather.
MUSHIN_API Array scatter_add(const Array& base, unsigned axis, const Array& indices, const Array& updates);
/// A last axis of `classes` elements: 1 at the index, 0 elsewhere. ShapeError when an index is outside [0, classes).
MUSHIN_API Array one_hot(const Array& indices, std::int64_t classes, dtype);
}  // namespace mushin::core
