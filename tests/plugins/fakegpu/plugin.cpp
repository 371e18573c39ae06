// A device as far from the host as one can be without hardware: asynchronous, with memory that the host cannot touch, the smallest limits
// that the boundary allows, and faults on demand. For tests only.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "builtin.h"
#include "device.hpp"
#include "graph.hpp"
#include "mushin/plugin_collectives.h"

MUSHIN_PLUGIN_NOTE("fakegpu", "0.1.0", 1u << MU_KIND_VENDOR);

namespace fakegpu {
namespace {

std::uint64_t number(const mu_host* host, const char* key, std::uint64_t otherwise) {
  const char* set = host->config(host->ctx, "fakegpu", key);
  return set ? std::strtoull(set, nullptr, 10) : otherwise;
}

}  // namespace
}  // namespace fakegpu

mu_device::mu_device(int i, const mu_host* given, const mu_plugin* with, mu_device* handle)
    : index(i),
      kernels(with),
      kernel_device(handle),
      total(fakegpu::number(given, "MEMORY", std::uint64_t{1} << 30)),
      refused(fakegpu::number(given, "REFUSE", 0)),
      unordered(fakegpu::number(given, "UNORDERED", 0)),
      unsafe(fakegpu::number(given, "UNSAFE", 0)),
      updates(fakegpu::number(given, "UPDATES", 1) != 0),
      host(given),
      memory(total),
      queue(this, i == 0),
      no_memory(given, "OOM", i),
      no_memory_to_run(given, "OOM_RUN", i),
      failing_run(given, "FAIL_RUN", i),
      failing_upload(given, "FAIL_UPLOAD", i),
      lost(given, "LOST", i),
      wrong_answer(given, "WRONG_LAYOUT", i),
      no_graph(given, "FAIL_GRAPH", i),
      failing_launch(given, "FAIL_LAUNCH", i) {}

namespace fakegpu {

mu_code tell(mu_error* error, const Failure& f) { return f.code == MU_OK ? MU_OK : mu_fail(error, f.code, 0, f.text.c_str()); }

namespace {

const mu_host* host;

mu_code device_count(std::uint32_t* count, mu_error*) noexcept {
  *count = 2;
  return MU_OK;
}

mu_code device_open(std::uint32_t index, mu_device** device, mu_error* error) noexcept {
  const mu_plugin* kernels = mushin_builtin_entry(host, error);
  mu_device* handle = nullptr;
  if (const mu_code code = kernels->device_open(0, &handle, error); code != MU_OK) return code;
  *device = new mu_device(static_cast<int>(index), host, kernels, handle);  // as long as the process
  return MU_OK;
}

mu_code info(mu_device* d, mu_device_info* to, mu_error*) noexcept {
  to->kind = MU_KIND_VENDOR;
  to->mem_total = d->total;
  to->mem_align = 64;
  to->caps = d->plain() ? 0 : MU_CAP_OPAQUE_LAYOUTS;
  to->pw_max_in = most_in, to->pw_max_out = most_out, to->pw_max_inst = most_inst;
  std::snprintf(to->name, sizeof to->name, "a fake that %s", d->plain() ? "does only what it must" : "does all that builtin does");
  return MU_OK;
}

mu_code synchronize(mu_device* d, mu_error* error) noexcept {
  if (const Failure no = refusal(d); no.code == MU_INVALID) return tell(error, no);
  return tell(error, d->queue.wait());
}

void close_device(mu_device*) noexcept {}

mu_code mem_info(mu_device* d, std::uint64_t* free_bytes, std::uint64_t* total, mu_error*) noexcept {
  *free_bytes = d->memory.left();
  *total = d->total;
  return MU_OK;
}

mu_code alloc(mu_device* d, std::uint32_t, std::uint64_t bytes, std::uint64_t, mu_buffer** buffer, mu_error* error) noexcept {
  if (const Failure no = refusal(d); no.code != MU_OK) return tell(error, no);
  *buffer = d->due(d->no_memory) ? nullptr : d->memory.allocate(bytes);
  return *buffer ? MU_OK : mu_fail(error, MU_OUT_OF_MEMORY, 0, "the fake has no more memory");
}

void free_buffer(mu_device* d, mu_buffer* b) noexcept {
  d->queue.freed(b);
  if (refusal(d).code == MU_INVALID || !d->memory.free(b)) std::abort();  // a test must see it
}

mu_stream* or_default(mu_device* d, mu_stream* s) { return s ? s : d->queue.default_stream(); }

mu_code upload(mu_device* d, mu_stream* s, mu_buffer* to, std::uint64_t offset, const void* from, std::uint64_t bytes,
               mu_error* error) noexcept {
  if (const Failure no = refusal(d, or_default(d, s)); no.code != MU_OK) return tell(error, no);
  const auto* first = static_cast<const std::byte*>(from);
  auto run = [d, to, offset, fails = d->due(d->failing_upload), staged = std::vector<std::byte>(first, first + bytes)] {
    if (fails) return Failure{MU_INTERNAL, "the upload that was to fail"};
    const auto target = d->memory.find(to);
    if (!target) return Failure{MU_INTERNAL, "an upload into a buffer that was freed"};
    if (offset + staged.size() > target->size) return Failure{MU_INTERNAL, "an upload ends outside its buffer"};
    std::memcpy(target->data + offset, staged.data(), staged.size());
    return Failure{};
  };
  return tell(error, d->queue.give(or_default(d, s), {{to, offset, offset + bytes, true}}, std::move(run)));
}

mu_code download(mu_device* d, mu_stream* s, void* to, mu_buffer* from, std::uint64_t offset, std::uint64_t bytes,
                 mu_error* error) noexcept {
  if (const Failure no = refusal(d, or_default(d, s)); no.code != MU_OK) return tell(error, no);
  return tell(error, d->queue.give(or_default(d, s), {{from, offset, offset + bytes, false}}, [=] {
    const auto source = d->memory.find(from);
    if (!source) return Failure{MU_INTERNAL, "a download from a buffer that was freed"};
    if (offset + bytes > source->size) return Failure{MU_INTERNAL, "a download ends outside its buffer"};
    std::memcpy(to, source->data + offset, bytes);
    return Failure{};
  }));
}

// Events and waits go on when the device is lost.
mu_code refused(mu_device* d, const mu_stream* s, mu_error* error) {
  const Failure no = refusal(d, s);
  return no.code == MU_INVALID ? tell(error, no) : MU_OK;
}

mu_code stream_create(mu_device* d, std::uint32_t, mu_stream** s, mu_error*) noexcept {
  *s = d->queue.add();
  return MU_OK;
}
void stream_destroy(mu_stream* s) noexcept { s->device->queue.finish(s); }
mu_code stream_synchronize(mu_stream* s, mu_error* error) noexcept {
  if (const mu_code no = refused(s->device, s, error); no != MU_OK) return no;
  return tell(error, s->device->queue.wait(s));
}

mu_code event_create(mu_device* d, std::uint32_t, mu_event** e, mu_error*) noexcept {
  *e = new mu_event{d, {}};
  return MU_OK;
}
void event_destroy(mu_event* e) noexcept { delete e; }
mu_code event_record(mu_event* e, mu_stream* s, mu_error* error) noexcept {
  if (const mu_code no = refused(e->device, or_default(e->device, s), error); no != MU_OK) return no;
  e->device->queue.record(e, or_default(e->device, s));
  return MU_OK;
}
mu_code event_query(mu_event* e, mu_error*) noexcept { return e->device->queue.reached(e) ? MU_OK : MU_PENDING; }
mu_code event_wait(mu_event* e, std::uint64_t, mu_error* error) noexcept {
  if (const mu_code no = refused(e->device, nullptr, error); no != MU_OK) return no;
  return tell(error, e->device->queue.wait(e));
}
mu_code stream_wait_event(mu_stream* s, mu_event* e, mu_error* error) noexcept {
  if (const mu_code no = refused(e->device, or_default(e->device, s), error); no != MU_OK) return no;
  e->device->queue.hold(or_default(e->device, s), e);
  return MU_OK;
}

constexpr mu_device_table devices{sizeof(mu_device_table), 0, info, synchronize, close_device, mem_info};
constexpr mu_memory_table memory{sizeof(mu_memory_table), 0, alloc, free_buffer, upload, download, nullptr, nullptr};
constexpr mu_stream_table streams{sizeof(mu_stream_table),
                                  0,
                                  stream_create,
                                  stream_destroy,
                                  stream_synchronize,
                                  event_create,
                                  event_destroy,
                                  event_record,
                                  event_query,
                                  event_wait,
                                  stream_wait_event};

// Ranks are the builtin backend's: a run waits in its device's thread. Each has a device to itself.
const mu_collectives_table& kernels_of(mu_device* d) {
  return *static_cast<const mu_collectives_table*>(d->kernels->extension(MU_EXT_COLLECTIVES, MU_EXT_COLLECTIVES_VERSION));
}
mu_code unique_id(mu_device* d, std::uint8_t* id, mu_error* error) noexcept { return kernels_of(d).unique_id(d->kernel_device, id, error); }
mu_code join(mu_device* d, const std::uint8_t* id, std::uint32_t rank, std::uint32_t n, std::uint64_t number, std::uint64_t timeout_ns,
             mu_error* error) noexcept {
  return kernels_of(d).join(d->kernel_device, id, rank, n, number, timeout_ns, error);
}
void leave(mu_device* d, std::uint64_t number) noexcept {
  d->queue.wait(d->queue.default_stream());
  kernels_of(d).leave(d->kernel_device, number);
}
void abort_ranks(mu_device* d, std::uint64_t number) noexcept { kernels_of(d).abort(d->kernel_device, number); }
constexpr mu_collectives_table collectives{sizeof(mu_collectives_table), 0, unique_id, join, leave, abort_ranks};

// Not the one under MUSHIN_FAKEGPU_GRAPHS=0, not the other one under MUSHIN_FAKEGPU_MANY=0.
const void* extension(const char* name, std::uint32_t least) noexcept {
  if (std::strcmp(name, MU_EXT_COLLECTIVES) == 0 && least <= MU_EXT_COLLECTIVES_VERSION && number(host, "COLLECTIVES", 1)) return &collectives;
  if (std::strcmp(name, MU_EXT_GRAPH) == 0 && least <= MU_EXT_GRAPH_VERSION && number(host, "GRAPHS", 1)) return &graphs;
  if (std::strcmp(name, MU_EXT_MANY) == 0 && least <= MU_EXT_MANY_VERSION && number(host, "MANY", 1)) return &many;
  return nullptr;
}

constexpr mu_plugin plugin{sizeof(mu_plugin), MU_ABI_MINOR, "fakegpu", "0.1.0",  "mushin's tests", "MIT OR Apache-2.0",
                           device_count,      device_open,  extension, &devices, &memory,          &streams,
                           &compute};

}  // namespace
}  // namespace fakegpu

extern "C" MUSHIN_PLUGIN_EXPORT const mu_plugin* mushin_plugin_entry_v0(const mu_host* given, mu_error*) {
  fakegpu::host = given;
  static mu_plugin without_streams = fakegpu::plugin;  // for MUSHIN_FAKEGPU_STREAMS=0
  without_streams.stream = nullptr;
  return fakegpu::number(given, "STREAMS", 1) ? &fakegpu::plugin : &without_streams;
}
