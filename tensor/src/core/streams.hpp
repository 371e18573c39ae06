// Transfers beside computing: a device whose plugin has streams computes on its default one and moves values on two others. What order
// there must be between them is kept here: who used which memory last, and which events tell that it is done.
#pragma once
#include <array>
#include <cstdint>
#include <mutex>
#include <span>

#include "devices/device_state.hpp"

namespace mushin::core {

/// Bytes of a buffer.
struct Extent {
  mu_buffer* buffer;
  std::uint64_t begin, end;
};

// Computing needs no events for itself: its stream is in order. It is counted (Device::given), and the count at which memory was let go of
// tells an upload what to wait for. Uploads are remembered until computing is known to come after them.
class Streams {
 public:
  struct Event {
    mu_event* handle;
    Event* next;
  };
  // How much was given to the streams.
  struct Point {
    std::uint64_t computing, uploads;
  };

  mu_stream *up = nullptr, *down = nullptr;
  std::mutex uploading, downloading;  // one thread at a time gives work to each; taken before Device::giving

  /// Makes the device's streams if its plugin has a whole stream table.
  static mu_code open(Device&, mu_error&);

  // All that follows is called under Device::giving. What returns a code leaves the reason in the error.

  /// What is computed next comes after the uploads into these bytes.
  mu_code before_use(const Extent&, mu_error&);
  mu_code before_run(std::span<const mu_tensor> in, std::span<const mu_tensor> out, const Extent& workspace, mu_error&);
  /// Something was given to the stream that computes.
  void gave();

  /// What is uploaded next comes after the first `last_use` things that were computed.
  mu_code before_upload(std::uint64_t last_use, mu_error&);
  /// An upload was given: who uses these bytes waits for it.
  mu_code uploaded(const Extent&, mu_error&);

  /// What is downloaded next comes after all that these bytes' value may come from. `computed`: how much of the computing that is.
  mu_code before_download(const Extent&, std::uint64_t& computed, mu_error&);

  /// An event behind all that was given to the stream, and back when nobody needs it.
  mu_code record(mu_stream*, Event*&, mu_error&);
  void put_back(Event*) noexcept;

  /// How much of the computing is known to be done.
  std::uint64_t done() noexcept;
  Point now() const noexcept;
  /// The host knows that so much is done.
  void known(const Point&) noexcept;

 private:
  struct Mark {
    std::uint64_t count;
    Event* event;
  };
  struct Upload {
    Extent bytes;
    std::uint64_t number;
    Event* event;
  };

  explicit Streams(Device& d) : device_(d) {}
  mu_code order(mu_stream*, const Event*, mu_error&);
  mu_code mark(mu_error&);
  mu_code mark_behind(std::uint64_t count, Mark&, mu_error&);
  void poll() noexcept;
  Upload* last_into(const Extent&) noexcept;
  void forget_uploads(unsigned) noexcept;

  static constexpr unsigned mark_every = 16;
  Device& device_;
  std::uint64_t done_ = 0;      // of the computing, as far as the host knows
  std::uint64_t up_after_ = 0;  // what uploads wait for already
  std::uint64_t uploads_given_ = 0;
  std::array<Mark, 32> marks_;  // oldest first
  unsigned n_marks_ = 0;
  std::array<Upload, 64> uploads_;  // that computing doesn't come after yet, oldest first
  unsigned n_uploads_ = 0;
  Event* spare_ = nullptr;
};

/// Something was given to the stream that computes. Under Device::giving.
inline void gave(Device* d) {
  if (d->streams)
    d->streams->gave();
  else
    d->given.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace mushin::core
