#include "dnn.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "plan.hpp"

namespace mushin::cuda::dnn {
namespace {

template <class F>
void get(void* library, const char* name, F& to) {
  to = reinterpret_cast<F>(dlsym(library, name));
  if (!to) unsupported(std::string("[cuda] cuDNN lacks ") + name);
}

// Where MUSHIN_CUDA_CUDNN says, else where the loader or the toolkit of the build has it.
void* open_library() {
  const std::string name = "libcudnn.so." + std::to_string(Library::major);
  std::string places[] = {name, MUSHIN_CUDA_LIBRARIES "/" + name};
  const char* set = host->config(host->ctx, "cuda", "CUDNN");
  if (set && *set) places[0] = places[1] = set;
  std::string reason;
  for (const std::string& place : places) {
    if (void* library = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
    const char* text = dlerror();
    if (reason.empty()) reason = text ? text : place;
  }
  unsupported("[cuda] no cuDNN: " + reason);
}

// Of versions as cuDNN counts them: 91900 is 9.19.0, and before 9, 8907 is 8.9.7.
std::string version_text(std::size_t v) {
  const std::size_t unit = v < 10000 ? 1000 : 10000;
  return std::to_string(v / unit) + "." + std::to_string(v % unit / 100) + "." + std::to_string(v % 100);
}

Library load() {
  void* const l = open_library();
  Library d{};
  get(l, "cudnnGetVersion", d.version);
  if (const std::size_t v = d.version(); v / 10000 != Library::major)
    unsupported("[cuda] cuDNN is of version " + version_text(v) + ", this plugin is for " + std::to_string(Library::major));
  get(l, "cudnnGetErrorString", d.status_text);
  d.last_text = reinterpret_cast<decltype(d.last_text)>(dlsym(l, "cudnnGetLastErrorString"));
  get(l, "cudnnCreate", d.create), get(l, "cudnnDestroy", d.destroy), get(l, "cudnnSetStream", d.set_stream);
  get(l, "cudnnCreateTensorDescriptor", d.tensor_create), get(l, "cudnnDestroyTensorDescriptor", d.tensor_destroy);
  get(l, "cudnnSetTensorNdDescriptor", d.tensor_set);
  get(l, "cudnnCreateFilterDescriptor", d.filter_create), get(l, "cudnnDestroyFilterDescriptor", d.filter_destroy);
  get(l, "cudnnSetFilterNdDescriptor", d.filter_set);
  get(l, "cudnnCreateConvolutionDescriptor", d.conv_create), get(l, "cudnnDestroyConvolutionDescriptor", d.conv_destroy);
  get(l, "cudnnSetConvolutionNdDescriptor", d.conv_set), get(l, "cudnnSetConvolutionMathType", d.conv_set_math);
  get(l, "cudnnSetConvolutionGroupCount", d.conv_set_groups), get(l, "cudnnGetConvolutionNdForwardOutputDim", d.conv_result);
  constexpr const char* kinds[] = {"Forward", "BackwardData", "BackwardFilter"};
  for (int i = 0; i < 3; ++i) {
    const std::string kind = kinds[i];
    get(l, ("cudnnGetConvolution" + kind + "Algorithm_v7").c_str(), d.conv[i].choose);
    get(l, ("cudnnGetConvolution" + kind + "WorkspaceSize").c_str(), d.conv[i].workspace);
    get(l, ("cudnnConvolution" + kind).c_str(), d.conv[i].run);
  }
  return d;
}

struct Opened {
  Library library{};
  std::string reason;  // empty: it is there
  Opened() {
    try {
      library = load();
    } catch (const Failure& f) {
      reason = f.text;
    }
  }
};

bool is_memory(Status s) { return s == no_host_memory || s == no_device_memory; }

}  // namespace

const Library& library() {
  static const Opened& opened = *new Opened;  // devices may be closed after all else
  if (!opened.reason.empty()) unsupported(opened.reason);
  return opened.library;
}

const Library& Handle::open(mu_device& d) {
  {
    const std::lock_guard lock(mutex_);
    if (handle_) return library();
  }
  // Making one may wait for the device, which can't be waited for while one of its streams is captured.
  const std::scoped_lock lock(d.capture_mutex, mutex_);
  try {
    if (!handle_) require(d, library().create(&handle_), "cuDNN can't be used");
    return library();
  } catch (const Failure& f) {
    handle_ = nullptr;
    if (!told_ && f.code == MU_UNSUPPORTED) host->log(host->ctx, MU_LOG_INFO, f.text.data(), f.text.size());
    told_ = told_ || f.code == MU_UNSUPPORTED;
    throw;
  }
}

void Handle::close() noexcept {
  if (handle_) library().destroy(handle_);
  handle_ = nullptr;
}

Descriptor::Descriptor(mu_device& d, Status (*create)(void**), Destroy destroy) : p_(nullptr, destroy) {
  void* made = nullptr;
  const Status s = create(&made);
  if (s == success) p_.reset(made);
  require(d, s, "cuDNN has no memory for a description");
}

mu_code check(mu_device& d, Status s, const char* what, mu_error* e) noexcept {
  if (s == success) return MU_OK;
  // cuDNN has a few statuses for whatever the driver tells it; a lost device tells everybody.
  const cudaError_t behind = cudaStreamQuery(d.default_stream.handle);
  if (behind != cudaSuccess && behind != cudaErrorNotReady)
    if (const mu_code code = d.check(behind, what, e); code == MU_DEVICE_LOST) return code;
  cudaGetLastError();
  const Library& l = library();
  char last[250] = "";
  if (l.last_text) l.last_text(last, sizeof last);
  char text[400];
  std::snprintf(text, sizeof text, "[cuda] %s: %s%s%s", what, l.status_text(s), *last ? ": " : "", last);
  const mu_code code = is_memory(s) ? MU_OUT_OF_MEMORY : MU_INTERNAL;
  mu_fail(e, code, s, text);
  if (e && code == MU_OUT_OF_MEMORY) e->flags = 2;
  return code;
}

void require(mu_device& d, Status s, const char* what) {
  if (s == success) return;
  mu_error error{};
  error.size = sizeof error;
  const mu_code code = check(d, s, what, &error);
  throw Failure{code == MU_INTERNAL && s < internal_error ? mu_code{MU_UNSUPPORTED} : code, error.message};
}

int type_of(mu_dtype t) { return t == MU_F16 ? type_half : t == MU_BF16 ? type_bfloat16 : t == MU_F64 ? type_double : type_float; }

Sizes sizes_of(const mu_tensor& v) {
  if (count_of(v) > INT32_MAX) unsupported("[conv] cuDNN counts elements in 32 bits: " + dims_text(v));
  Sizes s;
  for (int i = 0; i < v.rank; ++i) {
    if (i == 2 && v.rank == 3) s.dim[s.n++] = 1;
    s.dim[s.n++] = static_cast<int>(v.dim[i]);
  }
  for (int i = s.n - 1, step = 1; i >= 0; step *= s.dim[i--]) s.stride[i] = step;
  return s;
}

void spread(const std::uint32_t (&from)[3], int axes, int added, int (&to)[3]) {
  const int more = axes == 1 ? 1 : 0;
  if (more) to[0] = added;
  for (int i = 0; i < axes; ++i) {
    if (from[i] > INT32_MAX) unsupported("[conv] cuDNN counts in 32 bits: " + std::to_string(from[i]));
    to[i + more] = static_cast<int>(from[i]);
  }
}

void require_result(const Sizes& wanted, const int* given) {
  if (std::equal(given, given + wanted.n, wanted.dim)) return;
  const auto text = [&](const int* dim) {
    std::string s = "(";
    for (int i = 0; i < wanted.n; ++i) s += (i ? ", " : "") + std::to_string(dim[i]);
    return s + ")";
  };
  unsupported("[conv] cuDNN pads both ends alike, which makes " + text(given) + ", not " + text(wanted.dim));
}

}  // namespace mushin::cuda::dnn
