#pragma once
#include "mushin/tensor/export.hpp"

namespace mushin {

/// Whether ops give equal bits from run to run, and for any number of threads, of one program on one machine. At first as
/// MUSHIN_DETERMINISTIC says (1: on), else off. While on, `scatter_add` and the gradients made of it add in order, and a backend is taken
/// only for ops that it promises equal bits for: what it refuses is done as any op that it lacks (by builtin in host memory, by other ops,
/// on the host under MUSHIN_FALLBACK), or else is a DeviceError. `solve`, `svd` and their like throw where LAPACK computes with several
/// threads. For all threads of the process; a captured function stays as it was captured. Random numbers are those of `manual_seed` in
/// either case. Cost: docs/deterministic.md.
MUSHIN_API bool deterministic_algorithms() noexcept;
MUSHIN_API void deterministic_algorithms(bool on) noexcept;

/// Switches `deterministic_algorithms` as long as it lives, then back.
class DeterministicGuard {
 public:
  explicit DeterministicGuard(bool on = true) noexcept : before_(deterministic_algorithms()) { deterministic_algorithms(on); }
  ~DeterministicGuard() { deterministic_algorithms(before_); }
  DeterministicGuard(const DeterministicGuard&) = delete;
  DeterministicGuard& operator=(const DeterministicGuard&) = delete;

 private:
  bool before_;
};

}  // namespace mushin
