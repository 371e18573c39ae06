#pragma once
#include "mushin/autograd/core/traced.hpp"

namespace mushin::core {

/// What gradients are taken with respect to: a value that may be replaced, and the gradient gathered so far. Moves; the
/// node, and so `traced()`, stays where it is. Reading and writing one leaf's value from two threads at once is a race;
/// backward passes of several threads may add to one leaf's gradient.
class MUSHIN_API Leaf {
 public:
  explicit Leaf(Array value);
  Leaf(Leaf&& o) noexcept : node_(std::exchange(o.node_, nullptr)) {}
  Leaf& operator=(Leaf&& o) noexcept {
    std::swap(node_, o.node_);
    return *this;
  }
  Leaf(const Leaf&) = delete;
  Leaf& operator=(const Leaf&) = delete;
  ~Leaf();

  /// A second handle to the same leaf, for those who update it.
  Leaf alias() const;
  const Sizes& sizes() const { return traced().sizes(); }

  /// The value as an operand. Valid as long as the leaf's node: moving the Leaf doesn't touch it.
  const Traced& traced() const;
  /// Another value; graphs made before keep the one they saw. ShapeError unless the sizes are those of the old one.
  void set(Array value);
  /// Where the value stands, for `assign`.
  Array& value();
  /// Zeros of the value's shape before the first backward pass.
  Array grad() const;
  /// Another gradient: for those who clip or scale it. ShapeError unless its sizes are those of the value.
  void set_grad(Array gradient);
  void zero_grad() noexcept;

 private:
  explicit Leaf(GraphHead* owned) noexcept : node_(owned) {}
  GraphHead* node_;
};

/// Adds the gradient of sum(cotangent * z) to that of every leaf z was made from. Frees what the graph holds, unless
/// `retain`. GraphError when z wasn't made from any leaf, its graph was freed before, or the cotangent has another shape
/// than z. Gradients are added after all of them are known: an error leaves every leaf as it was.
MUSHIN_API void backward(const Traced& z, const Array& cotangent, bool retain);
/// GraphError `[op] …` unless they are equal.
MUSHIN_API void check_cotangent(const char* op, const Sizes& result, const Sizes& cotangent);
/// With a cotangent of ones.
MUSHIN_API void backward(const Traced& z, bool retain);
/// `grads[i]`: the gradient of sum(z) with respect to `with[i]`, zeros where z doesn't depend on it. Leaves' own gradients
/// and the graph stay as they are. With `create_graph` the gradients are themselves made from the leaves. Errors: as backward.
MUSHIN_API void gradients(const Traced& z, const Traced* with, Traced* grads, unsigned count, bool create_graph);
/// Zeroes the gradient of every leaf z was made from.
MUSHIN_API void reset(const Traced& z);

/// While one lives, ops of this thread record no graph.
class MUSHIN_API NoRecording {
 public:
  NoRecording() noexcept;
  ~NoRecording();
  NoRecording(const NoRecording&) = delete;
  NoRecording& operator=(const NoRecording&) = delete;

 private:
  bool before_;
};

/// Recorded ops alive: those this thread recorded, less those it destroyed.
MUSHIN_API std::int64_t graph_node_count() noexcept;
/// Backward passes of this thread that looked for hooks and guards: those made while any hook, guard, or op recorded under a guard is there.
MUSHIN_API std::int64_t observed_pass_count() noexcept;

}  // namespace mushin::core
