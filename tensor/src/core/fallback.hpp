// Ops that only the host computes, and what a device with memory of its own refuses: done on the host with copies, if MUSHIN_FALLBACK says
// so.
#pragma once
#include <cstdint>
#include <span>

#include "core/program.hpp"
#include "mushin/plugin.h"
#include "mushin/tensor/core/array.hpp"

namespace mushin::core {

enum class Fallback : std::uint8_t { error, warn, allow };
/// MUSHIN_FALLBACK, "error" where it is not set. Error for any other word.
Fallback fallback_mode();

/// Counts one run of `op` on the host in the device's place; under `warn` the first one of each op is logged. DeviceError under `error`.
void count_fallback(const char* op, const Device*);

/// The op on the host, with copies of its views; counted.
void request_on_host(const char* op, Device*, const mu_op*, unsigned n_in, std::span<const mu_tensor> views);
/// The same for a program, with what program_plan() takes.
void program_on_host(const char* op, Program&, Device*, std::uint32_t request, std::uint32_t kind, dtype acc, const mu_tensor* views);

/// One call of an op that only the host computes. On a device in host memory nothing is copied.
class HostCall {
 public:
  /// DeviceError where the device has memory of its own and MUSHIN_FALLBACK doesn't allow copies.
  HostCall(const char* op, Device*);
  /// An operand: evaluated, row-major without gaps, its block's `data` readable now.
  Array in(const Array&) const;
  /// A result that was made on `builtin()`, on the op's device.
  Array out(const Array&) const;

 private:
  const char* op_;
  Device* device_;
};

}  // namespace mushin::core
