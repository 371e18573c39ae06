// The C tables: descriptors in, plans out; nothing is thrown past this file.
#include <cstdio>
#include <cstring>
#include <new>

#include "builtin.h"
#include "collective.hpp"
#include "common.hpp"
#include "isa.hpp"

namespace mushin::builtin {
namespace {

template <class Op, PlanPtr (*make)(const Op&, const Views&)>
PlanPtr from_descriptor(const mu_op* op, const Views& views) {
  Op known;
  const mu_code code = mu_read_desc(&known, sizeof known, op, sizeof known);
  if (code == MU_INVALID) invalid("descriptor of op " + std::to_string(op->id) + " is too short: " + std::to_string(op->size) + " bytes");
  if (code != MU_OK) unsupported("descriptor of op " + std::to_string(op->id) + " has fields that are not known here");
  return make(known, views);
}

PlanPtr plan_reorder(const mu_op_reorder& op, const Views& views) { return plan_copy({op.h}, views); }

struct Maker {
  std::uint32_t id, least_in, most_in, least_out, most_out;
  PlanPtr (*make)(const mu_op*, const Views&);
};
constexpr std::uint32_t any = 64;
constexpr Maker makers[] = {
    {MU_OP_POINTWISE, 0, any, 1, 16, from_descriptor<mu_op_pointwise, plan_pointwise>},
    {MU_OP_MAP_REDUCE, 0, any, 1, 1, from_descriptor<mu_op_map_reduce, plan_map_reduce>},
    {MU_OP_MATMUL, 2, any, 1, 1, from_descriptor<mu_op_matmul, plan_matmul>},
    {MU_OP_COPY, 1, 1, 1, 1, from_descriptor<mu_op_copy, plan_copy>},
    {MU_OP_FILL, 0, 0, 1, 1, from_descriptor<mu_op_fill, plan_fill>},
    {MU_OP_RANDOM, 1, 1, 1, 1, from_descriptor<mu_op_random, plan_random>},
    {MU_OP_GATHER, 2, 2, 1, 1, from_descriptor<mu_op_gather, plan_gather>},
    {MU_OP_SCATTER_ADD, 2, 2, 1, 1, from_descriptor<mu_op_scatter_add, plan_scatter_add>},
    {MU_OP_REORDER, 1, 1, 1, 1, from_descriptor<mu_op_reorder, plan_reorder>},
    {MU_OP_CONV, 2, any, 1, 1, from_descriptor<mu_op_conv, plan_conv>},
    {MU_OP_POOL, 1, 2, 1, 1, from_descriptor<mu_op_pool, plan_pool>},
    {MU_OP_SOFTMAX, 1, 2, 1, 1, from_descriptor<mu_op_softmax, plan_softmax>},
    {MU_OP_NORMALIZE, 2, 5, 1, 3, from_descriptor<mu_op_normalize, plan_normalize>},
    {MU_OP_ATTENTION, 3, 7, 1, 3, from_descriptor<mu_op_attention, plan_attention>},
    {MU_OP_RNN, 3, 7, 1, 3, from_descriptor<mu_op_rnn, plan_rnn>},
    {MU_OP_CTC, 4, 4, 1, 1, from_descriptor<mu_op_ctc, plan_ctc>},
    {MU_OP_SORT, 1, 1, 1, 2, from_descriptor<mu_op_sort, plan_sort>},
    {MU_OP_SCAN, 1, 1, 1, 1, from_descriptor<mu_op_scan, plan_scan>},
    {MU_OP_COLLECTIVE, 1, 1, 1, 1, from_descriptor<mu_op_collective, plan_collective>},
};

PlanPtr make_plan(const mu_op* op, const Views& views) {
  if (!op || (views.n_in && !views.in) || !views.out) invalid("a pointer is missing");
  for (const Maker& m : makers) {
    if (m.id != op->id) continue;
    if (views.n_in < m.least_in || views.n_in > m.most_in || views.n_out < m.least_out || views.n_out > m.most_out)
      invalid("op " + std::to_string(op->id) + " does not take " + std::to_string(views.n_in) + " inputs and " +
              std::to_string(views.n_out) + " outputs");
    PlanPtr plan = m.make(op, views);
    plan->n_in = views.n_in, plan->n_out = views.n_out;
    return plan;
  }
  unsupported("op " + std::to_string(op->id) + " is not known here");
}

void answer(mu_plan_info* info) {
  const std::uint32_t size = info->size ? info->size : static_cast<std::uint32_t>(sizeof *info);
  mu_plan_info full{};
  full.size = size;
  full.flags = MU_PLAN_DETERMINISTIC | MU_PLAN_CAPTURE_SAFE;
  std::memcpy(info, &full, size < sizeof full ? size : sizeof full);
}

mu_code plan_create(mu_device*, const mu_op* op, std::uint32_t flags, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out,
                    const mu_tensor* out, mu_plan** plan, mu_plan_info* info, mu_error* error) noexcept {
  try {
    if (plan) *plan = nullptr;
    PlanPtr made = make_plan(op, {n_in, in, n_out, out});
    if (info) answer(info);
    if (flags & MU_PLAN_QUERY_ONLY) return MU_OK;
    if (!plan) invalid("a pointer is missing");
    *plan = made.release();
    return MU_OK;
  } catch (const Failure& f) {
    return mu_fail(error, f.code, 0, f.text.c_str());
  } catch (const std::bad_alloc&) {
    return mu_fail(error, MU_OUT_OF_MEMORY, 0, "no memory for a plan");
  } catch (...) {
    return mu_fail(error, MU_INTERNAL, 0, "planning failed");
  }
}

mu_code plan_run(mu_plan* plan, mu_stream*, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out, mu_buffer*,
                 std::uint64_t, mu_error* error) noexcept {
  if (n_in != plan->n_in || n_out != plan->n_out) return mu_fail(error, MU_INVALID, 0, "the plan was made for another number of views");
  return plan->run(in, out, error);
}
void plan_destroy(mu_plan* plan) noexcept { delete plan; }

mu_code device_info(mu_device*, mu_device_info* info, mu_error*) noexcept {
  const std::uint32_t size = info->size ? info->size : static_cast<std::uint32_t>(sizeof *info);
  mu_device_info full{};
  full.size = size;
  full.kind = MU_KIND_CPU;
  full.mem_align = 64;
  full.caps = MU_CAP_HOST_MEMORY;
  full.pw_max_in = 32, full.pw_max_out = 16, full.pw_max_inst = 128;
  std::snprintf(full.name, sizeof full.name, "builtin");
  std::snprintf(full.arch, sizeof full.arch, "%s", isa_name());
  std::memcpy(info, &full, size < sizeof full ? size : sizeof full);
  return MU_OK;
}
mu_code synchronize(mu_device*, mu_error*) noexcept { return MU_OK; }
void close_device(mu_device*) noexcept {}

mu_code device_count(std::uint32_t* count, mu_error*) noexcept {
  *count = 1;
  return MU_OK;
}
mu_code device_open(std::uint32_t index, mu_device** device, mu_error* error) noexcept {
  static char the_device;
  if (index != 0) return mu_fail(error, MU_INVALID, 0, "the builtin backend has one device, number 0");
  *device = reinterpret_cast<mu_device*>(&the_device);
  return MU_OK;
}

const void* extension(const char* name, std::uint32_t least) noexcept {
  return std::strcmp(name, MU_EXT_COLLECTIVES) == 0 && least <= MU_EXT_COLLECTIVES_VERSION ? &collectives : nullptr;
}

constexpr mu_device_table devices{sizeof(mu_device_table), 0, device_info, synchronize, close_device, nullptr};
constexpr mu_compute_table compute{sizeof(mu_compute_table), 0, plan_create, plan_run, plan_destroy};
constexpr mu_plugin plugin{sizeof(mu_plugin), MU_ABI_MINOR, "builtin", "0.1.0", "mushin", "MIT OR Apache-2.0", device_count, device_open,
                           extension,         &devices,     nullptr,   nullptr, &compute};

}  // namespace
}  // namespace mushin::builtin

extern "C" const mu_plugin* mushin_builtin_entry(const mu_host* given, mu_error*) noexcept {
  using namespace mushin::builtin;
  if (!host) {
    host = given;
    if (given->config) choose_isa(given->config(given->ctx, "builtin", "ISA"));
  }
  return &plugin;
}
