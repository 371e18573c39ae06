// Values into and out of a device's memory.
#include <cstring>
#include <mutex>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/failure.hpp"
#include "core/plans.hpp"
#include "core/streams.hpp"

namespace mushin::core {
namespace {

mu_error no_error() {
  mu_error e{};
  e.size = sizeof e;
  return e;
}

// On the stream for uploads. The copy may have been given when this fails, so it is waited for.
mu_code upload_beside(Device* d, const Block* to, const Extent& bytes, const void* from, mu_error& err) {
  Streams& s = *d->streams;
  const std::lock_guard turn(s.uploading);
  mu_code code;
  {
    const std::lock_guard lock(d->giving);
    code = s.before_upload(to->last_use, err);
  }
  if (code != MU_OK) return code;
  code = d->memory.upload(d->handle, s.up, bytes.buffer, bytes.begin, from, bytes.end - bytes.begin, &err);
  if (code == MU_OK) {
    const std::lock_guard lock(d->giving);
    code = s.uploaded(bytes, err);
  }
  if (code != MU_OK) settle(d);
  return code;
}

mu_code upload_between_runs(Device* d, const Extent& bytes, const void* from, mu_error& err) {
  const std::lock_guard lock(d->giving);
  if (d->streams)
    if (const mu_code code = d->streams->before_use(bytes, err); code != MU_OK) return code;
  const mu_code code = d->memory.upload(d->handle, nullptr, bytes.buffer, bytes.begin, from, bytes.end - bytes.begin, &err);
  gave(d);
  return code;
}

// An event behind the copy, and how much of the computing comes before it.
mu_code download_beside(Device* d, void* to, const Extent& bytes, Streams::Event*& end, std::uint64_t& computed, mu_error& err) {
  Streams& s = *d->streams;
  const std::lock_guard turn(s.downloading);
  mu_code code;
  {
    const std::lock_guard lock(d->giving);
    code = s.before_download(bytes, computed, err);
  }
  if (code == MU_OK) code = d->memory.download(d->handle, s.down, to, bytes.buffer, bytes.begin, bytes.end - bytes.begin, &err);
  if (code != MU_OK) return code;
  const std::lock_guard lock(d->giving);
  return s.record(s.down, end, err);
}

// Nobody else's work is waited for, and nobody's turn is taken meanwhile.
void wait_for(const char* op, Device* d, Streams::Event* end, std::uint64_t computed) {
  mu_error err = no_error();
  const mu_code code = d->stream.event_wait(end->handle, UINT64_MAX, &err);
  {
    const std::lock_guard lock(d->giving);
    if (code == MU_OK) succeeded(d, computed);
    d->streams->put_back(end);
    d->streams->known({computed, 0});
  }
  if (code != MU_OK) fail_later(op, d, code, err);
  check_failure(op, d);
}

// Whether that was all: in host memory.
bool copied(const Block* to, std::uint64_t offset, const void* from, std::size_t bytes) {
  if (bytes == 0) return true;
  if (!to->device->host_memory) return false;
  std::memcpy(to->data + offset, from, bytes);
  return true;
}

Extent extent(const Block* b, std::uint64_t offset, std::size_t bytes) { return {b->buffer, b->begin + offset, b->begin + offset + bytes}; }

}  // namespace

void upload(const char* op, const Block* to, std::uint64_t offset, const void* from, std::size_t bytes) {
  if (copied(to, offset, from, bytes)) return;
  Device* d = to->device;
  if (!d->streams) return upload_in_order(op, to, offset, from, bytes);
  check_alive(op, d);
  mu_error err = no_error();
  if (const mu_code code = upload_beside(d, to, extent(to, offset, bytes), from, err); code != MU_OK) fail_on(op, d, code, err);
}

void upload_in_order(const char* op, const Block* to, std::uint64_t offset, const void* from, std::size_t bytes) {
  if (copied(to, offset, from, bytes)) return;
  Device* d = to->device;
  check_alive(op, d);
  mu_error err = no_error();
  if (const mu_code code = upload_between_runs(d, extent(to, offset, bytes), from, err); code != MU_OK) fail_on(op, d, code, err);
}

void download(const char* op, void* to, const Block* from, std::uint64_t offset, std::size_t bytes) {
  Device* d = from->device;
  if (capturing()) capture::refuse(op, "reads a value, which a replay could not: read what the captured function returns");
  if (bytes == 0) return;
  if (d->host_memory) {
    std::memcpy(to, from->data + offset, bytes);
    return;
  }
  check_alive(op, d);
  mu_error err = no_error();
  mu_code code;
  if (d->streams) {
    Streams::Event* end = nullptr;
    std::uint64_t computed = 0;
    code = download_beside(d, to, extent(from, offset, bytes), end, computed, err);
    if (code == MU_OK) return wait_for(op, d, end, computed);
  } else {
    const std::lock_guard lock(d->giving);
    code = d->memory.download(d->handle, nullptr, to, from->buffer, from->begin + offset, bytes, &err);
  }
  settle(d);  // also after an error: `to` may be written until then
  if (code != MU_OK) fail_on(op, d, code, err);
  check_failure(op, d);
}

}  // namespace mushin::core
