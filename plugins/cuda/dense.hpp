// A plan that computes with two dense operands alone, as cuDNN's are: other views are copied.
#pragma once
#include <array>
#include <vector>

#include "plan.hpp"
#include "program.hpp"

namespace mushin::cuda {

/// The first two inputs are what is computed with, the others an epilogue's. What isn't dense and row-major is copied to the workspace
/// before, and a result that isn't is copied from there.
class DensePlan : public mu_plan {
 public:
  void prepare(const mu_tensor* in, const mu_tensor* out, char* workspace) final;
  mu_code run(mu_stream&, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error*) final;

 protected:
  /// Throws Failure.
  DensePlan(const Request&, const mu_pw_program* epilogue);
  /// Room in the workspace: where it begins.
  std::uint64_t take(std::uint64_t bytes);
  /// From the operands to the result, all dense; not called where one of them is empty: then the result is zeros.
  virtual mu_code compute(mu_stream&, const char* const* from, char* to, char* workspace, mu_error*) = 0;
  bool is_empty() const { return empty_; }

 private:
  // A view's stand-in; null: it is used as it lies.
  struct Copied {
    mu_tensor view{};
    std::uint64_t place = 0;
    PlanPtr plan;
    mu_tensor in(mu_buffer&) const;
  };
  std::vector<mu_tensor> finish_inputs(const mu_tensor* in, const mu_tensor* out, mu_buffer&) const;

  std::array<Copied, 2> operands_;
  mu_tensor result_{};              // dense, with the result's dims
  std::uint64_t result_place_ = 0;  // in the workspace
  bool in_place_;                   // the result is computed where it shall be
  PlanPtr finish_;                  // null: nothing follows
  std::uint64_t result_bytes_ = 0;
  bool empty_ = false;
};

}  // namespace mushin::cuda
