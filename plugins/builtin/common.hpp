// What all parts of the builtin backend share: element types, failures, views, the host's threads.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "mushin/plugin.h"

/// A plan is an object with one virtual function; the C tables forward to it.
struct mu_plan {
  mu_plan() = default;
  mu_plan(const mu_plan&) = delete;
  mu_plan& operator=(const mu_plan&) = delete;
  virtual ~mu_plan() = default;
  virtual mu_code run(const mu_tensor* in, const mu_tensor* out, mu_error* error) noexcept = 0;
  std::uint32_t n_in = 0, n_out = 0;
};

namespace mushin::builtin {

// The last two are stored only: there are no kernels that compute with them, programs compute in f32 and round.
enum class Type : std::uint8_t { f32, f64, i64, i32, i8, u8, b8, f16, bf16, none };
inline constexpr int type_count = 9, computed_count = 7;
Type type_of(mu_dtype) noexcept;  // none: not one of ours
mu_dtype dtype_of(Type) noexcept;
const char* name_of(Type) noexcept;
constexpr std::size_t bytes_of(Type t) {
  constexpr std::uint8_t bytes[] = {4, 8, 8, 4, 1, 1, 1, 2, 2, 0};
  return bytes[static_cast<int>(t)];
}
constexpr bool is_half(Type t) { return t == Type::f16 || t == Type::bf16; }
/// What values of the type are computed in.
constexpr Type computed(Type t) { return is_half(t) ? Type::f32 : t; }

/// Why there is no plan; thrown while planning only, and caught in the tables.
struct Failure {
  mu_code code;
  std::string text;
};
[[noreturn]] void invalid(std::string text);
[[noreturn]] void unsupported(std::string text);
/// The view's element type, or a Failure that names `what`.
Type checked_type(const mu_tensor& view, const char* what);
void require_equal_dims(const mu_tensor& a, const mu_tensor& b, const char* what);
std::string dims_text(const mu_tensor&);

inline char* address(const mu_tensor& v) { return reinterpret_cast<char*>(v.buffer) + v.byte_offset; }
inline std::int64_t count_of(const mu_tensor& v) {
  std::int64_t n = 1;
  for (int i = 0; i < v.rank; ++i) n *= v.dim[i];
  return n;
}
/// Dense and row-major. An axis of extent 1 may have any stride.
bool is_contiguous(const mu_tensor&) noexcept;
/// All elements are the same one.
bool is_scalar(const mu_tensor&) noexcept;

inline std::int64_t least(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t most(std::int64_t a, std::int64_t b) { return a < b ? b : a; }

extern const mu_host* host;  // set by the entry

/// f(begin, end) over [0, n) in chunks of `grain`; inline where one chunk is all there is.
template <class F>
void parallel(std::int64_t n, std::int64_t grain, const F& f) {
  if (n <= grain) {
    if (n > 0) f(std::int64_t{0}, n);
    return;
  }
  const mu_range_fn call = [](void* arg, std::uint64_t b, std::uint64_t e) {
    (*static_cast<const F*>(arg))(static_cast<std::int64_t>(b), static_cast<std::int64_t>(e));
  };
  host->parallel_for(host->ctx, static_cast<std::uint64_t>(n), static_cast<std::uint64_t>(grain), call,
                     const_cast<void*>(static_cast<const void*>(&f)));
}

/// This thread's buffer number `which`, grown to `bytes`, aligned to 64. Kept for the next call; its contents are not.
/// Throws std::bad_alloc.
void* scratch(int which, std::size_t bytes);
inline constexpr int scratch_partial = 0, scratch_line = 1, scratch_product = 2, scratch_b = 3, scratch_a = 4, scratch_wide_a = 5,
                     scratch_wide_b = 6, scratch_attention = 7, scratch_count = 8;

using PlanPtr = std::unique_ptr<mu_plan>;
struct Views {
  std::uint32_t n_in;
  const mu_tensor* in;
  std::uint32_t n_out;
  const mu_tensor* out;
};
/// Runs a program of our own making, on views that fit it.
PlanPtr plan_program(const mu_pw_program&);
PlanPtr plan_pointwise(const mu_op_pointwise&, const Views&);
PlanPtr plan_map_reduce(const mu_op_map_reduce&, const Views&);
PlanPtr plan_matmul(const mu_op_matmul&, const Views&);
PlanPtr plan_copy(const mu_op_copy&, const Views&);
PlanPtr plan_fill(const mu_op_fill&, const Views&);
PlanPtr plan_random(const mu_op_random&, const Views&);
PlanPtr plan_gather(const mu_op_gather&, const Views&);
PlanPtr plan_scatter_add(const mu_op_scatter_add&, const Views&);
PlanPtr plan_conv(const mu_op_conv&, const Views&);
PlanPtr plan_pool(const mu_op_pool&, const Views&);
PlanPtr plan_softmax(const mu_op_softmax&, const Views&);
PlanPtr plan_normalize(const mu_op_normalize&, const Views&);
PlanPtr plan_attention(const mu_op_attention&, const Views&);
PlanPtr plan_ctc(const mu_op_ctc&, const Views&);
PlanPtr plan_rnn(const mu_op_rnn&, const Views&);
PlanPtr plan_sort(const mu_op_sort&, const Views&);
PlanPtr plan_scan(const mu_op_scan&, const Views&);

}  // namespace mushin::builtin
