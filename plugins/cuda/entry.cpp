// The plugin's one symbol and its tables.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "collectives.hpp"
#include "graph.hpp"
#include "mushin/plugin_many.h"
#include "plan.hpp"

MUSHIN_PLUGIN_NOTE("cuda", "0.1.0", 1u << MU_KIND_CUDA);

namespace mushin::cuda {
namespace {

struct Operation {
  std::uint32_t id;
  PlanPtr (*make)(const Request&);
};
constexpr Operation operations[] = {
    {MU_OP_POINTWISE, make_pointwise},
    {MU_OP_MAP_REDUCE, make_map_reduce},
    {MU_OP_MATMUL, make_matmul},
    {MU_OP_COPY, make_copy},
    {MU_OP_FILL, make_fill},
    {MU_OP_RANDOM, make_random},
    {MU_OP_GATHER, make_gather},
    {MU_OP_SCATTER_ADD, make_scatter_add},
    {MU_OP_REORDER, make_copy},
    {MU_OP_SOFTMAX, make_softmax},
    {MU_OP_NORMALIZE, make_normalize},
    {MU_OP_SCAN, make_scan},
    {MU_OP_SORT, make_sort},
    {MU_OP_ATTENTION, make_attention},
    {MU_OP_CONV, make_conv},
    {MU_OP_POOL, make_pool},
    {MU_OP_RNN, make_rnn},
    {MU_OP_CTC, make_ctc},
    {MU_OP_COLLECTIVE, make_collective},
};

mu_code plan_create(mu_device* device, const mu_op* op, std::uint32_t flags, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out,
                    const mu_tensor* out, mu_plan** plan, mu_plan_info* info, mu_error* e) noexcept {
  const auto* operation = std::find_if(std::begin(operations), std::end(operations), [&](const Operation& o) { return o.id == op->id; });
  if (operation == std::end(operations)) return mu_fail(e, MU_UNSUPPORTED, 0, "[cuda] this backend has no such op");
  if (const mu_code code = device->enter(e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    const bool query = (flags & MU_PLAN_QUERY_ONLY) != 0;
    auto made = operation->make({*device, op, n_in, in, n_out, out, query, (flags & MU_PLAN_ORDERED) != 0});
    made->n_in = n_in, made->n_out = n_out;
    info->specialized = made->specialized;
    info->workspace_bytes = made->workspace_bytes;
    info->workspace_align = workspace_align;
    info->flags = MU_PLAN_CAPTURE_SAFE | (made->deterministic ? MU_PLAN_DETERMINISTIC : 0);
    if (!query) *plan = made.release();
    return MU_OK;
  });
}

mu_code plan_run(mu_plan* plan, mu_stream* stream, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out,
                 mu_buffer* workspace, std::uint64_t offset, mu_error* e) noexcept {
  if (n_in != plan->n_in || n_out != plan->n_out) return mu_fail(e, MU_INVALID, 0, "[cuda] the plan was made for another number of views");
  mu_stream& s = plan->device.stream_or_default(stream);
  char* const room = workspace ? workspace->data + offset : nullptr;
  if (s.capture) return take_down(s, *plan, in, out, room, e);
  if (const mu_code code = plan->device.enter(e); code != MU_OK) return code;
  return guarded(e, [&] { return plan->run(s, in, out, room, e); });
}

mu_code run_many(mu_plan* plan, mu_stream* stream, std::uint32_t n, std::uint32_t n_in, std::uint32_t n_out, const mu_tensor* views,
                 mu_buffer*, std::uint64_t, mu_error* e) noexcept {
  if (n_in != plan->n_in || n_out != plan->n_out) return mu_fail(e, MU_INVALID, 0, "[cuda] the plan was made for another number of views");
  mu_stream& s = plan->device.stream_or_default(stream);
  if (s.capture) return take_down_many(s, *plan, n, views, e);
  if (const mu_code code = plan->device.enter(e); code != MU_OK) return code;
  return guarded(e, [&] { return plan->run_many(s, n, views, e); });
}

void plan_destroy(mu_plan* plan) noexcept {
  if (plan) cudaSetDevice(plan->device.index);
  delete plan;
}

mu_code device_info(mu_device* device, mu_device_info* info, mu_error* e) noexcept {
  if (info->size < sizeof *info) return mu_fail(e, MU_INVALID, 0, "[cuda] mu_device_info is too short");
  const cudaDeviceProp& p = device->properties;
  info->kind = MU_KIND_CUDA;
  info->mem_total = p.totalGlobalMem;
  info->mem_align = workspace_align;
  info->caps = 0;
  info->pw_max_in = 16, info->pw_max_out = 8, info->pw_max_inst = 128;
  static_assert(sizeof info->uuid == sizeof p.uuid.bytes);
  std::memcpy(info->uuid, p.uuid.bytes, sizeof info->uuid);
  std::snprintf(info->name, sizeof info->name, "%.95s", p.name);
  std::snprintf(info->arch, sizeof info->arch, "sm_%d", device->architecture);
  int driver = 0;
  if (const mu_code code = device->check(cudaDriverGetVersion(&driver), "the driver doesn't tell its version", e); code != MU_OK)
    return code;
  std::snprintf(info->driver, sizeof info->driver, "CUDA %d.%d", driver / 1000, driver % 1000 / 10);
  return MU_OK;
}

mu_code device_synchronize(mu_device* device, mu_error* e) noexcept {
  if (const mu_code code = device->enter(e); code != MU_OK) return code;
  const std::lock_guard lock(device->capture_mutex);
  if (const mu_code code = device->check(cudaDeviceSynchronize(), "work on the device failed", e); code != MU_OK) return code;
  return device->tell_once(e);
}

void device_close(mu_device* device) noexcept { delete device; }

mu_code device_mem_info(mu_device* device, std::uint64_t* free_bytes, std::uint64_t* total_bytes, mu_error* e) noexcept {
  if (const mu_code code = device->enter(e); code != MU_OK) return code;
  std::size_t free = 0, total = 0;
  const mu_code code = device->check(cudaMemGetInfo(&free, &total), "the device doesn't tell its memory", e);
  *free_bytes = free, *total_bytes = total;
  return code;
}

mu_code device_count(std::uint32_t* to, mu_error* e) noexcept {
  int n = 0;
  const mu_code code = count_devices(n, e);
  *to = static_cast<std::uint32_t>(n);
  return code;
}

mu_code device_open(std::uint32_t index, mu_device** device, mu_error* e) noexcept {
  *device = nullptr;
  int n = 0;
  if (const mu_code code = count_devices(n, e); code != MU_OK) return code;
  return guarded(e, [&]() -> mu_code {
    if (index >= static_cast<std::uint32_t>(n))
      invalid("[cuda] there is no device " + std::to_string(index) + ": the driver shows " + std::to_string(n) + ", counted from 0");
    *device = new mu_device(static_cast<int>(index));
    return MU_OK;
  });
}

constexpr mu_many_table many_table{sizeof many_table, 0, run_many};

const void* extension(const char* name, std::uint32_t least) noexcept {
  if (std::strcmp(name, MU_EXT_COLLECTIVES) == 0 && least <= MU_EXT_COLLECTIVES_VERSION) return &collectives_table;
  if (std::strcmp(name, MU_EXT_GRAPH) == 0 && least <= MU_EXT_GRAPH_VERSION) return &graph_table;
  return std::strcmp(name, MU_EXT_MANY) == 0 && least <= MU_EXT_MANY_VERSION ? &many_table : nullptr;
}

constexpr mu_device_table device_table{sizeof device_table, 0, device_info, device_synchronize, device_close, device_mem_info};
constexpr mu_compute_table compute_table{sizeof compute_table, 0, plan_create, plan_run, plan_destroy};
const mu_plugin plugin{sizeof plugin, MU_ABI_MINOR, "cuda",        "0.1.0",       "mushin",      "MIT OR Apache-2.0", device_count,
                       device_open,   extension,    &device_table, &memory_table, &stream_table, &compute_table};

}  // namespace
}  // namespace mushin::cuda

extern "C" MUSHIN_PLUGIN_EXPORT const mu_plugin* mushin_plugin_entry_v0(const mu_host* from, mu_error* e) {
  if (!from || from->size < sizeof(mu_host)) {
    mu_fail(e, MU_INVALID, 0, "[cuda] the host's table is shorter than this plugin needs");
    return nullptr;
  }
  mushin::cuda::host = from;
  return &mushin::cuda::plugin;
}
