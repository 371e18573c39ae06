// Plans that devices run. In host memory they are done when a call returns; elsewhere they are queued on the stream that computes, so that
// whatever comes later there finds them done, and memory that was let go of is used anew by what comes later without waiting.
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

// `n` sets of views, one after the other.
mu_code queue(const Plan* p, std::uint32_t n, std::uint32_t n_in, std::uint32_t n_out, const mu_tensor* views, const Block* workspace,
              mu_error& err) {
  const std::lock_guard lock(p->device->giving);
  const Extent at = workspace ? Extent{workspace->buffer, workspace->begin, workspace->begin + p->workspace} : Extent{};
  if (Streams* const s = p->device->streams)
    if (const mu_code code = s->before_run({views, std::size_t{n} * (n_in + n_out)}, {}, at, err); code != MU_OK) return code;
  const mu_code code = p->device->many.run(p->plan, nullptr, n, n_in, n_out, views, at.buffer, at.begin, &err);
  gave(p->device);
  return code;
}

// On a device with memory of its own. Out of line: it would cost those in host memory some registers.
[[gnu::noinline]] mu_code queue(const Plan* p, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out,
                                const Block* workspace, mu_error& err) {
  const std::lock_guard lock(p->device->giving);
  Streams* s = p->device->streams;
  const Extent at = workspace ? Extent{workspace->buffer, workspace->begin, workspace->begin + p->workspace} : Extent{};
  if (s)
    if (const mu_code code = s->before_run({in, n_in}, {out, n_out}, at, err); code != MU_OK) return code;
  const mu_code code = p->run(p->plan, nullptr, n_in, in, n_out, out, at.buffer, at.begin, &err);
  gave(p->device);
  return code;
}

mu_code run_once(const char* op, const Plan* p, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out,
                 mu_error& err) {
  Block* workspace = p->workspace ? allocate(p->device, p->workspace, op) : nullptr;
  mu_buffer* at = workspace ? workspace->buffer : nullptr;
  const mu_code code =
      p->device->host_memory ? p->run(p->plan, nullptr, n_in, in, n_out, out, at, 0, &err) : queue(p, n_in, in, n_out, out, workspace, err);
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

void run_plans(const char* op, const Plan* p, std::uint32_t n, std::uint32_t n_in, std::uint32_t n_out, const mu_tensor* views) {
  if (n == 1) return run_plan(op, p, n_in, views, n_out, views + n_in);
  check_alive(op, p->device);
  mu_error err = no_error();
  const auto run_once = [&] {
    Block* const workspace = p->workspace ? allocate(p->device, p->workspace, op) : nullptr;
    const mu_code code = queue(p, n, n_in, n_out, views, workspace, err);
    if (workspace) drop_ref(workspace);
    return code;
  };
  mu_code code = run_once();
  if (code == MU_OUT_OF_MEMORY) {
    drain_cache(p->device);
    err = no_error();
    code = run_once();
  }
  if (code != MU_OK) fail_on(op, p->device, code, err);
  if (capturing()) capture::ran(op, p, n, n_in, views, n_out, views + n_in);
}

void run_plan(const char* op, const Plan* p, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out) {
  if (!p->device->host_memory) check_alive(op, p->device);
  mu_error err;  // 512 bytes that nobody reads in general: only what must be there is written
  err.size = sizeof err;
  err.message_len = 0;
  const mu_code code = run_once(op, p, n_in, in, n_out, out, err);
  if (code != MU_OK) run_again(op, p, n_in, in, n_out, out, code, err);
  if (capturing()) capture::ran(op, p, 1, n_in, in, n_out, out);
}

}  // namespace mushin::core
