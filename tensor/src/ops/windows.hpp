// Windows over an array as a view of it, in which elements overlap: what convolution and pooling are made of where a device has no such op.
#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

/// How a window lies along the last axes.
struct Windows {
  unsigned axes;
  std::int64_t size[3], places[3], stride[3], dilation[3];

  /// How many elements of an axis all windows together reach over.
  std::int64_t reach(unsigned i) const { return (places[i] - 1) * stride[i] + dilation[i] * (size[i] - 1) + 1; }
  std::int64_t elements() const { return product(size); }
  std::int64_t windows() const { return product(places); }

 private:
  std::int64_t product(const std::int64_t* of) const {
    std::int64_t n = 1;
    for (unsigned i = 0; i < axes; ++i) n *= of[i];
    return n;
  }
};

/// (…, reach…) -> (…, size…, places…). A view. `a` may be longer. ShapeError where it is shorter, or beyond 8 axes.
MUSHIN_API Array windows(const Array& a, const Windows&);

}  // namespace mushin::core
