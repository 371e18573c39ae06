#include "core/failure.hpp"

#include <algorithm>
#include <cstring>

#include "core/fail.hpp"
#include "core/streams.hpp"

namespace mushin::core {
namespace {

bool lost(const Failure* f) { return f && f->code == MU_DEVICE_LOST; }

void copy_text(Failure& to, const mu_error& e) {
  std::copy_n(e.message, std::min<std::size_t>(e.message_len, sizeof to.text - 1), to.text);
}

// The first one stays, unless a later one says that the device is lost. Never freed, because who reads it takes no lock: `all` holds them.
void keep(Device* d, mu_code code, const mu_error& e) {
  static std::mutex mutex;
  static const Failure* all = nullptr;
  const std::lock_guard lock(mutex);
  const Failure* known = d->failure.load(std::memory_order_relaxed);
  if (lost(known) || (known && code != MU_DEVICE_LOST)) return;
  auto* f = new Failure{code, {}, all};
  all = f;
  copy_text(*f, e);
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
  if (f) raise(op, d, *f);
}

void settle(Device* d) {
  const std::lock_guard lock(d->waiting);
  mu_error e{};
  e.size = sizeof e;
  Streams::Point until{};
  if (d->streams) {
    const std::lock_guard turn(d->giving);
    until = d->streams->now();
  }
  if (const mu_code code = d->device.synchronize(d->handle, &e); code != MU_OK) keep(d, code, e);
  if (d->streams) {
    const std::lock_guard turn(d->giving);
    d->streams->known(until);
  }
}

void fail_on(const char* op, Device* d, mu_code code, const mu_error& e) {
  if (code != MU_DEVICE_LOST) fail_with_code(op, d, code, e);
  keep(d, code, e);
  check_alive(op, d);
  __builtin_unreachable();
}

void fail_later(const char* op, Device* d, mu_code code, const mu_error& e) {
  if (code == MU_DEVICE_LOST) fail_on(op, d, code, e);
  check_failure(op, d);  // the first one
  Failure f{code, {}, nullptr};
  copy_text(f, e);
  raise(op, d, f);
}

}  // namespace mushin::core
