// The plugin's one symbol and its tables.
#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <new>

#include "image_order.hpp"
#include "plan.hpp"

MUSHIN_PLUGIN_NOTE("onednn", "0.1.0", 1u << MU_KIND_CPU);

namespace onednn {
const mu_host* host = nullptr;
}

namespace {

struct Operation {
  std::uint32_t id;
  std::unique_ptr<mu_plan> (*make)(const onednn::Request&);
};
constexpr Operation operations[] = {
    {MU_OP_MATMUL, onednn::make_matmul}, {MU_OP_SOFTMAX, onednn::make_softmax},     {MU_OP_CONV, onednn::make_conv},
    {MU_OP_POOL, onednn::make_pool},     {MU_OP_NORMALIZE, onednn::make_normalize}, {MU_OP_REORDER, onednn::make_reorder},
};

constexpr std::uint64_t workspace_align = 64;

mu_code fail_with_status(mu_error* e, mu_code code, int status, const char* what) {
  std::array<char, 256> text;
  std::snprintf(text.data(), text.size(), "[onednn] %s (dnnl status %d)", what, status);
  return mu_fail(e, code, status, text.data());
}

mu_code fail_by_status(mu_error* e, const dnnl::error& error) {
  const mu_code code = error.status == dnnl_unimplemented   ? MU_UNSUPPORTED
                       : error.status == dnnl_out_of_memory ? MU_OUT_OF_MEMORY
                                                            : MU_INTERNAL;
  return fail_with_status(e, code, error.status, error.what());
}

void answer_layouts(mu_plan_info& info, std::uint32_t blocks, std::uint32_t n_in, const mu_tensor* in, const mu_tensor* out) {
  for (std::uint32_t k = 0; blocks >> k; ++k) {
    if (!(blocks >> k & 1u)) continue;
    info.layout_id[k] = static_cast<std::uint64_t>(onednn::block_channels());
    info.layout_bytes[k] = static_cast<std::uint64_t>(onednn::elements(k < n_in ? in[k] : out[k - n_in])) * sizeof(float);
    info.elementwise |= 1u << k;
  }
}

mu_code plan_create(mu_device* device, const mu_op* op, std::uint32_t flags, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out,
                    const mu_tensor* out, mu_plan** plan, mu_plan_info* info, mu_error* e) noexcept {
  const auto* operation = std::find_if(std::begin(operations), std::end(operations), [&](const Operation& o) { return o.id == op->id; });
  if (operation == std::end(operations)) return mu_fail(e, MU_UNSUPPORTED, 0, "[onednn] this backend has no such op");
  try {
    auto made = operation->make({&device->engine, op, n_in, n_out, in, out, (flags & MU_PLAN_ORDERED) != 0});
    info->specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
    info->workspace_bytes = made->workspace_bytes;
    info->workspace_align = workspace_align;
    info->flags = made->deterministic ? MU_PLAN_DETERMINISTIC : 0;
    answer_layouts(*info, made->blocks, n_in, in, out);
    if (!(flags & MU_PLAN_QUERY_ONLY)) *plan = made.release();
    return MU_OK;
  } catch (const onednn::Refusal& refusal) {
    return mu_fail(e, refusal.code, 0, refusal.reason);
  } catch (const dnnl::error& error) {
    return fail_by_status(e, error);
  } catch (const std::bad_alloc&) {
    return mu_fail(e, MU_OUT_OF_MEMORY, 0, "[onednn] no memory for a plan");
  } catch (...) {
    return mu_fail(e, MU_INTERNAL, 0, "[onednn] plan_create failed");
  }
}

mu_code plan_run(mu_plan* plan, mu_stream*, std::uint32_t, const mu_tensor* in, std::uint32_t, const mu_tensor* out, mu_buffer* workspace,
                 std::uint64_t offset, mu_error* e) noexcept {
  return plan->run(in, out, workspace ? reinterpret_cast<char*>(workspace) + offset : nullptr, e);
}

void plan_destroy(mu_plan* plan) noexcept { delete plan; }

mu_code device_info(mu_device*, mu_device_info* info, mu_error* e) noexcept {
  if (info->size < sizeof *info) return mu_fail(e, MU_INVALID, 0, "[onednn] mu_device_info is too short");
  info->kind = MU_KIND_CPU;
  info->mem_total = 0;
  info->mem_align = 64;
  info->caps = MU_CAP_HOST_MEMORY | (onednn::block_channels() ? MU_CAP_IMAGE_LAYOUTS : 0);
  info->pw_max_in = 12, info->pw_max_out = 4, info->pw_max_inst = 64;
  const dnnl_version_t* v = dnnl_version();
  std::snprintf(info->name, sizeof info->name, "oneDNN on the CPU");
  std::snprintf(info->arch, sizeof info->arch, "isa 0x%x", static_cast<unsigned>(dnnl_get_effective_cpu_isa()));
  std::snprintf(info->driver, sizeof info->driver, "oneDNN %d.%d.%d", v->major, v->minor, v->patch);
  return MU_OK;
}

mu_code synchronize(mu_device*, mu_error*) noexcept { return MU_OK; }
void close_device(mu_device* device) noexcept { delete device; }

mu_code device_count(std::uint32_t* n, mu_error*) noexcept {
  *n = 1;
  return MU_OK;
}

mu_code device_open(std::uint32_t index, mu_device** device, mu_error* e) noexcept {
  if (index != 0) return mu_fail(e, MU_INVALID, 0, "[onednn] there is one device, number 0");
  try {
    *device = new mu_device{dnnl::engine(dnnl::engine::kind::cpu, 0)};
    return MU_OK;
  } catch (const dnnl::error& error) {
    return fail_by_status(e, error);
  } catch (...) {
    return mu_fail(e, MU_OUT_OF_MEMORY, 0, "[onednn] no memory for a device");
  }
}

constexpr mu_device_table device_table{sizeof device_table, 0, device_info, synchronize, close_device, nullptr};
constexpr mu_compute_table compute_table{sizeof compute_table, 0, plan_create, plan_run, plan_destroy};
constexpr mu_plugin plugin{sizeof plugin, MU_ABI_MINOR, "onednn",      "0.1.0", "mushin", "MIT OR Apache-2.0", device_count,
                           device_open,   nullptr,      &device_table, nullptr, nullptr,  &compute_table};

}  // namespace

extern "C" MUSHIN_PLUGIN_EXPORT const mu_plugin* mushin_plugin_entry_v0(const mu_host* from, mu_error* e) {
  if (!from || from->size < sizeof(mu_host)) {
    mu_fail(e, MU_INVALID, 0, "[onednn] the host's table is shorter than this plugin needs");
    return nullptr;
  }
  onednn::host = from;
  return &plugin;
}
