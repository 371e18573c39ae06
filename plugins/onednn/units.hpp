// Units of work on the host's threads, with oneDNN kept to one thread in each.
#pragma once
#include <atomic>
#include <oneapi/dnnl/dnnl.hpp>

#include "one_thread.hpp"
#include "plan.hpp"

namespace onednn {

/// f(unit, stream) for each of [0, n). A dnnl status: success, or of one of those that failed.
template <class F>
int for_units(const dnnl::engine& engine, std::int64_t n, const F& f) noexcept {
  std::atomic<int> status{dnnl_success};
  auto units = [&](std::uint64_t begin, std::uint64_t end) noexcept {
    try {
      OneThread guard;
      const dnnl::stream stream(engine);
      for (auto u = static_cast<std::int64_t>(begin); u < static_cast<std::int64_t>(end); ++u) f(u, stream);
    } catch (const dnnl::error& error) {
      status = error.status;
    } catch (...) {
      status = dnnl_out_of_memory;
    }
  };
  if (n == 1)
    units(0, 1);
  else
    parallel_for(static_cast<std::uint64_t>(n), 1, units);
  return status;
}

/// Places in a workspace, one behind the other.
class Room {
 public:
  /// Where so many bytes begin.
  std::size_t take(std::size_t bytes) {
    const std::size_t at = taken_;
    taken_ += whole(bytes);
    return at;
  }
  /// What so many bytes take.
  static std::size_t whole(std::size_t bytes) { return (bytes + 63) / 64 * 64; }
  std::size_t taken() const { return taken_; }

 private:
  std::size_t taken_ = 0;
};

}  // namespace onednn
