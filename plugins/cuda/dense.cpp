#include "dense.hpp"

#include "product.hpp"

namespace mushin::cuda {

mu_tensor DensePlan::Copied::in(mu_buffer& room) const {
  mu_tensor v = view;
  v.buffer = &room, v.byte_offset = place;
  return v;
}

std::uint64_t DensePlan::take(std::uint64_t bytes) {
  const std::uint64_t place = workspace_bytes;
  workspace_bytes += aligned(bytes);
  return place;
}

DensePlan::DensePlan(const Request& r, const mu_pw_program* epilogue)
    : mu_plan(r.device), result_(dense_like(r.out[0], r.out[0].dtype)), in_place_(is_contiguous(r.out[0])) {
  specialized = MU_SPEC_SHAPE | MU_SPEC_STRIDE | MU_SPEC_RANK;
  result_bytes_ = result_.bytes;
  for (std::size_t i = 0; i < operands_.size(); ++i) empty_ = empty_ || count_of(r.in[i]) == 0;
  for (std::size_t i = 0; i < operands_.size() && !empty_; ++i) {
    if (is_contiguous(r.in[i])) continue;
    Copied& c = operands_[i];
    c.view = dense_like(r.in[i], r.in[i].dtype);
    c.place = take(c.view.bytes);
    c.plan = make_copy_of(device, r.in[i], c.view, r.query);
  }
  if (!in_place_) result_place_ = take(result_bytes_);
  if (!epilogue) {
    if (!in_place_) finish_ = make_copy_of(device, result_, r.out[0], r.query);
    return;
  }
  std::vector<mu_tensor> inputs{result_};
  inputs.insert(inputs.end(), r.in + operands_.size(), r.in + r.n_in);
  const mu_op_pointwise after{{sizeof after, MU_OP_POINTWISE}, epilogue};
  finish_ = make_pointwise({device, &after.h, static_cast<std::uint32_t>(inputs.size()), inputs.data(), 1, r.out, r.query, r.ordered});
}

std::vector<mu_tensor> DensePlan::finish_inputs(const mu_tensor* in, const mu_tensor* out, mu_buffer& room) const {
  std::vector<mu_tensor> inputs{result_};
  inputs[0].buffer = in_place_ ? out[0].buffer : &room, inputs[0].byte_offset = in_place_ ? out[0].byte_offset : result_place_;
  inputs.insert(inputs.end(), in + operands_.size(), in + n_in);
  return inputs;
}

void DensePlan::prepare(const mu_tensor* in, const mu_tensor* out, char* workspace) {
  if (result_bytes_ == 0) return;
  mu_buffer room{workspace, MU_MEMORY_DEVICE};
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    if (!operands_[i].plan) continue;
    const mu_tensor to = operands_[i].in(room);
    operands_[i].plan->prepare(in + i, &to, nullptr);
  }
  if (finish_) finish_->prepare(finish_inputs(in, out, room).data(), out, nullptr);
}

mu_code DensePlan::run(mu_stream& s, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error* e) {
  if (result_bytes_ == 0) return MU_OK;
  if (workspace_bytes && !workspace) return mu_fail(e, MU_INVALID, 0, "[conv] the plan's workspace is missing");
  mu_buffer room{workspace, MU_MEMORY_DEVICE};
  const char* from[2] = {};
  for (std::size_t i = 0; i < operands_.size(); ++i) {
    const Copied& c = operands_[i];
    from[i] = c.plan ? workspace + c.place : address(in[i]);
    if (!c.plan) continue;
    const mu_tensor to = c.in(room);
    if (const mu_code code = c.plan->run(s, in + i, &to, nullptr, e); code != MU_OK) return code;
  }
  char* const to = in_place_ ? address(out[0]) : workspace + result_place_;
  const mu_code code = empty_ ? device.check(cudaMemsetAsync(to, 0, result_bytes_, s.handle), "zeros can't be written", e)
                              : compute(s, from, to, workspace, e);
  if (code != MU_OK || !finish_) return code;
  return finish_->run(s, finish_inputs(in, out, room).data(), out, nullptr, e);
}

}  // namespace mushin::cuda
