// Gradients of slices, gathered until what they were cut from needs its own.
#pragma once
#include <cstdint>
#include <vector>

#include "mushin/autograd/core/traced.hpp"

namespace mushin::core {

/// Parts along one axis. A tensor's gradient is written from them once; each part amid zeros of its own, and all of these summed, would
/// take the tensor's size times their number.
class Parts {
 public:
  /// `order`: in which the tensor lies in memory (memory_order), and so shall its gradient.
  Parts(const Sizes& sizes, unsigned axis, std::uint32_t order) : sizes_(sizes), axis_(axis), order_(order) {}

  bool are_along(unsigned axis) const { return axis == axis_; }
  void add(std::int64_t begin, Traced part);
  /// Whether they take much more memory than the tensor.
  bool are_many() const { return extent_ > 2 * sizes_[axis_]; }
  /// f(g) for summands of the gradient, each of the tensor's sizes; parts that overlap are in different ones.
  template <class F>
  void join(const F& f) {
    for (const std::vector<Part>& layer : layers()) f(whole(layer));
  }

 private:
  struct Part {
    std::int64_t begin;
    std::size_t number;  // in the order that they came in
    Traced value;
    std::int64_t end(unsigned axis) const { return begin + value.sizes()[axis]; }
  };
  std::vector<std::vector<Part>> layers();
  /// With zeros where there is no part.
  Traced whole(const std::vector<Part>&) const;

  Sizes sizes_;
  unsigned axis_;
  std::uint32_t order_;
  std::vector<Part> all_;
  std::int64_t extent_ = 0;  // of all parts, along the axis
};

}  // namespace mushin::core
