// What several ranks compute together: threads of a process, or processes, of which each holds a part of the data.
#pragma once
#include <array>

#include "mushin/tensor/device.hpp"
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/arrange.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin {

class Communicator;
/// How the ranks' elements become one.
enum class reduction : std::uint8_t {
  sum = 1,  ///< their sum; bool: or
  prod,     ///< their product; bool: and
  max,      ///< the greatest
  min,      ///< the least
};

namespace core {
MUSHIN_API Array all_reduce(const Communicator&, const Array&, reduction);
MUSHIN_API Array broadcast(const Communicator&, const Array&, std::int64_t root);
/// A leading axis of the number of ranks, which must be `n` where that isn't negative.
MUSHIN_API Array all_gather(const Communicator&, const Array&, std::int64_t n);
/// Without the leading axis, whose size must be the number of ranks.
MUSHIN_API Array reduce_scatter(const Communicator&, const Array&, reduction);
}  // namespace core

#define MUSHIN_RULE_CONSTANT(op, A) \
  static_assert(Constant<A>, "[" op "] takes constants: reduce a variable's gradient, all_reduce(w.grad()), or take its value, w.value()")

/// One rank of a communicator. Its ranks call the same functions in the same order with the same shapes and element types, each from one
/// thread at a time; each call is evaluated at once. What a rank does otherwise is a ShapeError in all ranks where the backend sees it, and
/// where it doesn't (NCCL), they may wait for ever. Where a rank leaves, fails or aborts, others that wait for it get a DeviceError, and
/// the communicator is of no more use. Operands lie on its device, or as it in host memory (DeviceError). Backends in host memory: up to 32
/// threads of one process, on one device; a captured function can't call it there (GraphError). "cuda": NCCL, one device for each rank, in
/// one process or many; a rank that is gone is told where NCCL sees it, and abort() ends the wait where it doesn't.
class MUSHIN_API Communicator {
 public:
  /// What ranks find each other by: bytes for whatever brings them from one rank to the others. It serves once.
  using Id = std::array<unsigned char, 128>;
  /// DeviceError where the device has no collectives: the reason.
  static Id unique_id(Device = default_device());

  /// Joins: returns when each of the `size` ranks, from 0 on, has. DeviceError in all that wait when two come as one rank, when they
  /// differ in `size`, or when not all have come after `seconds`.
  Communicator(Device, const Id&, std::int64_t rank, std::int64_t size, double seconds = 300);
  Communicator(Communicator&& o) noexcept : device_(o.device_), number_(o.number_), rank_(o.rank_), size_(o.size_) { o.number_ = 0; }
  Communicator& operator=(Communicator&&) noexcept;
  /// Leaves: waits for what this rank has queued. All ranks leave.
  ~Communicator();

  /// The one that this is: 0 … size() - 1.
  std::int64_t rank() const noexcept { return rank_; }
  /// How many there are.
  std::int64_t size() const noexcept { return size_; }
  Device device() const noexcept { return device_; }
  /// Ends what ranks wait for with a DeviceError, and every later call. May be called by any thread.
  void abort() const noexcept;

  /// The ranks' x, reduced element by element: equal bits in all ranks. Shape of `x`. Integers wrap; bool: or, and, or, and. 16-bit floats
  /// are summed in float by builtin; of NaN, max and min are NaN there and either with NCCL. No gradient: constants only.
  template <reduction R = reduction::sum, TensorLike A>
  auto all_reduce(const A& x) const {
    MUSHIN_RULE_CONSTANT("all_reduce", A);
    return detail::like<A>(core::all_reduce(*this, detail::constant(x.raw()), R));
  }
  /// The x of rank `root`. Shape of `x`. No gradient: constants only.
  template <TensorLike A>
  auto broadcast(const A& x, std::int64_t root = 0) const {
    MUSHIN_RULE_CONSTANT("broadcast", A);
    return detail::like<A>(core::broadcast(*this, detail::constant(x.raw()), root));
  }
  /// Each rank's x, along a leading axis of extent N, a number or a name: (…) to (N, …). ShapeError unless N is size() or not known before
  /// the run. No gradient: constants only.
  template <extent N, TensorLike A>
  auto all_gather(const A& x) const {
    MUSHIN_RULE_CONSTANT("all_gather", A);
    static_assert(A::extents.rank < max_rank, "[all_gather] at most 8 axes");
    return detail::made<typename A::element, rules::stack(A::extents, 0, N)>(core::all_gather(*this, detail::constant(x.raw()), N.size));
  }
  /// The ranks' x, reduced, of which each rank gets what has its index along the first axis: (N, …) to (…). ShapeError unless N is size().
  /// As all_reduce else. No gradient: constants only.
  template <reduction R = reduction::sum, TensorLike A>
  auto reduce_scatter(const A& x) const {
    MUSHIN_RULE_CONSTANT("reduce_scatter", A);
    static_assert(A::extents.rank > 0, "[reduce_scatter] needs a leading axis, which counts the ranks");
    return detail::made<typename A::element, rules::at(A::extents, 0)>(core::reduce_scatter(*this, detail::constant(x.raw()), R));
  }

  /// What the backend knows it by; 0: moved from.
  std::uint64_t number() const noexcept { return number_; }

 private:
  Device device_;
  std::uint64_t number_;
  std::int64_t rank_, size_;
};

#undef MUSHIN_RULE_CONSTANT

}  // namespace mushin
