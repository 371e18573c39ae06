// What tests need to drive a backend through its C tables: a host of their own, views, programs.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "mushin/plugin.h"

namespace backend_test {

template <class T>
inline constexpr mu_dtype dtype_of = 0;
template <>
inline constexpr mu_dtype dtype_of<float> = MU_F32;
template <>
inline constexpr mu_dtype dtype_of<double> = MU_F64;
template <>
inline constexpr mu_dtype dtype_of<std::int64_t> = MU_I64;
template <>
inline constexpr mu_dtype dtype_of<std::uint8_t> = MU_BOOL;

using Sizes = std::vector<std::int64_t>;

Sizes dense_strides(const Sizes& dims);
std::int64_t count(const Sizes& dims);
/// A view of memory that the test owns.
mu_tensor view(const void* data, mu_dtype type, const Sizes& dims, const Sizes& strides);
template <class T>
mu_tensor view(const std::vector<T>& data, const Sizes& dims, const Sizes& strides) {
  return view(data.data(), dtype_of<T>, dims, strides);
}
template <class T>
mu_tensor view(const std::vector<T>& data, const Sizes& dims) {
  return view(data.data(), dtype_of<T>, dims, dense_strides(dims));
}

/// The offset of every element of a view, in row-major order.
std::vector<std::int64_t> offsets(const mu_tensor&);

/// A program under construction; owns what its descriptor points to.
struct ProgramText {
  std::vector<mu_dtype> in, const_type, type;  // type: of all values
  std::vector<std::uint64_t> bits;
  std::vector<mu_pw_inst> inst;
  std::vector<std::uint16_t> out;

  std::uint16_t input(mu_dtype t);
  template <class T>
  std::uint16_t constant(T value) {
    std::uint64_t b = 0;
    std::memcpy(&b, &value, sizeof value);
    return constant_bits(b, dtype_of<T>);
  }
  std::uint16_t constant_bits(std::uint64_t b, mu_dtype t);
  std::uint16_t add(int op, mu_dtype t, int a = MU_PW_NONE, int b = MU_PW_NONE, int c = MU_PW_NONE, int aux = 0);
  mu_pw_program descriptor() const;
};

/// A plan made by a backend, run at once; throws nothing, answers with codes.
class Backend {
 public:
  explicit Backend(const mu_plugin* plugin);
  const mu_plugin& plugin() const { return *plugin_; }
  mu_device* device() const { return device_; }
  /// plan_create, plan_run, plan_destroy.
  template <class Op>
  mu_code run(Op op, std::uint32_t id, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out) {
    op.h = {sizeof op, id};
    return run_op(&op.h, in, out);
  }
  mu_code run_op(const mu_op*, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out);
  mu_code pointwise(const ProgramText&, const std::vector<mu_tensor>& in, const std::vector<mu_tensor>& out);
  /// Of the last failure.
  std::string message() const { return error_.message; }

 private:
  const mu_plugin* plugin_;
  mu_device* device_ = nullptr;
  mu_error error_{};
};

/// A host whose parallel_for takes its chunks on `threads` threads, or in the caller. `isa`: answer to the key ISA, or NULL.
const mu_host* test_host();
void set_host_threads(int threads);
/// Into how many chunks the host was asked to cut since this was called last; 0: never.
std::uint64_t chunks_asked_for();

/// Distance of a result from the exact value, in units of the last place of T at the exact value.
template <class T>
double ulps(T got, long double exact);
extern template double ulps(float, long double);
extern template double ulps(double, long double);

/// A small generator of fixed numbers.
struct Random {
  std::uint64_t state;
  std::uint64_t next();
  std::int64_t below(std::int64_t n) { return static_cast<std::int64_t>(next() % static_cast<std::uint64_t>(n)); }
  double real(double low, double high) { return low + (high - low) * (static_cast<double>(next() >> 11) * 0x1p-53); }
};

}  // namespace backend_test
