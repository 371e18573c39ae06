// Plans and runs: judged when they are made, copied when they are given, computed by the device's thread.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>

#include "device.hpp"
#include "graph.hpp"
#include "layout.hpp"
#include "mushin/plugin_collectives.h"
#include "run.hpp"

struct mu_plan {
  mu_device* device;
  std::uint32_t op;
  bool capture_safe;
  int shuffled;                        // the axis along which updates come in any order; -1: none
  std::vector<std::uint64_t> layouts;  // of the inputs and outputs that it was made for
  std::shared_ptr<fakegpu::Kernel> kernel;
};

namespace fakegpu {
namespace {

const mu_pw_program* program_of(const mu_op* op) {
  const void* d = op;
  if (op->id == MU_OP_POINTWISE) return static_cast<const mu_op_pointwise*>(d)->program;
  if (op->id == MU_OP_MAP_REDUCE) return static_cast<const mu_op_map_reduce*>(d)->program;
  return op->id == MU_OP_MATMUL ? static_cast<const mu_op_matmul*>(d)->epilogue : nullptr;
}

bool has_optional_opcode(const mu_pw_program& p) {
  for (unsigned i = 0; i < p.n_inst; ++i)
    if (p.inst[i].op >= MU_PW_CORE_END) return true;
  return false;
}

// The axis of a scatter_add that need not be done in order.
int shuffled_axis(const mu_op* op) {
  const void* d = op;
  if (op->id != MU_OP_SCATTER_ADD || static_cast<const mu_op_scatter_add*>(d)->deterministic) return -1;
  return static_cast<int>(static_cast<const mu_op_scatter_add*>(d)->axis);
}

// Those that the host may convert when it is told so.
bool orders_narrow(const mu_op& op, const mu_tensor* in) {
  const bool orders = op.id == MU_OP_SORT || op.id == MU_OP_SCAN;
  return orders && (in->dtype == MU_I32 || in->dtype == MU_I8 || in->dtype == MU_U8);
}

mu_code judge(const mu_device* d, const mu_op* op, const mu_tensor* in, mu_error* error) {
  const mu_pw_program* p = program_of(op);
  if (d->refused == op->id) return mu_fail(error, MU_UNSUPPORTED, 0, "a test wants this refused");
  if (d->plain() &&
      ((op->id > MU_OP_REORDER && op->id != MU_OP_COLLECTIVE) || (op->id == MU_OP_MATMUL && p) || (p && has_optional_opcode(*p))))
    return mu_fail(error, MU_UNSUPPORTED, 0, "this device does only what every device must");
  if (orders_narrow(*op, in)) return mu_fail(error, MU_UNSUPPORTED, 0, "this device orders and sums no narrow integers");
  if (p && (p->n_in > most_in || p->n_out > most_out || p->n_inst > most_inst))
    return mu_fail(error, MU_INVALID, 0, "a program beyond the limits that the device has told");
  return MU_OK;
}

// What a product takes and makes.
bool takes(std::size_t k, std::uint32_t n_in, std::uint64_t layout) {
  const bool tiled = layout == tiles || layout == wide;
  return k == 0 ? tiled : k == 1 ? layout == panels : k == n_in && tiled;
}
std::uint64_t choice(std::size_t k, const mu_tensor& right, const mu_tensor& v) {
  if (k == 1) return panels;
  return mu_dtype_bytes(v.dtype) == 8 ? panels : right.layout_id == panels ? wide : tiles;  // so that there are several kinds of result
}

// What the views are laid out as in this plan: as they are, or as is chosen where that is left to the device. False: it isn't done so.
bool choose_layouts(mu_device* d, std::uint32_t op, std::vector<mu_tensor>& views, std::uint32_t n_in, mu_plan_info& info) {
  for (std::size_t k = 0; k < views.size(); ++k) {
    mu_tensor& v = views[k];
    if (v.layout == MU_LAYOUT_STRIDED) continue;
    if (d->plain() || (op != MU_OP_MATMUL && op != MU_OP_REORDER)) return false;
    if (v.layout == MU_LAYOUT_ANY) {
      v.layout_id = info.layout_id[k] = choice(k, views[1], v);
      info.layout_bytes[k] = layout_bytes(v.layout_id, v) - d->due(d->wrong_answer);
      if (v.layout_id != panels) info.elementwise |= 1u << k;
    } else if (v.bytes == 0 || layout_bytes(v.layout_id, v) != v.bytes || (op == MU_OP_MATMUL && !takes(k, n_in, v.layout_id))) {
      return false;
    }
  }
  return true;
}

mu_code plan_create(mu_device* d, const mu_op* op, std::uint32_t flags, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out,
                    const mu_tensor* out, mu_plan** plan, mu_plan_info* info, mu_error* error) noexcept {
  if (const Failure no = refusal(d); no.code != MU_OK) return tell(error, no);
  if (const mu_code code = judge(d, op, in, error); code != MU_OK) return code;
  std::vector<mu_tensor> views(in, in + n_in);
  views.insert(views.end(), out, out + n_out);
  mu_plan_info chosen{};
  if (!choose_layouts(d, op->id, views, n_in, chosen)) return mu_fail(error, MU_UNSUPPORTED, 0, "not from or to this layout");
  std::vector<std::uint64_t> layouts;
  for (mu_tensor& v : views) {
    layouts.push_back(v.layout_id);
    if (v.layout != MU_LAYOUT_STRIDED) set_rows(v);
  }
  auto kernel = std::make_shared<Kernel>(Kernel{d->kernels->compute});
  const mu_code code =
      kernel->table->plan_create(d->kernel_device, op, flags, n_in, views.data(), n_out, views.data() + n_in, &kernel->plan, info, error);
  if (code != MU_OK) return code;
  std::memcpy(info->layout_id, chosen.layout_id, sizeof chosen.layout_id);
  std::memcpy(info->layout_bytes, chosen.layout_bytes, sizeof chosen.layout_bytes);
  info->elementwise = chosen.elementwise;
  info->workspace_bytes = workspace_bytes;
  info->workspace_align = 64;
  const int shuffled = shuffled_axis(op);
  if (shuffled >= 0 || d->unordered == op->id) info->flags &= ~MU_PLAN_DETERMINISTIC;
  const bool safe = d->unsafe != op->id;
  if (!safe) info->flags &= ~MU_PLAN_CAPTURE_SAFE;
  if (!(flags & MU_PLAN_QUERY_ONLY)) *plan = new mu_plan{d, op->id, safe, shuffled, std::move(layouts), std::move(kernel)};
  return MU_OK;
}

// Tests count them by the number in the last message.
void tell_reorder(const mu_plan& p) {
  char text[96];
  const int n =
      std::snprintf(text, sizeof text, "fakegpu:%d reorder %llu: %s to %s", p.device->index,
                    static_cast<unsigned long long>(++p.device->reorders), name_of_layout(p.layouts[0]), name_of_layout(p.layouts[1]));
  p.device->host->log(p.device->host->ctx, MU_LOG_DEBUG, text, static_cast<std::size_t>(n));
}

mu_code plan_run(mu_plan* plan, mu_stream* stream, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out,
                 mu_buffer* workspace, std::uint64_t offset, mu_error* error) noexcept {
  mu_device* d = plan->device;
  if (!stream) stream = d->queue.default_stream();
  Run run{d,
          plan->kernel,
          plan->layouts,
          {in, in + n_in},
          {out, out + n_out},
          workspace,
          offset,
          plan->shuffled,
          plan->op == MU_OP_COLLECTIVE,
          {},
          {}};
  if (Capture* const capture = capture_on(stream); capture && capture->thread == std::this_thread::get_id()) {
    if (!plan->capture_safe) return mu_fail(error, MU_UNSUPPORTED, 0, "this plan is not for captures");
    capture->runs.push_back(std::move(run));
    return MU_OK;
  }
  if (const Failure no = refusal(d, stream); no.code != MU_OK) return tell(error, no);
  if (d->due(d->no_memory_to_run)) return mu_fail(error, MU_OUT_OF_MEMORY, 0, "no room for this run");
  if (plan->op == MU_OP_REORDER) tell_reorder(*plan);
  std::vector<Access> used = run.accesses();
  return tell(error, d->queue.give(stream, std::move(used), [run = std::move(run), fault = d->fault_of_run()]() mutable {
    return fault.code != MU_OK ? fault : run();
  }));
}

void plan_destroy(mu_plan* plan) noexcept { delete plan; }

// Which of the bytes from `begin` to `end` of a buffer a strided view has.
std::vector<bool> bytes_of(const mu_tensor& v, std::uint64_t begin, std::uint64_t end) {
  std::vector<bool> has(end - begin);
  const auto size = mu_dtype_bytes(v.dtype);
  const auto walk = [&](const auto& self, int axis, std::uint64_t at) -> void {
    if (axis < v.rank) {
      for (std::int64_t i = 0; i < v.dim[axis]; ++i) self(self, axis + 1, at + static_cast<std::uint64_t>(i * v.stride[axis]) * size);
      return;
    }
    for (std::uint64_t b = std::max(at, begin); b < std::min(at + size, end); ++b) has[b - begin] = true;
  };
  walk(walk, 0, v.byte_offset);
  return has;
}

// Elements may lie among each other.
bool share_elements(const mu_tensor& a, const mu_tensor& b) {
  const Access x = Run::access(a, true), y = Run::access(b, true);
  if (!overlap(x, y)) return false;
  const std::uint64_t begin = std::max(x.begin, y.begin), end = std::min(x.end, y.end);
  const std::vector<bool> of_a = bytes_of(a, begin, end), of_b = bytes_of(b, begin, end);
  for (std::size_t i = 0; i < of_a.size(); ++i)
    if (of_a[i] && of_b[i]) return true;
  return false;
}

// Sets as runs of their own, the last first. The law that none writes what another one uses is kept by the host.
struct Sets {
  std::vector<Run> runs;
  std::vector<Failure> faults;
  Failure operator()() {
    std::vector<std::size_t> order;
    for (std::size_t i = runs.size(); i-- > 0;) {
      order.push_back(i);
      for (std::size_t k = 0; k < runs.size(); ++k)
        if (k != i && writes_what_is_used(runs[i], runs[k])) return {MU_INTERNAL, "sets of one call share memory"};
    }
    return do_all(runs, order, faults);
  }
  static bool writes_what_is_used(const Run& by, const Run& other) {
    const auto shares = [&](const mu_tensor& v) {
      return std::any_of(by.out.begin(), by.out.end(), [&](const mu_tensor& w) { return share_elements(w, v); });
    };
    return std::any_of(other.in.begin(), other.in.end(), shares) || std::any_of(other.out.begin(), other.out.end(), shares);
  }
};

mu_code run_many(mu_plan* plan, mu_stream* stream, std::uint32_t n, std::uint32_t n_in, std::uint32_t n_out, const mu_tensor* views,
                 mu_buffer* workspace, std::uint64_t offset, mu_error* error) noexcept {
  mu_device* d = plan->device;
  if (!stream) stream = d->queue.default_stream();
  if (plan->op != MU_OP_POINTWISE) return mu_fail(error, MU_INVALID, 0, "many sets are for pointwise plans");
  Sets sets;
  for (const mu_tensor* v = views; sets.runs.size() < n; v += n_in + n_out)
    sets.runs.push_back(
        {d, plan->kernel, plan->layouts, {v, v + n_in}, {v + n_in, v + n_in + n_out}, workspace, offset, -1, false, {}, {}});
  if (Capture* const capture = capture_on(stream); capture && capture->thread == std::this_thread::get_id()) {
    if (!plan->capture_safe) return mu_fail(error, MU_UNSUPPORTED, 0, "this plan is not for captures");
    capture->runs.insert(capture->runs.end(), sets.runs.begin(), sets.runs.end());
    return MU_OK;
  }
  if (const Failure no = refusal(d, stream); no.code != MU_OK) return tell(error, no);
  if (d->due(d->no_memory_to_run)) return mu_fail(error, MU_OUT_OF_MEMORY, 0, "no room for these runs");
  std::vector<Access> used;
  for (const Run& r : sets.runs) {
    sets.faults.push_back(d->fault_of_run());
    for (const Access& a : r.accesses()) used.push_back(a);
  }
  count(d, "many", d->many, n);
  return tell(error, d->queue.give(stream, std::move(used), [work = std::make_shared<Sets>(std::move(sets))] { return (*work)(); }));
}

}  // namespace

const mu_compute_table compute{sizeof(mu_compute_table), 0, plan_create, plan_run, plan_destroy};
const mu_many_table many{sizeof(mu_many_table), 0, run_many};

}  // namespace fakegpu
