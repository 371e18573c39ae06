#include "core/failure.hpp"

#include <algorithm>
#include <cstring>

#include "core/fail.hpp"
#include "core/streams.hpp"

namespace mushin::core {
namespace {

bool lost(const Failure* f) { return f && f->code == MU_DEVICE_LOST; }

// Of Device::told and Device::settled, for all devices.
std::mutex& telling() {
  static auto* it = new std::mutex;
  return *it;
}

// Never freed, because who reads it takes no lock: the device holds them.
const Failure* remember(Device* d, mu_code code, const mu_error& e) {
  const Failure* last = d->told.load(std::memory_order_relaxed);
  Failure f{code, {}, last, d->fine.load(std::memory_order_relaxed)};
  std::copy_n(e.message, std::min<std::size_t>(e.message_len, sizeof f.text - 1), f.text);
  const Failure* const settled = d->settled.load(std::memory_order_relaxed);
  for (const Failure* known = last; known != settled; known = known->older)
    if (known->code == code && std::strcmp(known->text, f.text) == 0) return known;
  last = new Failure(f);
  d->told.store(last, std::memory_order_release);
  return last;
}

// The first one stays, unless a later one says that the device is lost.
void keep(Device* d, mu_code code, const mu_error& e) {
  const std::lock_guard lock(telling());
  const Failure* const f = remember(d, code, e);
  const Failure* known = d->failure.load(std::memory_order_relaxed);
  if (lost(known) || (known && code != MU_DEVICE_LOST)) return;
  d->failure.store(f, std::memory_order_release);
}

// A backend's own "[gather] …" names the op that failed; `op` is only who noticed.
[[noreturn]] void raise(const char* op, const Device* d, const Failure& f) {
  if (f.code == MU_INVALID && f.text[0] == '[') fail<ShapeError>("{}", f.text);
  mu_error e{};
  e.message_len = static_cast<std::uint32_t>(std::strlen(f.text));
  std::copy_n(f.text, sizeof f.text, e.message);
  fail_with_code(op, d, f.code, e);
}

}  // namespace

void check_alive(const char* op, const Device* d) {
  if (const Failure* f = d->failure.load(std::memory_order_acquire); lost(f)) raise(op, d, *f);
}

void check_failure(const char* op, Device* d) {
  { const std::lock_guard lock(d->waiting); }  // who waits for all may have been told what failed, and not have kept it yet
  if (const Failure* f = d->failure.load(std::memory_order_acquire)) raise(op, d, *f);
}

void take_failure(const char* op, Device* d) {
  const Failure* f = d->failure.load(std::memory_order_acquire);
  while (f && !lost(f) && !d->failure.compare_exchange_weak(f, nullptr)) {
  }
  {
    const std::lock_guard lock(telling());
    d->settled.store(d->told.load(std::memory_order_relaxed), std::memory_order_release);
  }
  if (f) raise(op, d, *f);
}

void settle(Device* d) {
  const std::lock_guard lock(d->waiting);
  mu_error e{};
  e.size = sizeof e;
  Streams::Point until{};
  {
    const std::lock_guard turn(d->giving);
    until = d->streams ? d->streams->now() : Streams::Point{d->given.load(std::memory_order_relaxed), 0};
  }
  const mu_code code = d->device.synchronize(d->handle, &e);
  if (code != MU_OK) keep(d, code, e);
  const std::lock_guard turn(d->giving);
  if (code == MU_OK) succeeded(d, until.computing);
  if (d->streams) d->streams->known(until);
}

void succeeded(Device* d, std::uint64_t count) noexcept {
  if (d->fine.load(std::memory_order_relaxed) < count) d->fine.store(count, std::memory_order_relaxed);
}

const Failure* failed_since(const Device* d, const Failure* settled, std::uint64_t given) noexcept {
  for (const Failure* f = d->told.load(std::memory_order_acquire); f != settled; f = f->older)
    if (f->fine < given) return f;
  return nullptr;
}

void fail_on(const char* op, Device* d, mu_code code, const mu_error& e) {
  if (code != MU_DEVICE_LOST) fail_with_code(op, d, code, e);
  keep(d, code, e);
  check_alive(op, d);
  __builtin_unreachable();
}

void fail_later(const char* op, Device* d, mu_code code, const mu_error& e) {
  if (code == MU_DEVICE_LOST) fail_on(op, d, code, e);
  const Failure* f = nullptr;
  {
    const std::lock_guard lock(telling());
    f = remember(d, code, e);
  }
  check_failure(op, d);  // the first one
  raise(op, d, *f);
}

}  // namespace mushin::core
