// What decomposed convolution and pooling share: windows that reach beyond an array, and the way back.
#pragma once
#include <algorithm>

#include "ops/windows.hpp"

namespace mushin::core {

/// Windows over the last axes of (batch, channels, sizes…). All of them together reach over `before` elements in front of these, or fewer.
struct Frame {
  Windows over;
  Sizes inner;  // batch, channels, sizes…
  std::int64_t before[3];

  /// Where the array begins and ends along an axis of what the windows reach over.
  std::int64_t begin(unsigned i) const { return std::min(before[i], over.reach(i)); }
  std::int64_t end(unsigned i) const { return std::clamp(before[i] + inner[2 + i], begin(i), over.reach(i)); }
  std::int64_t rows() const { return inner[0] * inner[1]; }
  std::int64_t all() const {
    std::int64_t n = 1;
    for (unsigned i = 0; i < over.axes; ++i) n *= over.reach(i);
    return n;
  }
};

/// What the windows reach over: (batch, channels, reach…) of an array of any batch and channels, amid `around` (rank 0) where they go
/// beyond it.
Array reached(const Array&, const Frame&, const Array& around);
/// Where each element of each window is among what all reach over, row-major: (elements, windows), i64.
Array positions(const Windows&, Device*);
/// The array's part of what the windows reach over, given as (rows, all); 0 where none reaches.
Array cut_back(const Array& reach, const Frame&);
/// Each window's elements, (rows, elements, windows), added to where they are.
Array spread_back(const Array& parts, const Frame&);

}  // namespace mushin::core
