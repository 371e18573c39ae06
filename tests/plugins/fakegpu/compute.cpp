// Plans and runs: judged when they are made, copied when they are given, computed by the device's thread.
#include <cstring>
#include <memory>

#include "device.hpp"

namespace fakegpu {
namespace {

struct Kernel {
  const mu_compute_table* table;
  mu_plan* plan = nullptr;
  ~Kernel() {
    if (plan) table->plan_destroy(plan);
  }
};

}  // namespace
}  // namespace fakegpu

struct mu_plan {
  mu_device* device;
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

mu_code judge(const mu_device* d, const mu_op* op, mu_error* error) {
  const mu_pw_program* p = program_of(op);
  if (d->refused == op->id) return mu_fail(error, MU_UNSUPPORTED, 0, "a test wants this refused");
  if (d->plain() && (op->id > MU_OP_REORDER || (op->id == MU_OP_MATMUL && p) || (p && has_optional_opcode(*p))))
    return mu_fail(error, MU_UNSUPPORTED, 0, "this device does only what every device must");
  if (p && (p->n_in > most_in || p->n_out > most_out || p->n_inst > most_inst))
    return mu_fail(error, MU_INVALID, 0, "a program beyond the limits that the device has told");
  return MU_OK;
}

mu_code plan_create(mu_device* d, const mu_op* op, std::uint32_t flags, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out,
                    const mu_tensor* out, mu_plan** plan, mu_plan_info* info, mu_error* error) noexcept {
  if (const Failure lost = d->queue.lost(); lost.code != MU_OK) return tell(error, lost);
  if (const mu_code code = judge(d, op, error); code != MU_OK) return code;
  auto kernel = std::make_shared<Kernel>(Kernel{d->kernels->compute});
  const mu_code code = kernel->table->plan_create(d->kernel_device, op, flags, n_in, in, n_out, out, &kernel->plan, info, error);
  if (code != MU_OK) return code;
  info->workspace_bytes = workspace_bytes;
  info->workspace_align = 64;
  if (!(flags & MU_PLAN_QUERY_ONLY)) *plan = new mu_plan{d, std::move(kernel)};
  return MU_OK;
}

// One run, with copies of all that the caller may forget after the call.
struct Run {
  mu_device* device;
  std::shared_ptr<Kernel> kernel;
  std::vector<mu_tensor> in, out;
  mu_buffer* workspace;
  std::uint64_t workspace_offset;
  std::vector<std::shared_ptr<Bytes>> used;

  static Access access(const mu_tensor& v, bool writes) {
    std::uint64_t last = 0;
    for (int i = 0; i < v.rank; ++i)
      if (v.dim[i] > 0) last += static_cast<std::uint64_t>((v.dim[i] - 1) * v.stride[i]);
    return {v.buffer, v.byte_offset, v.byte_offset + (last + 1) * mu_dtype_bytes(v.dtype), writes};
  }
  std::vector<Access> accesses() const {
    std::vector<Access> all{{workspace, workspace_offset, workspace_offset + workspace_bytes, true}};
    for (const mu_tensor& v : in) all.push_back(access(v, false));
    for (const mu_tensor& v : out) all.push_back(access(v, true));
    return all;
  }

  // From a handle to the bytes. Empty: all is well.
  std::string resolve(mu_tensor& v) {
    auto bytes = device->memory.find(v.buffer);
    if (!bytes) return "a run uses a buffer that was freed";
    if (access(v, false).end > bytes->size) return "a view ends outside its buffer";
    v.buffer = reinterpret_cast<mu_buffer*>(bytes->data);
    used.push_back(std::move(bytes));
    return {};
  }

  Failure operator()() {
    const auto scratch = device->memory.find(workspace);
    if (!scratch || workspace_offset + workspace_bytes > scratch->size) return {MU_INTERNAL, "the workspace was freed, or is too small"};
    for (auto* list : {&in, &out})
      for (mu_tensor& v : *list)
        if (std::string wrong = resolve(v); !wrong.empty()) return {MU_INTERNAL, std::move(wrong)};
    used.push_back(scratch);
    std::memset(scratch->data + workspace_offset, 0xEE, workspace_bytes);  // whoever shares this memory will notice
    mu_error error{};
    error.size = sizeof error;
    const mu_code code = kernel->table->plan_run(kernel->plan, nullptr, static_cast<std::uint32_t>(in.size()), in.data(),
                                                 static_cast<std::uint32_t>(out.size()), out.data(), nullptr, 0, &error);
    std::memset(scratch->data + workspace_offset, 0xEE, workspace_bytes);
    if (code != MU_OK) return {code, error.message};
    for (const auto& b : used)
      if (b->freed) return {MU_INTERNAL, "a buffer was freed while a run used it"};
    return {};
  }
};

mu_code plan_run(mu_plan* plan, mu_stream* stream, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out,
                 mu_buffer* workspace, std::uint64_t offset, mu_error* error) noexcept {
  mu_device* d = plan->device;
  if (const Failure lost = d->queue.lost(); lost.code != MU_OK) return tell(error, lost);
  if (d->due(d->no_memory_to_run)) return mu_fail(error, MU_OUT_OF_MEMORY, 0, "no room for this run");
  if (!stream) stream = d->queue.default_stream();
  const auto run = std::make_shared<Run>(Run{d, plan->kernel, {in, in + n_in}, {out, out + n_out}, workspace, offset, {}});
  const bool fails = d->due(d->failing_run), loses = d->due(d->lost);
  return tell(error, d->queue.give(stream, run->accesses(), [=] {
    if (fails) return Failure{MU_INTERNAL, "the run that was to fail"};
    if (loses) return Failure{MU_DEVICE_LOST, "it fell off the bus"};
    return (*run)();
  }));
}

void plan_destroy(mu_plan* plan) noexcept { delete plan; }

}  // namespace

const mu_compute_table compute{sizeof(mu_compute_table), 0, plan_create, plan_run, plan_destroy};

}  // namespace fakegpu
