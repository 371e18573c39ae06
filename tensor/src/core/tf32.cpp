#include "mushin/tensor/tf32.hpp"

#include "core/plans.hpp"

namespace mushin {
namespace core {
std::atomic<bool> tf32_mode{false};
}

bool allow_tf32() noexcept { return core::tf32_mode.load(std::memory_order_relaxed); }
void allow_tf32(bool on) noexcept { core::tf32_mode.store(on, std::memory_order_relaxed); }

}  // namespace mushin
