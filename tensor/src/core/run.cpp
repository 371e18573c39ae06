// Work that is given to devices. In host memory it is done when a call returns; elsewhere it is queued on the device's one stream, so that
// whatever comes later there finds it done, and memory that was let go of is used anew only by what comes later.
#include <cstring>
#include <mutex>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/failure.hpp"
#include "core/plans.hpp"

namespace mushin::core {
namespace {

mu_error no_error() {
  mu_error e{};
  e.size = sizeof e;
  return e;
}

mu_code run_once(const char* op, const Plan* p, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out,
                 mu_error& err) {
  Block* workspace = p->workspace ? allocate(p->device, p->workspace, op) : nullptr;
  mu_buffer* at = workspace ? workspace->buffer : nullptr;
  mu_code code;
  if (p->device->host_memory) {
    code = p->run(p->plan, nullptr, n_in, in, n_out, out, at, 0, &err);
  } else {
    const std::lock_guard lock(p->device->giving);
    code = p->run(p->plan, nullptr, n_in, in, n_out, out, at, 0, &err);
  }
  if (workspace) drop_ref(workspace);
  return code;
}

[[gnu::noinline, gnu::cold]] void run_again(const char* op, const Plan* p, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out,
                                            const mu_tensor* out, mu_code code, mu_error& err) {
  if (code == MU_OUT_OF_MEMORY) {
    drain_cache(p->device);
    err = no_error();
    code = run_once(op, p, n_in, in, n_out, out, err);
  }
  if (code != MU_OK) fail_on(op, p->device, code, err);
}

}  // namespace

void run_plan(const char* op, const Plan* p, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out) {
  if (!p->device->host_memory) check_alive(op, p->device);
  mu_error err;  // 512 bytes that nobody reads in general: only what must be there is written
  err.size = sizeof err;
  err.message_len = 0;
  const mu_code code = run_once(op, p, n_in, in, n_out, out, err);
  if (code != MU_OK) run_again(op, p, n_in, in, n_out, out, code, err);
  if (capturing()) capture::ran(op, p, n_in, in, n_out, out);
}

void upload(const char* op, const Block* to, std::uint64_t offset, const void* from, std::size_t bytes) {
  Device* d = to->device;
  if (bytes == 0) return;
  if (d->host_memory) {
    std::memcpy(to->data + offset, from, bytes);
    return;
  }
  check_alive(op, d);
  mu_error err = no_error();
  mu_code code;
  {
    const std::lock_guard lock(d->giving);
    code = d->memory.upload(d->handle, nullptr, to->buffer, offset, from, bytes, &err);
  }
  if (code != MU_OK) fail_on(op, d, code, err);
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
  {
    const std::lock_guard lock(d->giving);
    code = d->memory.download(d->handle, nullptr, to, from->buffer, offset, bytes, &err);
  }
  settle(d);  // also after an error: `to` may be written until then
  if (code != MU_OK) fail_on(op, d, code, err);
  check_failure(op, d);
}

}  // namespace mushin::core
