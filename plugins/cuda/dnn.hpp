// cuDNN, opened when an op first wants it, by its C functions, which are declared here: neither its header nor the library need be there.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>

#include "mushin/plugin.h"

namespace mushin::cuda::dnn {

/// cuDNN's enumerations, as far as they are used.
using Status = int;
inline constexpr Status success = 0, not_initialized = 1001, bad_param = 2000, not_supported = 3000, internal_error = 4000,
                        no_host_memory = 4003, no_device_memory = 4004, execution_failed = 5000;
inline constexpr int type_float = 0, type_double = 1, type_half = 2, type_bfloat16 = 9;
inline constexpr int math_default = 0, math_tensor_op = 1, math_conversion = 2, math_fma = 3;
inline constexpr int format_nchw = 0, cross_correlation = 1;

/// An algorithm that the heuristic proposes, for all three kinds of convolution.
struct Choice {
  int algorithm;
  Status status;
  float time;
  std::size_t memory;
  int deterministic, math, reserved[3];
};

/// Handles and descriptors are `void*`.
struct ConvFunctions {
  Status (*choose)(void* handle, void* a, void* b, void* conv, void* to, int room, int* n, Choice*);
  Status (*workspace)(void* handle, void* a, void* b, void* conv, void* to, int algorithm, std::size_t*);
  Status (*run)(void* handle, const void* alpha, void* a, const void* from_a, void* b, const void* from_b, void* conv, int algorithm,
                void* workspace, std::size_t, const void* beta, void* to_desc, void* to);
};
struct Library {
  static constexpr std::size_t major = 9;
  std::size_t (*version)();
  const char* (*status_text)(Status);
  void (*last_text)(char*, std::size_t);  // null where the library has none
  Status (*create)(void**);
  Status (*destroy)(void*);
  Status (*set_stream)(void*, cudaStream_t);
  Status (*tensor_create)(void**);
  Status (*tensor_destroy)(void*);
  Status (*tensor_set)(void*, int type, int n, const int* dim, const int* stride);
  Status (*filter_create)(void**);
  Status (*filter_destroy)(void*);
  Status (*filter_set)(void*, int type, int format, int n, const int* dim);
  Status (*conv_create)(void**);
  Status (*conv_destroy)(void*);
  Status (*conv_set)(void*, int n, const int* padding, const int* stride, const int* dilation, int mode, int type);
  Status (*conv_set_math)(void*, int);
  Status (*conv_set_groups)(void*, int);
  Status (*conv_result)(void* conv, void* x, void* w, int n, int* dim);
  ConvFunctions conv[3];  // by MU_CONV_…: of x and w; of w and dy; of x and dy
};
/// Opened by the first call, and never closed. Throws Failure: MU_UNSUPPORTED with the reason, by every call.
const Library& library();

/// A device's handle. cuDNN lets one thread use it at a time, on the stream that is set.
class Handle {
 public:
  Handle() = default;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  /// The library, with a handle. Throws Failure: MU_UNSUPPORTED where cuDNN can't be used, with the reason, which is logged once.
  const Library& open(mu_device&);
  void close() noexcept;
  /// What `f` gives for the handle, which works on the stream.
  template <class F>
  Status use(cudaStream_t stream, const F& f) {
    const std::lock_guard lock(mutex_);
    const Status s = library().set_stream(handle_, stream);
    return s == success ? f(handle_) : s;
  }

 private:
  std::mutex mutex_;
  void* handle_ = nullptr;
  bool told_ = false;
};

/// A descriptor, destroyed with its scope.
using Destroy = Status (*)(void*);
class Descriptor {
 public:
  /// Throws Failure.
  Descriptor(mu_device&, Status (*create)(void**), Destroy);
  void* get() const { return p_.get(); }

 private:
  std::unique_ptr<void, Destroy> p_;
};

/// MU_OK, or the error's code and text, with cuDNN's own words.
mu_code check(mu_device&, Status, const char* what, mu_error*) noexcept;
/// Of what a plan is made by: throws Failure, MU_UNSUPPORTED where cuDNN has or takes no such thing.
void require(mu_device&, Status, const char* what);

/// Factors of results, in the type that cuDNN wants: 1 of what is computed, 0 of what was there.
struct Factors {
  explicit Factors(mu_dtype t) : is_double(t == MU_F64) {}
  const void* one() const { return is_double ? static_cast<const void*>(&wide[0]) : &narrow[0]; }
  const void* zero() const { return is_double ? static_cast<const void*>(&wide[1]) : &narrow[1]; }
  bool is_double;
  double wide[2] = {1, 0};
  float narrow[2] = {1, 0};
};

/// Dims and numbers by axis as cuDNN counts: in 32 bits, and with two axes at least behind the channels, the first of which may be added.
struct Sizes {
  int n = 0;
  int dim[MU_MAX_RANK] = {}, stride[MU_MAX_RANK] = {};  // dense, row-major
};
int type_of(mu_dtype);
/// Throw Failure, MU_UNSUPPORTED, for what is beyond 32 bits.
Sizes sizes_of(const mu_tensor&);
void spread(const std::uint32_t (&from)[3], int axes, int added, int (&to)[3]);
/// Throws Failure, MU_UNSUPPORTED, where cuDNN's rule gives a result of other dims.
void require_result(const Sizes& wanted, const int* given);

}  // namespace mushin::cuda::dnn
