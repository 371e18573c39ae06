#include "device.hpp"

#include <dlfcn.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

namespace mushin::cuda {

const mu_host* host = nullptr;
thread_local constinit const mu_device* captured_here = nullptr;

Loaded::~Loaded() {
  if (library) cudaLibraryUnload(library);
}

namespace {

std::string home_directory() {
  std::vector<char> room(16384);
  passwd entry{}, *found = nullptr;
  if (getpwuid_r(getuid(), &entry, room.data(), room.size(), &found) != 0 || !found || !found->pw_dir) return {};
  return found->pw_dir;
}

std::string cache_place() {
  const char* set = host->config(host->ctx, "cuda", "CACHE_DIR");
  return program::cache_directory(set, nullptr, home_directory().c_str());
}

std::string nvrtc_path() {
  const char* set = host->config(host->ctx, "cuda", "NVRTC");
  return set ? set : "";
}

// Why there is no driver, in the loader's words; empty where there is one.
std::string missing_driver() {
  if (void* library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_LOCAL)) {
    dlclose(library);
    return {};
  }
  const char* reason = dlerror();
  return reason ? reason : "libcuda.so.1 can't be opened";
}

// Of versions as CUDA counts them: 13000 is 13.0.
std::string version_text(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

std::string why_none(cudaError_t status) {
  if (std::string missing = missing_driver(); !missing.empty()) return "[cuda] no driver: " + missing;
  if (status == cudaErrorInsufficientDriver) {
    int driver = 0;
    if (cudaDriverGetVersion(&driver) != cudaSuccess) cudaGetLastError();
    return "[cuda] the driver is too old: it knows CUDA " + version_text(driver) + ", this plugin was built for " +
           version_text(CUDART_VERSION);
  }
  if (status == cudaErrorNoDevice || status == cudaSuccess)
    return "[cuda] the driver shows no device: there is none, or CUDA_VISIBLE_DEVICES names none";
  return std::string("[cuda] no device: ") + cudaGetErrorString(status);
}

// What a context doesn't recover from.
bool loses_device(cudaError_t s) {
  constexpr cudaError_t fatal[] = {cudaErrorIllegalAddress,      cudaErrorLaunchFailure,
                                   cudaErrorHardwareStackError,  cudaErrorIllegalInstruction,
                                   cudaErrorMisalignedAddress,   cudaErrorInvalidAddressSpace,
                                   cudaErrorInvalidPc,           cudaErrorAssert,
                                   cudaErrorLaunchTimeout,       cudaErrorECCUncorrectable,
                                   cudaErrorNvlinkUncorrectable, cudaErrorContextIsDestroyed,
                                   cudaErrorCudartUnloading,     cudaErrorDeviceUninitialized,
                                   cudaErrorExternalDevice,      cudaErrorContained,
                                   cudaErrorTensorMemoryLeak,    cudaErrorUnknown};
  return std::find(std::begin(fatal), std::end(fatal), s) != std::end(fatal);
}

}  // namespace

mu_code count_devices(int& n, mu_error* e) noexcept {
  n = 0;
  const cudaError_t status = cudaGetDeviceCount(&n);
  if (status == cudaSuccess && n > 0) return MU_OK;
  cudaGetLastError();
  n = 0;
  try {
    return mu_fail(e, MU_UNAVAILABLE, status, why_none(status).c_str());
  } catch (...) {
    return mu_fail(e, MU_UNAVAILABLE, status, "[cuda] no device");
  }
}

}  // namespace mushin::cuda

using namespace mushin::cuda;

mu_device::mu_device(int i) : index(i), compiler_(cache_place(), nvrtc_path()) {
  try {
    open();
  } catch (...) {
    release();
    throw;
  }
}
mu_device::~mu_device() { release(); }

void mu_device::open() {
  require(cudaSetDevice(index), "the device can't be used");
  require(cudaGetDeviceProperties(&properties, index), "the device doesn't tell its properties");
  architecture = 10 * properties.major + properties.minor;
  if (const cudaError_t s = kernels_fit_device(); s == cudaErrorNoKernelImageForDevice || s == cudaErrorInvalidDeviceFunction) {
    cudaGetLastError();
    throw Failure{MU_UNAVAILABLE, std::string("[cuda] ") + properties.name + " has compute capability " + std::to_string(properties.major) +
                                      "." + std::to_string(properties.minor) + ", which this plugin has no code for"};
  } else {
    require(s, "the kernels can't be loaded");
  }
  int has_pools = 0;
  require(cudaDeviceGetAttribute(&has_pools, cudaDevAttrMemoryPoolsSupported, index), "the device doesn't tell of its memory pools");
  pools = has_pools != 0;
  void* place = nullptr;
  require(cudaHostAlloc(&place, sizeof(Fault) * most_streams, cudaHostAllocMapped), "no pinned memory");
  faults_ = static_cast<Fault*>(place);
  std::fill_n(faults_, most_streams, Fault{0, {}, no_run});
  require(cudaHostGetDevicePointer(&place, faults_, 0), "pinned memory isn't seen by the device");
  device_faults_ = static_cast<Fault*>(place);
  blas = &blas_library();
  compiler_.open(architecture);
  require(cudaStreamCreateWithFlags(&memory_stream, cudaStreamNonBlocking), "no stream");
  require(cudaStreamCreateWithFlags(&capture_stream, cudaStreamNonBlocking), "no stream");
  mu_error error{};
  error.size = sizeof error;
  mu_code code = open_stream(default_stream, &error);
  if (code == MU_OK) code = check(blas->create(&blas_handle), "cuBLASLt can't be opened", &error);
  if (code != MU_OK) throw Failure{code == MU_INTERNAL ? mu_code{MU_UNAVAILABLE} : code, error.message};
}

void mu_device::release() noexcept {
  cudaSetDevice(index);
  // Work that nobody has waited for uses programs and pinned memory; destroying its stream doesn't wait for it.
  cudaDeviceSynchronize();
  loaded_.clear();
  if (blas_handle) blas->destroy(blas_handle);
  dnn_handle.close();
  if (default_stream.handle) close_stream(default_stream);
  for (const cudaStream_t s : {memory_stream, capture_stream})
    if (s) cudaStreamDestroy(s);
  if (faults_) cudaFreeHost(faults_);
  cudaGetLastError();
}

mu_code mu_device::enter(mu_error* e) noexcept {
  if (captured_here == this)
    return mu_fail(e, MU_INVALID, 0, "[cuda] a thread that captures gives runs to its stream, and does nothing else");
  return make_current(e);
}

mu_code mu_device::make_current(mu_error* e) noexcept {
  if (lost_) return lose(cudaSuccess, "", e);
  return check(cudaSetDevice(index), "the device can't be used", e);
}

mu_code mu_device::check(cudaError_t s, const char* what, mu_error* e) noexcept {
  if (s == cudaSuccess) return MU_OK;
  cudaGetLastError();  // the next call isn't to find it
  if (loses_device(s)) return lose(s, what, e);
  char text[400];
  std::snprintf(text, sizeof text, "[cuda] %s: %s", what, cudaGetErrorString(s));
  const mu_code code = s == cudaErrorMemoryAllocation ? MU_OUT_OF_MEMORY : MU_INTERNAL;
  mu_fail(e, code, s, text);
  if (e && code == MU_OUT_OF_MEMORY) e->flags = 2;
  return code;
}

mu_code mu_device::check(cublasStatus_t s, const char* what, mu_error* e) noexcept {
  if (s == CUBLAS_STATUS_SUCCESS) return MU_OK;
  // cuBLASLt has one status for whatever the driver tells it; a lost device tells everybody.
  if (const cudaError_t behind = cudaStreamQuery(default_stream.handle); loses_device(behind)) return check(behind, what, e);
  cudaGetLastError();
  char text[400];
  std::snprintf(text, sizeof text, "[cuda] %s: %s", what, blas->status_text(s));
  return mu_fail(e, s == CUBLAS_STATUS_ALLOC_FAILED ? MU_OUT_OF_MEMORY : MU_INTERNAL, s, text);
}

void mu_device::require(cudaError_t s, const char* what) {
  mu_error error{};
  error.size = sizeof error;
  if (const mu_code code = check(s, what, &error); code != MU_OK)
    throw Failure{code == MU_INTERNAL ? mu_code{MU_UNAVAILABLE} : code, error.message};
}

mu_code mu_device::lose(cudaError_t s, const char* what, mu_error* e) noexcept {
  const std::lock_guard lock(mutex_);
  if (!lost_) {
    std::snprintf(lost_text_.data(), lost_text_.size(), "[cuda] device %d is lost: %s: %s", index, what, cudaGetErrorString(s));
    lost_code_ = s;
    lost_ = true;
  }
  mu_fail(e, MU_DEVICE_LOST, lost_code_, lost_text_.data());
  if (e) e->flags = 1;
  return MU_DEVICE_LOST;
}

FaultPlace mu_device::next_run(mu_stream& s) noexcept {
  const auto slot = static_cast<std::size_t>(s.slot);
  return {s.graph_fault ? s.graph_fault : device_faults_ + slot, ++s.before[slot]};
}

namespace {
mu_code tell(const Finding& f, mu_error* e) noexcept {
  const long long value = f.value, limit = f.limit, row = f.row, blank = f.blank;
  char text[200];
  switch (f.of) {
    case FindingOf::index:
      std::snprintf(text, sizeof text, "[cuda] index out of range: %lld in an axis of extent %lld", value, limit);
      break;
    case FindingOf::ctc_steps:
      std::snprintf(text, sizeof text, "[ctc] there are not so many steps: %lld of %lld in row %lld", value, limit, row);
      break;
    case FindingOf::ctc_length:
      std::snprintf(text, sizeof text, "[ctc] there are not so many labels: %lld of %lld in row %lld", value, limit, row);
      break;
    case FindingOf::ctc_label:
      std::snprintf(text, sizeof text, "[ctc] a label must be a class and not the blank: %lld in row %lld, %lld classes, blank %lld", value,
                    row, limit, blank);
      break;
  }
  return mu_fail(e, MU_INVALID, 0, text);
}
std::uint64_t run_of(const Fault& f) noexcept { return *const_cast<const volatile std::uint64_t*>(&f.run); }
}  // namespace

mu_code mu_device::told(const Clock& behind, mu_error* e) noexcept {
  for (std::size_t i = 0; i < most_streams; ++i)
    if (run_of(faults_[i]) <= behind[i]) return tell(faults_[i].found, e);
  if (!disconnected_) return MU_OK;
  const std::lock_guard lock(mutex_);
  return mu_fail(e, MU_DISCONNECTED, 0, disconnected_text_.data());
}

void mu_device::disconnect(const char* why) noexcept {
  const std::lock_guard lock(mutex_);
  if (!disconnected_) std::snprintf(disconnected_text_.data(), disconnected_text_.size(), "%s", why);
  disconnected_ = true;
}

mu_code mu_device::tell_once(mu_error* e) noexcept {
  mu_code code = MU_OK;
  if (disconnected_) {
    const std::lock_guard lock(mutex_);
    code = mu_fail(e, MU_DISCONNECTED, 0, disconnected_text_.data());
    disconnected_ = false;
  }
  for (std::size_t i = 0; i < most_streams; ++i) {
    if (run_of(faults_[i]) != no_run && code == MU_OK) code = tell(faults_[i].found, e);
    faults_[i] = {0, {}, no_run};
  }
  return code;
}

mu_code mu_device::open_stream(mu_stream& s, mu_error* e) noexcept {
  cudaStream_t handle = nullptr;
  if (const mu_code code = check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking), "no stream", e); code != MU_OK) return code;
  const std::lock_guard lock(mutex_);
  const auto free = std::find(taken_.begin(), taken_.end(), false);
  if (free == taken_.end()) {
    cudaStreamDestroy(handle);
    return mu_fail(e, MU_OUT_OF_MEMORY, 0, "[cuda] a device has 16 streams at most");
  }
  *free = true;
  s.device = this;
  s.handle = handle;
  s.slot = static_cast<int>(free - taken_.begin());
  s.before[static_cast<std::size_t>(s.slot)] = given_[static_cast<std::size_t>(s.slot)];
  return MU_OK;
}

void mu_device::close_stream(mu_stream& s) noexcept {
  cudaStreamDestroy(s.handle);
  cudaGetLastError();
  const std::lock_guard lock(mutex_);
  const auto slot = static_cast<std::size_t>(s.slot);
  given_[slot] = s.before[slot];
  taken_[slot] = false;
}

std::shared_ptr<const Loaded> mu_device::load(const std::string& source, const std::string& entry, const std::string& second) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = loaded_.find(source); it != loaded_.end()) return it->second;
  }
  const auto image = compiler_.compile(source, architecture);
  auto made = std::make_shared<Loaded>();
  mu_error error{};
  error.size = sizeof error;
  const auto loading = [&](cudaError_t s, const char* what) {
    if (const mu_code code = check(s, what, &error); code != MU_OK) throw Failure{code, error.message};
  };
  loading(cudaLibraryLoadData(&made->library, image->bytes.data(), nullptr, nullptr, 0, nullptr, nullptr, 0), "a program can't be loaded");
  loading(cudaLibraryGetKernel(&made->entry, made->library, entry.c_str()), "a program lacks its kernel");
  if (!second.empty()) loading(cudaLibraryGetKernel(&made->second, made->library, second.c_str()), "a program lacks its second kernel");
  // Not by the first launch, which may be captured.
  cudaFuncAttributes attributes;
  for (const cudaKernel_t k : {made->entry, made->second})
    if (k) loading(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(k)), "a program's kernel can't be loaded");
  const std::lock_guard lock(mutex_);
  return loaded_.emplace(source, std::move(made)).first->second;
}
