// What the emulation is told to be, and libraries that are opened by name.
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <sstream>

#include "device.hpp"
#include "emulated.hpp"

namespace emulated {
namespace {

std::string text() {
  const mu_host* host = mushin::cuda::host;
  const char* set = host ? host->config(host->ctx, "cuda", "EMULATED") : nullptr;
  return set ? set : "";
}

struct Failing {
  long left;
  int code;
};
// Never destroyed: threads of streams live as long as the process.
std::mutex& mutex = *new std::mutex;
std::string& counted_for = *new std::string;
std::multimap<std::string, Failing>& failing = *new std::multimap<std::string, Failing>;
std::map<std::string, long>& calls = *new std::map<std::string, long>;  // since they were told

void count_anew(const std::string& set) {
  counted_for = set;
  failing.clear();
  std::istringstream words(set);
  for (std::string word; words >> word;) {
    if (word.rfind("fail=", 0) != 0) continue;
    const std::size_t first = word.find(':'), second = word.find(':', first + 1);
    if (second == std::string::npos) continue;
    failing.emplace(word.substr(5, first - 5), Failing{std::atol(word.c_str() + first + 1), std::atoi(word.c_str() + second + 1)});
  }
}

}  // namespace

std::string setting(const std::string& key, const std::string& otherwise) {
  std::istringstream words(text());
  for (std::string word; words >> word;)
    if (word.rfind(key + "=", 0) == 0) return word.substr(key.size() + 1);
  return otherwise;
}

long number(const std::string& key, long otherwise) {
  const std::string set = setting(key, "");
  return set.empty() ? otherwise : std::atol(set.c_str());
}

int due(const char* call) {
  const std::lock_guard lock(mutex);
  if (const std::string now = text(); now != counted_for) count_anew(now);
  ++calls[call];
  int code = 0;
  const auto [first, last] = failing.equal_range(call);
  for (auto it = first; it != last; ++it)
    if (it->second.left > 0 && --it->second.left == 0) code = it->second.code;
  return code;
}

void tell_calls() {
  if (setting("calls", "") != "told") return;
  const std::lock_guard lock(mutex);
  char text[200];
  const int n = std::snprintf(
      text, sizeof text,
      "calls: %ld launches, %ld products, %ld of cudnn, %ld graphs, %ld captures, %ld waits, %ld copies, %ld allocations",
      calls["cudaLaunchKernel"] + calls["cudaMemsetAsync"], calls["cublasLtMatmul"], calls["cudnn.launch"], calls["cudaGraphLaunch"],
      calls["cudaStreamBeginCapture"], calls["cudaStreamSynchronize"] + calls["cudaEventSynchronize"], calls["cudaMemcpyAsync"],
      calls["cudaMalloc"] + calls["cudaMallocAsync"]);
  calls.clear();
  const mu_host* host = mushin::cuda::host;
  host->log(host->ctx, MU_LOG_DEBUG, text, static_cast<std::size_t>(n));
}

}  // namespace emulated

// The linker gives the plugin's calls of these to us (--wrap).
extern "C" {
void* __real_dlopen(const char*, int);
void* __real_dlsym(void*, const char*);
char* __real_dlerror();
int __real_dlclose(void*);

namespace {
char driver_library, blas_library, dnn_library, nvrtc_library, nccl_library;
thread_local std::string reason;
bool is_ours(const void* library) {
  return library == &driver_library || library == &blas_library || library == &dnn_library || library == &nvrtc_library ||
         library == &nccl_library;
}
}  // namespace

void* __wrap_dlopen(const char* path, int flags) {
  const std::string name = path;
  const auto found = [&](char& library, bool there) -> void* {
    reason = there ? "" : name + ": cannot open shared object file: No such file or directory";
    return there ? &library : nullptr;
  };
  if (name == "libcuda.so.1") return found(driver_library, emulated::setting("driver", "") != "none");
  if (name.find("libcublasLt.so") != std::string::npos) return found(blas_library, emulated::setting("blas", "") != "none");
  if (name.find("libcudnn.so.9") != std::string::npos) return found(dnn_library, emulated::setting("dnn", "") != "none");
  if (name.find("libnvrtc.so") != std::string::npos) return found(nvrtc_library, emulated::setting("nvrtc", "") != "none");
  if (name.find("libnccl.so") != std::string::npos) return found(nccl_library, emulated::setting("nccl", "") != "none");
  return __real_dlopen(path, flags);
}
void* __wrap_dlsym(void* library, const char* name) {
  if (library == &blas_library) return emulated::blas_symbol(name);
  if (library == &dnn_library) return emulated::dnn_symbol(name);
  if (library == &nvrtc_library) return emulated::nvrtc_symbol(name);
  if (library == &nccl_library) return emulated::nccl_symbol(name);
  return __real_dlsym(library, name);
}
char* __wrap_dlerror() { return reason.empty() ? __real_dlerror() : reason.data(); }
int __wrap_dlclose(void* library) { return is_ours(library) ? 0 : __real_dlclose(library); }
}
