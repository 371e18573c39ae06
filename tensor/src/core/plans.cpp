#include "core/plans.hpp"

#include <algorithm>
#include <atomic>

#include "core/fail.hpp"

namespace mushin::core {
constinit std::atomic<std::uint8_t> plan_specs[spec_devices][spec_requests]{};

// Plugins' refusals may hang on anything that they see, so their keys tell everything; but a program is taken or refused
// for its contents alone, or dynamic batch sizes would make a plan each.
std::uint32_t first_spec(const Device* d, std::uint32_t request) {
  const bool contents_only = d == builtin() || request == MU_OP_POINTWISE || request == MU_OP_MAP_REDUCE;
  const std::uint32_t spec = contents_only ? 0u : MU_SPEC_RANK | MU_SPEC_CLASS | MU_SPEC_SHAPE | MU_SPEC_STRIDE;
  learn_spec(d, request, spec);
  return spec;
}

void learn_spec(const Device* d, std::uint32_t request, std::uint32_t spec) {
  const auto bits = static_cast<std::uint8_t>((spec & 0xFu) | spec_is_known);
  plan_specs[d->index % spec_devices][request % spec_requests].fetch_or(bits, std::memory_order_relaxed);
}

namespace {

// plan_create's views: no memory, zeros beyond the rank.
struct Blank {
  mu_tensor view[Program::most_in + Program::most_out];
  std::size_t count;
  explicit Blank(std::span<const mu_tensor> from) : count(from.size()) {
    for (std::size_t k = 0; k < count; ++k) {
      mu_tensor& v = view[k] = mu_tensor{};
      v.size = sizeof v;
      v.dtype = from[k].dtype;
      v.rank = from[k].rank;
      v.layout = from[k].layout;
      v.flags = from[k].flags;
      v.layout_id = from[k].layout_id;
      if (v.layout == MU_LAYOUT_OPAQUE) v.bytes = from[k].bytes;
      for (unsigned i = 0; i < v.rank; ++i) {
        v.dim[i] = from[k].dim[i];
        v.stride[i] = from[k].stride[i];
      }
    }
  }
  std::span<const mu_tensor> views() const { return {view, count}; }
  bool has(std::uint16_t layout) const {
    return std::any_of(view, view + count, [&](const mu_tensor& v) { return v.layout == layout; });
  }
  void offer_nothing() {
    for (std::size_t k = 0; k < count; ++k) view[k].layout = MU_LAYOUT_STRIDED;
  }
};

bool holds(const Layout& l, const mu_tensor& v) {
  if (!l.elementwise) return l.bytes > 0;
  std::uint64_t least = mu_dtype_bytes(v.dtype);
  const bool whole = l.bytes % least == 0;
  for (unsigned i = 0; i < v.rank; ++i) least *= static_cast<std::uint64_t>(v.dim[i]);
  return whole && l.bytes >= least;
}

void read_answers(const char* op, Plan& made, const mu_plan_info& info, std::span<const mu_tensor> in, std::span<const mu_tensor> out) {
  Answers answers{};
  bool any = false;
  for (std::size_t k = 0; k < std::min(in.size() + out.size(), Answers::most); ++k) {
    const mu_tensor& v = k < in.size() ? in[k] : out[k - in.size()];
    if (v.layout != MU_LAYOUT_ANY || info.layout_id[k] == 0) continue;
    answers.of[k] = {info.layout_id[k], info.layout_bytes[k], (info.elementwise >> k & 1u) != 0};
    if (!holds(answers.of[k], v)) {
      made.device->compute.plan_destroy(made.plan);
      fail<PluginError>("[{}] device {} answers with a layout of {} bytes, which have no room for view {}", op, made.device->name,
                        info.layout_bytes[k], k);
    }
    any = true;
  }
  if (any) made.answers = new Answers(answers);
}

bool try_create(const char* op, Device* d, const mu_op* desc, const Blank& in, const Blank& out, Plan& made, std::uint32_t& spec) {
  mu_plan_info info{};
  info.size = sizeof info;
  mu_error err{};
  err.size = sizeof err;
  mu_plan* plan = nullptr;
  const bool ordered = deterministic();
  const mu_code code = d->compute.plan_create(d->handle, desc, ordered ? MU_PLAN_ORDERED : 0, static_cast<std::uint32_t>(in.count), in.view,
                                              static_cast<std::uint32_t>(out.count), out.view, &plan, &info, &err);
  if (code == MU_UNSUPPORTED) return false;
  if (code != MU_OK) fail_with_code(op, d, code, err);
  if (ordered && !(info.flags & MU_PLAN_DETERMINISTIC)) {
    d->compute.plan_destroy(plan);
    return false;
  }
  made.plan = plan;
  made.run = d->compute.plan_run;
  made.workspace = info.workspace_bytes;
  made.device = d;
  made.capture_safe = (info.flags & MU_PLAN_CAPTURE_SAFE) != 0;
  spec |= info.specialized;
  if (in.has(MU_LAYOUT_ANY) || out.has(MU_LAYOUT_ANY)) read_answers(op, made, info, in.views(), out.views());
  return true;
}

}  // namespace

Plan create_plan(const char* op, Device* d, const mu_op* desc, std::span<const mu_tensor> in, std::span<const mu_tensor> out,
                 std::uint32_t& spec, bool elsewhere) {
  plan_limit();  // throws before there is a plan to keep
  Blank blank_in(in), blank_out(out);
  Plan made{};
  made.device = d;
  if (try_create(op, d, desc, blank_in, blank_out, made, spec)) return made;
  if (!elsewhere || !d->host_memory || d == builtin() || blank_in.has(MU_LAYOUT_OPAQUE) || blank_out.has(MU_LAYOUT_OPAQUE)) return made;
  blank_in.offer_nothing(), blank_out.offer_nothing();
  try_create(op, builtin(), desc, blank_in, blank_out, made, spec);
  return made;
}

}  // namespace mushin::core
