#include "mushin/tensor/deterministic.hpp"

#include <cstdlib>

#include "core/plans.hpp"

namespace mushin::core {
namespace {
bool read_mode() {
  const char* set = secure_getenv("MUSHIN_DETERMINISTIC");
  return set && *set && *set != '0';
}
}  // namespace

std::atomic<bool> deterministic_mode{read_mode()};

}  // namespace mushin::core

namespace mushin {

bool deterministic_algorithms() noexcept { return core::deterministic(); }
void deterministic_algorithms(bool on) noexcept { core::deterministic_mode.store(on, std::memory_order_relaxed); }

}  // namespace mushin
