#pragma once
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

/// What a function gave to its devices while it ran once, to be given again without the function. See mushin/tensor/capture.hpp for what
/// that means. One recording is made at a time, in one thread (others wait to begin theirs); replays are not made by two threads at once.
class MUSHIN_API Recording {
 public:
  Recording() noexcept = default;
  Recording(Recording&& o) noexcept : contents_(o.contents_) { o.contents_ = nullptr; }
  Recording& operator=(Recording&& o) noexcept {
    Contents* const mine = contents_;
    contents_ = o.contents_;
    o.contents_ = mine;
    return *this;
  }
  ~Recording();

  /// From here on what this thread computes is recorded. The inputs become memory, contiguous.
  void begin(Array* inputs, unsigned count);
  /// Until here; the results have memory now. GraphError where a replay could differ from running the function again; the recording is
  /// empty then.
  void end(Array* results, unsigned count);
  /// Ends without a recording; for whoever met an exception.
  void abandon() noexcept;
  /// Everything once more. ShapeError and DeviceError where an input has other sizes, another type or device than the first one, GraphError
  /// where what the function refers to is not as it was. An input's memory is read where it lies, if it is contiguous. `results`: those of
  /// the run before, or empty.
  void replay(const Array* inputs, Array* results);

  struct Contents;

 private:
  Contents* contents_ = nullptr;
};

/// While one lives, this thread records nothing of what it computes.
class MUSHIN_API NotRecorded {
 public:
  NotRecorded() noexcept;
  ~NotRecorded();
  NotRecorded(const NotRecorded&) = delete;
  NotRecorded& operator=(const NotRecorded&) = delete;

 private:
  bool before_;
};

MUSHIN_API extern bool capture_state;  // not std::atomic: its header leads to half of the library
/// Whether any thread records. Then a place whose array changes between runs of a function is told of, or replays do not follow it (those
/// that only `assign` changes are told of by it).
inline bool capturing() noexcept { return __builtin_expect(__atomic_load_n(&capture_state, __ATOMIC_RELAXED), false); }

/// The array at this place, which outlives the recording, is about to be read.
MUSHIN_API void capture_read(Array* place);
/// It is about to be replaced by `next`.
MUSHIN_API void capture_replace(Array* place, const Array& next);
/// It is about to be emptied.
MUSHIN_API void capture_clear(Array* place);

}  // namespace mushin::core
