#pragma once
#include <utility>

#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

/// What every graph node begins with; the rest is the graph's own.
struct GraphHead {
  std::uint32_t refs;
};
MUSHIN_API void destroy(GraphHead*) noexcept;

inline void add_ref(GraphHead* n) noexcept { count_up(n->refs); }
inline void drop_ref(GraphHead* n) noexcept {
  if (count_down(n->refs)) destroy(n);
}

/// An untyped differentiable value: an array, and the graph node that tells how it was made. A constant converts to one
/// silently (without node), which is how ops mix constants and variables; the way back is `value()`. Copies share both.
class MUSHIN_API Traced {
 public:
  Traced() noexcept = default;
  Traced(const Array& constant) noexcept : value_(constant) {}
  Traced(Array&& constant) noexcept : value_(std::move(constant)) {}
  /// Takes over one reference to the node.
  Traced(Array&& value, GraphHead* owned) noexcept : value_(std::move(value)), node_(owned) {}
  Traced(const Traced& o) noexcept : value_(o.value_), node_(o.node_) {
    if (node_) add_ref(node_);
  }
  Traced(Traced&& o) noexcept : value_(std::move(o.value_)), node_(std::exchange(o.node_, nullptr)) {}
  Traced& operator=(Traced o) noexcept {
    std::swap(value_, o.value_);
    std::swap(node_, o.node_);
    return *this;
  }
  ~Traced() {
    if (node_) drop_ref(node_);
  }

  explicit operator bool() const noexcept { return static_cast<bool>(value_); }
  const Array& value() const noexcept { return value_; }
  const Sizes& sizes() const noexcept { return value_.sizes(); }
  unsigned rank() const noexcept { return value_.rank(); }
  mushin::dtype type() const noexcept { return value_.type(); }
  Device* device() const noexcept { return value_.device(); }
  /// Null for a constant.
  GraphHead* node() const noexcept { return node_; }

 private:
  friend class Leaf;
  friend struct LeafNode;
  Array value_;
  GraphHead* node_ = nullptr;
};

}  // namespace mushin::core
