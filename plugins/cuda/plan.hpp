// What a plan of this backend is, and who makes which.
#pragma once
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "device.hpp"

/// Made by plan_create; runs from several threads at once.
struct mu_plan {
  explicit mu_plan(mu_device& d) : device(d) {}
  mu_plan(const mu_plan&) = delete;
  mu_plan& operator=(const mu_plan&) = delete;
  virtual ~mu_plan() = default;
  /// Compiles and loads what such a run needs, which a capture can't do. May throw as run.
  virtual void prepare(const mu_tensor* /*in*/, const mu_tensor* /*out*/, char* /*workspace*/) {}
  /// May throw Failure or std::bad_alloc, where a program for views that lie in a new way can't be made.
  virtual mu_code run(mu_stream&, const mu_tensor* in, const mu_tensor* out, char* workspace, mu_error*) = 0;
  /// The same for n sets of views, each of inputs and then outputs, none of which writes what another one uses: of pointwise plans.
  virtual void prepare_many(std::uint32_t n, const mu_tensor* views);
  virtual mu_code run_many(mu_stream&, std::uint32_t n, const mu_tensor* views, mu_error*);

  mu_device& device;
  std::uint32_t n_in = 0, n_out = 0;
  std::uint32_t specialized = 0;
  std::uint64_t workspace_bytes = 0;
  bool deterministic = true;
  bool tells = false;  // of bad indices and numbers, when it has run
};

namespace mushin::cuda {

/// The arguments of plan_create.
struct Request {
  mu_device& device;
  const mu_op* op;
  std::uint32_t n_in;
  const mu_tensor* in;
  std::uint32_t n_out;
  const mu_tensor* out;
  bool query;    // MU_PLAN_QUERY_ONLY: compiles nothing
  bool ordered;  // MU_PLAN_ORDERED
};
using PlanPtr = std::unique_ptr<mu_plan>;

/// Throw Failure or std::bad_alloc.
PlanPtr make_pointwise(const Request&);
PlanPtr make_map_reduce(const Request&);
PlanPtr make_copy(const Request&);
PlanPtr make_fill(const Request&);
PlanPtr make_random(const Request&);
PlanPtr make_gather(const Request&);
PlanPtr make_scatter_add(const Request&);
PlanPtr make_matmul(const Request&);
PlanPtr make_softmax(const Request&);
PlanPtr make_normalize(const Request&);
/// Of the kinds BATCH.
PlanPtr make_batch_norm(const Request&, const mu_op_normalize&);
PlanPtr make_scan(const Request&);
PlanPtr make_sort(const Request&);
PlanPtr make_attention(const Request&);
PlanPtr make_conv(const Request&);
PlanPtr make_pool(const Request&);
PlanPtr make_rnn(const Request&);
PlanPtr make_ctc(const Request&);
/// Copies a view to another of its dims, converting.
PlanPtr make_copy_of(mu_device&, const mu_tensor& from, const mu_tensor& to, bool query);

[[noreturn]] inline void invalid(std::string text) { throw Failure{MU_INVALID, std::move(text)}; }
[[noreturn]] inline void unsupported(std::string text) { throw Failure{MU_UNSUPPORTED, std::move(text)}; }
/// What `f` gives, with exceptions as codes: nothing may cross the boundary.
template <class F>
mu_code guarded(mu_error* e, const F& f) noexcept {
  try {
    return f();
  } catch (const Failure& failure) {
    mu_fail(e, failure.code, 0, failure.text.c_str());
    if (e && failure.code == MU_DEVICE_LOST) e->flags = 1;
    if (e && failure.code == MU_OUT_OF_MEMORY) e->flags = 2;
    return failure.code;
  } catch (const std::bad_alloc&) {
    return mu_fail(e, MU_OUT_OF_MEMORY, 0, "[cuda] the host has no memory for it");
  } catch (const std::exception& error) {
    return mu_fail(e, MU_INTERNAL, 0, error.what());
  } catch (...) {
    return mu_fail(e, MU_INTERNAL, 0, "[cuda] an unknown failure");
  }
}

void require_views(const Request&, std::uint32_t n_in, std::uint32_t n_out, const char* op);
void require_dims(const char* op, const mu_tensor&, const mu_tensor& like);
/// The op's descriptor, of whatever version.
template <class Op>
Op descriptor(const Request& r, const char* name) {
  Op op;
  const mu_code code = mu_read_desc(&op, sizeof op, r.op, sizeof op);
  if (code != MU_OK) throw Failure{code, std::string("[") + name + "] the descriptor is of another version"};
  return op;
}

inline char* address(const mu_tensor& v) { return v.buffer->data + v.byte_offset; }
inline std::int64_t count_of(const mu_tensor& v) {
  std::int64_t n = 1;
  for (int i = 0; i < v.rank; ++i) n *= v.dim[i];
  return n;
}
bool is_contiguous(const mu_tensor&) noexcept;
std::string dims_text(const mu_tensor&);
constexpr std::uint64_t workspace_align = 256;
constexpr std::uint64_t aligned(std::uint64_t bytes) { return (bytes + workspace_align - 1) / workspace_align * workspace_align; }

}  // namespace mushin::cuda

inline void mu_plan::prepare_many(std::uint32_t, const mu_tensor*) {
  mushin::cuda::invalid("[cuda] many sets of views are for pointwise plans");
}
inline mu_code mu_plan::run_many(mu_stream&, std::uint32_t, const mu_tensor*, mu_error*) {
  mushin::cuda::invalid("[cuda] many sets of views are for pointwise plans");
}
