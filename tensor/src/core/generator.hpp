// The state of the random numbers.
#pragma once
#include <cstdint>

namespace mushin::core {

/// Philox's key, and the number of 128-bit blocks that were drawn before.
struct Draw {
  std::uint64_t key, counter;
};
/// The present one; the count goes on by `blocks`.
Draw advance_generator(std::uint64_t blocks);

}  // namespace mushin::core
