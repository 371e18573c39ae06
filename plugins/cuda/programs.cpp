// POINTWISE, MAP_REDUCE, COPY and FILL: programs, compiled for the ways that their views lie.
#include <new>
#include <utility>
#include <vector>

#include "plan.hpp"
#include "source.hpp"

namespace mushin::cuda {
namespace {

constexpr const char* kernel_name = "mushin_kernel";
constexpr int most_views = program::Program::most_inputs + program::Program::most_outputs;

class ProgramPlan final : public mu_plan {
 public:
  ProgramPlan(const Request& r, program::Op op) : mu_plan(r.device), op_(std::move(op)) {
    if (op_.reduce) workspace_bytes = program::most_workspace;
    if (r.query) return;
    program::Launch l;
    program::bind(op_, r.in, r.out, nullptr, 0, l);
    if (l.grid[0].x) form(l.form);
  }

  void prepare(const mu_tensor* in, const mu_tensor* out, char* workspace) override {
    program::Launch l;
    bind(in, out, workspace, l);
    if (l.grid[0].x) form(l.form);
  }

  mu_code run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) override {
    program::Launch l;
    bind(in, out, workspace, l);
    if (!l.grid[0].x) return MU_OK;
    if (l.workspace_bytes > (workspace ? workspace_bytes : 0)) return mu_fail(e, MU_INVALID, 0, "[cuda] the plan's workspace is missing");
    return launch(s, l, form(l.form), e);
  }

  void prepare_many(std::uint32_t n, const mu_tensor* views) override {
    for (const program::Launch& l : launches(n, views)) form(l.form);
  }

  mu_code run_many(mu_stream& s, std::uint32_t n, const mu_tensor* views, mu_error* e) override {
    std::vector<program::Launch> all = launches(n, views);
    std::vector<const Loaded*> kernels;  // all of them before the first launch: what throws has done nothing
    for (const program::Launch& l : all) kernels.push_back(&form(l.form));
    for (std::size_t i = 0; i < all.size(); ++i) {
      const mu_code code = launch(s, all[i], *kernels[i], e);
      if (code == MU_OUT_OF_MEMORY && i > 0 && e) e->code = MU_INTERNAL, e->flags = 0;
      if (code != MU_OK) return code == MU_OUT_OF_MEMORY && i > 0 ? mu_code{MU_INTERNAL} : code;  // it can't be tried again
    }
    return MU_OK;
  }

 private:
  mu_code launch(mu_stream& s, program::Launch& l, const Loaded& kernels, mu_error* e) {
    void* arguments[] = {l.args};
    const cudaKernel_t passes[] = {kernels.entry, kernels.second};
    for (int i = 0; i < 2 && l.grid[i].x; ++i) {
      const cudaError_t status = cudaLaunchKernel(reinterpret_cast<const void*>(passes[i]),
                                                  dim3(l.grid[i].x, l.grid[i].y ? l.grid[i].y : 1), dim3(l.block), arguments, 0, s.handle);
      if (status != cudaSuccess) return device.check(status, "a program can't be launched", e);
    }
    return MU_OK;
  }

  // One for all sets that lie in one way, or some where there are more than an argument has room for.
  std::vector<program::Launch> launches(std::uint32_t n, const mu_tensor* views) const {
    if (op_.reduce) invalid("[cuda] many sets of views are for pointwise plans");
    std::vector<program::Launch> all;
    program::Launch one;
    for (; n > 0; --n, views += n_in + n_out) {
      bind(views, views + n_in, nullptr, one);
      if (!one.grid[0].x) continue;
      bool taken = false;
      for (auto l = all.rbegin(); !taken && l != all.rend(); ++l) taken = program::add_set(*l, one);
      if (!taken) program::add_set(all.emplace_back(), one);
    }
    for (program::Launch& l : all) program::simplify(l);
    return all;
  }

  void bind(const mu_tensor* in, const mu_tensor* out, const char* workspace, program::Launch& l) const {
    std::uint64_t places[most_views];
    const int inputs = op_.program.n_in, outputs = op_.n_out();
    for (int i = 0; i < inputs; ++i) places[i] = reinterpret_cast<std::uint64_t>(address(in[i]));
    for (int k = 0; k < outputs; ++k) places[inputs + k] = reinterpret_cast<std::uint64_t>(address(out[k]));
    program::bind(op_, in, out, places, reinterpret_cast<std::uint64_t>(workspace), l);
  }

  // Kernels for a form: a plan has few.
  const Loaded& form(const program::Form& f) {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [known, kernels] : forms_)
        if (known == f) return *kernels;
    }
    const program::Source source = program::emit(op_, f, kernel_name);
    auto kernels = device.load(source.text(), source.entry, source.second);
    const std::lock_guard lock(mutex_);
    forms_.emplace_back(f, std::move(kernels));
    return *forms_.back().second;
  }

  program::Op op_;
  std::mutex mutex_;
  std::vector<std::pair<program::Form, std::shared_ptr<const Loaded>>> forms_;
};

mu_op_pointwise described(const mu_pw_program& p) { return {{sizeof(mu_op_pointwise), MU_OP_POINTWISE}, &p}; }

}  // namespace

PlanPtr make_pointwise(const Request& r) {
  const auto op = descriptor<mu_op_pointwise>(r, "pointwise");
  return std::make_unique<ProgramPlan>(r, program::pointwise_op(op, r.n_in, r.in, r.n_out, r.out));
}

PlanPtr make_map_reduce(const Request& r) {
  const auto op = descriptor<mu_op_map_reduce>(r, "map_reduce");
  return std::make_unique<ProgramPlan>(r, program::map_reduce_op(op, r.n_in, r.in, r.n_out, r.out));
}

PlanPtr make_copy_of(mu_device& device, const mu_tensor& from, const mu_tensor& to, bool query) {
  const mu_pw_inst cast{MU_PW_CAST, 0, to.dtype, 0, MU_PW_NONE, MU_PW_NONE, 0};
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1;
  p.n_in = 1, p.n_out = 1, p.n_inst = from.dtype != to.dtype;
  p.out[0] = p.n_inst;
  p.in_type = &from.dtype, p.inst = &cast;
  const mu_op_pointwise op = described(p);
  return std::make_unique<ProgramPlan>(Request{device, &op.h, 1, &from, 1, &to, query, false}, program::pointwise_op(op, 1, &from, 1, &to));
}

PlanPtr make_copy(const Request& r) {
  require_views(r, 1, 1, "copy");
  return make_copy_of(r.device, r.in[0], r.out[0], r.query);
}

PlanPtr make_fill(const Request& r) {
  const auto fill = descriptor<mu_op_fill>(r, "fill");
  require_views(r, 0, 1, "fill");
  mu_pw_program p{};
  p.size = sizeof p, p.magic = MU_PW_MAGIC, p.version = 1;
  p.n_const = 1, p.n_out = 1;
  p.const_bits = &fill.bits, p.const_type = &r.out[0].dtype;
  return std::make_unique<ProgramPlan>(r, program::pointwise_op(described(p), 0, r.in, 1, r.out));
}

}  // namespace mushin::cuda
