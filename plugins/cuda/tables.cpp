// Memory, streams and events, as the boundary has them.
#include <chrono>
#include <new>
#include <thread>

#include "device.hpp"

namespace mushin::cuda {
namespace {

// ---- memory ----

constexpr std::uint64_t granted_align = 256;  // of every allocation

cudaError_t device_memory(mu_device* d, void** data, std::uint64_t bytes) {
  if (!d->pools) return cudaMalloc(data, bytes);
  const cudaError_t s = cudaMallocAsync(data, bytes, d->memory_stream);
  // Nothing else is on this stream: every other one may use the memory from now on.
  return s == cudaSuccess ? cudaStreamSynchronize(d->memory_stream) : s;
}

mu_code alloc(mu_device* d, std::uint32_t kind, std::uint64_t bytes, std::uint64_t align, mu_buffer** to, mu_error* e) noexcept {
  *to = nullptr;
  if (align > granted_align) return mu_fail(e, MU_INVALID, 0, "[cuda] memory is aligned to 256 bytes, and to no more");
  if (kind != MU_MEMORY_DEVICE && kind != MU_MEMORY_HOST_PINNED) return mu_fail(e, MU_INVALID, 0, "[cuda] no such kind of memory");
  if (const mu_code code = d->enter(e); code != MU_OK) return code;
  auto* buffer = new (std::nothrow) mu_buffer;
  if (!buffer) return mu_fail(e, MU_OUT_OF_MEMORY, 0, "[cuda] no memory for a buffer's record");
  buffer->kind = kind;
  void* data = nullptr;
  const std::uint64_t least = bytes ? bytes : 1;
  const cudaError_t s = kind == MU_MEMORY_DEVICE ? device_memory(d, &data, least) : cudaHostAlloc(&data, least, cudaHostAllocDefault);
  if (s != cudaSuccess) {
    delete buffer;
    return d->check(s, kind == MU_MEMORY_DEVICE ? "no device memory" : "no pinned memory", e);
  }
  buffer->data = static_cast<char*>(data);
  *to = buffer;
  return MU_OK;
}

void release(mu_device* d, mu_buffer* buffer) noexcept {
  if (!buffer) return;
  mu_error e{};
  e.size = sizeof e;
  if (d->enter(&e) == MU_OK) {
    const cudaError_t s = buffer->kind == MU_MEMORY_HOST_PINNED ? cudaFreeHost(buffer->data)
                          : d->pools                            ? cudaFreeAsync(buffer->data, d->memory_stream)
                                                                : cudaFree(buffer->data);
    d->check(s, "memory can't be given back", &e);
  }
  delete buffer;
}

// The copy has read memory that isn't pinned when it returns; of pinned memory it reads later.
bool is_pinned(const void* p) {
  cudaPointerAttributes attributes{};
  if (cudaPointerGetAttributes(&attributes, p) != cudaSuccess) {
    cudaGetLastError();
    return true;
  }
  return attributes.type != cudaMemoryTypeUnregistered;
}

mu_code upload(mu_device* d, mu_stream* given, mu_buffer* to, std::uint64_t offset, const void* from, std::uint64_t bytes,
               mu_error* e) noexcept {
  if (const mu_code code = d->enter(e); code != MU_OK || bytes == 0) return code;
  const cudaStream_t s = d->stream_or_default(given).handle;
  const mu_code code = d->check(cudaMemcpyAsync(to->data + offset, from, bytes, cudaMemcpyDefault, s), "an upload failed", e);
  if (code != MU_OK || !is_pinned(from)) return code;
  return d->check(cudaStreamSynchronize(s), "an upload failed", e);
}

mu_code download(mu_device* d, mu_stream* given, void* to, mu_buffer* from, std::uint64_t offset, std::uint64_t bytes,
                 mu_error* e) noexcept {
  if (const mu_code code = d->enter(e); code != MU_OK || bytes == 0) return code;
  return d->check(cudaMemcpyAsync(to, from->data + offset, bytes, cudaMemcpyDefault, d->stream_or_default(given).handle),
                  "a download failed", e);
}

mu_code host_ptr(mu_device*, mu_buffer* b, void** to, mu_error* e) noexcept {
  if (b->kind != MU_MEMORY_HOST_PINNED) return mu_fail(e, MU_UNSUPPORTED, 0, "[cuda] the host can't reach device memory");
  *to = b->data;
  return MU_OK;
}

// ---- streams ----

mu_code create(mu_device* d, std::uint32_t, mu_stream** to, mu_error* e) noexcept {
  *to = nullptr;
  if (const mu_code code = d->enter(e); code != MU_OK) return code;
  auto* s = new (std::nothrow) mu_stream;
  if (!s) return mu_fail(e, MU_OUT_OF_MEMORY, 0, "[cuda] no memory for a stream");
  if (const mu_code code = d->open_stream(*s, e); code != MU_OK) {
    delete s;
    return code;
  }
  *to = s;
  return MU_OK;
}

void destroy(mu_stream* s) noexcept {
  if (!s) return;
  cudaSetDevice(s->device->index);
  // Work that was given is still told of by its events and by the device, so it ends first.
  cudaStreamSynchronize(s->handle);
  s->device->close_stream(*s);
  delete s;
}

mu_code synchronize(mu_stream* s, mu_error* e) noexcept {
  mu_device& d = *s->device;
  if (const mu_code code = d.enter(e); code != MU_OK) return code;
  if (const mu_code code = d.check(cudaStreamSynchronize(s->handle), "work on a stream failed", e); code != MU_OK) return code;
  return d.told(s->before, e);
}

// ---- events ----

mu_code event_create(mu_device* d, std::uint32_t, mu_event** to, mu_error* e) noexcept {
  *to = nullptr;
  if (const mu_code code = d->enter(e); code != MU_OK) return code;
  auto* event = new (std::nothrow) mu_event;
  if (!event) return mu_fail(e, MU_OUT_OF_MEMORY, 0, "[cuda] no memory for an event");
  event->device = d;
  const mu_code code = d->check(cudaEventCreateWithFlags(&event->handle, cudaEventDisableTiming), "no event", e);
  if (code != MU_OK) {
    delete event;
    return code;
  }
  *to = event;
  return MU_OK;
}

void event_destroy(mu_event* event) noexcept {
  if (!event) return;
  cudaSetDevice(event->device->index);
  cudaEventDestroy(event->handle);
  cudaGetLastError();
  delete event;
}

mu_code event_record(mu_event* event, mu_stream* given, mu_error* e) noexcept {
  mu_device& d = *event->device;
  if (const mu_code code = d.enter(e); code != MU_OK) return code;
  const mu_stream& s = d.stream_or_default(given);
  const std::lock_guard lock(event->mutex);
  const mu_code code = d.check(cudaEventRecord(event->handle, s.handle), "an event can't be recorded", e);
  if (code == MU_OK) event->before = s.before;
  return code;
}

// Whatever failed, a lost device's work is done: waits tell of that.
mu_code event_query(mu_event* event, mu_error* e) noexcept {
  mu_device& d = *event->device;
  mu_code code = d.enter(e);
  if (code == MU_OK) {
    const cudaError_t s = cudaEventQuery(event->handle);
    if (s == cudaErrorNotReady) cudaGetLastError();
    code = s == cudaErrorNotReady ? mu_code{MU_PENDING} : d.check(s, "work behind an event failed", e);
  }
  return code == MU_DEVICE_LOST ? mu_code{MU_OK} : code;
}

mu_code wait_until(mu_event* event, std::uint64_t timeout_ns, mu_error* e) {
  const auto begin = std::chrono::steady_clock::now();
  for (;;) {
    const mu_code code = event_query(event, e);
    if (code == MU_OK) return event->device->enter(e);
    if (code != MU_PENDING) return code;
    const auto passed = std::chrono::steady_clock::now() - begin;
    if (static_cast<std::uint64_t>(std::chrono::nanoseconds(passed).count()) >= timeout_ns)
      return mu_fail(e, MU_TIMEOUT, 0, "[cuda] the event isn't reached yet");
    if (passed > std::chrono::microseconds(50)) std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
}

mu_code event_wait(mu_event* event, std::uint64_t timeout_ns, mu_error* e) noexcept {
  mu_device& d = *event->device;
  if (const mu_code code = d.enter(e); code != MU_OK) return code;
  Clock behind;
  {
    const std::lock_guard lock(event->mutex);
    behind = event->before;
  }
  const mu_code code = timeout_ns == UINT64_MAX ? d.check(cudaEventSynchronize(event->handle), "work behind an event failed", e)
                                                : wait_until(event, timeout_ns, e);
  return code == MU_OK ? d.told(behind, e) : code;
}

mu_code stream_wait_event(mu_stream* given, mu_event* event, mu_error* e) noexcept {
  mu_device& d = *event->device;
  if (const mu_code code = d.enter(e); code != MU_OK) return code;
  mu_stream& s = d.stream_or_default(given);
  const std::lock_guard lock(event->mutex);
  const mu_code code = d.check(cudaStreamWaitEvent(s.handle, event->handle, 0), "a stream can't wait for an event", e);
  if (code != MU_OK) return code;
  for (std::size_t i = 0; i < most_streams; ++i)
    if (s.before[i] < event->before[i]) s.before[i] = event->before[i];
  return MU_OK;
}

}  // namespace

const mu_memory_table memory_table{sizeof memory_table, 0, alloc, release, upload, download, host_ptr, nullptr};
const mu_stream_table stream_table{sizeof stream_table, 0,           create,     destroy,          synchronize, event_create, event_destroy,
                                   event_record,        event_query, event_wait, stream_wait_event};

}  // namespace mushin::cuda
