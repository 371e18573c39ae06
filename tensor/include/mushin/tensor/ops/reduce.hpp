#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {
// `axes`: bit i is axis i. One pass over whatever is pending below.
MUSHIN_API Array sum(const Array&, unsigned axes, bool keep);
MUSHIN_API Array mean(const Array&, unsigned axes, bool keep);
MUSHIN_API Array max(const Array&, unsigned axes, bool keep);
MUSHIN_API Array min(const Array&, unsigned axes, bool keep);
/// i64: row-major index within the reduced axes, of the first greatest element.
MUSHIN_API Array argmax(const Array&, unsigned axes, bool keep);
}  // namespace mushin::core
