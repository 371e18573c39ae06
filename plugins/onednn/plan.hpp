// What a plan of this backend is, and the host that it runs in.
#pragma once
#include <oneapi/dnnl/dnnl.hpp>

#include <cstdint>
#include <memory>

#include "mushin/plugin.h"

/// Made by plan_create; runs from several threads at once, so `run` changes nothing in it.
struct mu_plan {
  virtual ~mu_plan() = default;
  /// Equal bits for any number of threads.
  bool deterministic = true;
  /// What `run` wants in `workspace`, aligned to 64.
  std::size_t workspace_bytes = 0;
  /// Which views (inputs, then outputs; a bit each) that may be in any layout shall lie in blocks.
  std::uint32_t blocks = 0;
  virtual mu_code run(const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error*) const noexcept = 0;
};

struct mu_device {
  dnnl::engine engine;
};

namespace onednn {

/// Set once by the entry.
extern const mu_host* host;

/// The arguments of plan_create.
struct Request {
  const dnnl::engine* engine;
  const mu_op* op;
  std::uint32_t n_in, n_out;
  const mu_tensor* in;
  const mu_tensor* out;
  bool ordered;  // MU_PLAN_ORDERED
};

/// Why there is no plan: MU_UNSUPPORTED (the host's builtin backend is better, or able) or MU_INVALID.
struct Refusal {
  mu_code code;
  const char* reason;
};

/// Throw Refusal, dnnl::error or std::bad_alloc.
std::unique_ptr<mu_plan> make_matmul(const Request&);
std::unique_ptr<mu_plan> make_softmax(const Request&);
std::unique_ptr<mu_plan> make_conv(const Request&);
std::unique_ptr<mu_plan> make_pool(const Request&);
std::unique_ptr<mu_plan> make_greatest(const Request&, const mu_op_pool&);
std::unique_ptr<mu_plan> make_normalize(const Request&);
std::unique_ptr<mu_plan> make_reorder(const Request&);

inline void require(bool met, const char* reason) {
  if (!met) throw Refusal{MU_UNSUPPORTED, reason};
}

/// Of a view's element at this place.
inline char* address_of(const mu_tensor& view, std::int64_t place) {
  return reinterpret_cast<char*>(view.buffer) + view.byte_offset + place * static_cast<std::int64_t>(mu_dtype_bytes(view.dtype));
}
inline float* address(const mu_tensor& view) { return reinterpret_cast<float*>(reinterpret_cast<char*>(view.buffer) + view.byte_offset); }

/// The host's parallel_for over [0, n) in chunks of `grain`. `f(begin, end)` must not throw.
template <class F>
void parallel_for(std::uint64_t n, std::uint64_t grain, F& f) {
  host->parallel_for(
      host->ctx, n, grain, [](void* arg, std::uint64_t begin, std::uint64_t end) { (*static_cast<F*>(arg))(begin, end); }, &f);
}

}  // namespace onednn
