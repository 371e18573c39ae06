// Errors of work that a device did later: told by whoever waits, and kept until a program asks for them.
#pragma once
#include "devices/device_state.hpp"

namespace mushin::core {

/// Throws where the device is lost, with the first reason.
void check_alive(const char* op, const Device*);
/// Throws what failed on the device so far, if anything did.
void check_failure(const char* op, Device*);
/// Throws it and forgets it; a lost device stays lost.
void take_failure(const char* op, Device*);

/// Waits until all that was given to the device is done. What failed meanwhile is kept.
void settle(Device*);

/// So much of what was given to the device has succeeded, as a wait behind it told. Under Device::giving.
void succeeded(Device*, std::uint64_t count) noexcept;
/// What the device has told after `settled`, and what may be of the first `given` things that it got; null: nothing.
const Failure* failed_since(const Device*, const Failure* settled, std::uint64_t given) noexcept;

/// Keeps `code` where it means that the device is lost, and throws what it stands for.
[[noreturn]] void fail_on(const char* op, Device*, mu_code, const mu_error&);

/// Throws what an event told about work that was given before it. The plugin goes on telling it until synchronize has.
[[noreturn]] void fail_later(const char* op, Device*, mu_code, const mu_error&);

}  // namespace mushin::core
