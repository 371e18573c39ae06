// NVRTC by its C functions, declared here: its header belongs to a toolkit that need not be there.
#include "compile.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "cache.hpp"

namespace mushin::cuda::program {
namespace {

// Changes with what a source is compiled with, not with the source, which is in the key itself.
constexpr const char* emitter_version = "mushin kernel 1";

struct Nvrtc {
  using Handle = void*;
  int (*version)(int*, int*) = nullptr;
  int (*architecture_count)(int*) = nullptr;
  int (*architectures)(int*) = nullptr;
  int (*create)(Handle*, const char*, const char*, int, const char* const*, const char* const*) = nullptr;
  int (*destroy)(Handle*) = nullptr;
  int (*compile)(Handle, int, const char* const*) = nullptr;
  int (*log_size)(Handle, std::size_t*) = nullptr;
  int (*log)(Handle, char*) = nullptr;
  int (*ptx_size)(Handle, std::size_t*) = nullptr;
  int (*ptx)(Handle, char*) = nullptr;
  int (*cubin_size)(Handle, std::size_t*) = nullptr;
  int (*cubin)(Handle, char*) = nullptr;
  const char* (*error_text)(int) = nullptr;
  int major = 0, minor = 0;
  std::vector<int> known;  // architectures, ascending
};

[[noreturn]] void fail(mu_code code, const std::string& text) { throw Failure{code, "[nvrtc] " + text}; }

void* open_library(const std::string& path) {
  std::vector<std::string> names{"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"};
  if (!path.empty()) names = {path};
  std::string reason;
  for (const std::string& name : names) {
    if (void* library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)) return library;
    const char* text = ::dlerror();
    if (reason.empty() && text) reason = text;
  }
  fail(MU_UNAVAILABLE, "the CUDA run-time compiler is not there: " + reason);
}

template <class F>
void get(void* library, const char* name, F& f) {
  f = reinterpret_cast<F>(::dlsym(library, name));
  if (!f) fail(MU_UNAVAILABLE, std::string("the library has no ") + name + ", is it older than 11.2?");
}

Nvrtc load(const std::string& path) {
  void* const library = open_library(path);
  Nvrtc n;
  get(library, "nvrtcVersion", n.version), get(library, "nvrtcGetNumSupportedArchs", n.architecture_count);
  get(library, "nvrtcGetSupportedArchs", n.architectures), get(library, "nvrtcCreateProgram", n.create);
  get(library, "nvrtcDestroyProgram", n.destroy), get(library, "nvrtcCompileProgram", n.compile);
  get(library, "nvrtcGetProgramLogSize", n.log_size), get(library, "nvrtcGetProgramLog", n.log);
  get(library, "nvrtcGetPTXSize", n.ptx_size), get(library, "nvrtcGetPTX", n.ptx);
  get(library, "nvrtcGetCUBINSize", n.cubin_size), get(library, "nvrtcGetCUBIN", n.cubin);
  get(library, "nvrtcGetErrorString", n.error_text);
  int count = 0;
  if (n.version(&n.major, &n.minor) != 0 || n.architecture_count(&count) != 0 || count <= 0)
    fail(MU_UNAVAILABLE, "the library doesn't tell its version or its architectures");
  n.known.resize(static_cast<std::size_t>(count));
  if (n.architectures(n.known.data()) != 0) fail(MU_UNAVAILABLE, "the library doesn't tell its architectures");
  std::sort(n.known.begin(), n.known.end());
  return n;
}

struct Target {
  int architecture;
  bool is_ptx;
};
Target target_of(const Nvrtc& n, int architecture) {
  const auto above = std::upper_bound(n.known.begin(), n.known.end(), architecture);
  if (above == n.known.begin())
    fail(MU_UNAVAILABLE, "compute capability " + std::to_string(architecture) + " is older than the oldest that version " +
                             std::to_string(n.major) + "." + std::to_string(n.minor) + " compiles for, " + std::to_string(n.known[0]));
  const int found = *(above - 1);
  return {found, found != architecture};
}

// A program of NVRTC, destroyed with its scope.
struct Unit {
  const Nvrtc& n;
  Nvrtc::Handle handle = nullptr;
  explicit Unit(const Nvrtc& with) : n(with) {}
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;
  ~Unit() {
    if (handle) n.destroy(&handle);
  }
  std::string log() const {
    std::size_t size = 0;
    if (n.log_size(handle, &size) != 0 || size < 2) return "no log";
    std::string text(size, '\0');
    if (n.log(handle, text.data()) != 0) return "no log";
    text.pop_back();
    return text;
  }
};

Image build(const Nvrtc& n, const std::string& source, const Target& t) {
  Unit unit(n);
  const auto require = [&n](int code, const char* what) {
    if (code != 0) fail(MU_INTERNAL, std::string(what) + ": " + n.error_text(code));
  };
  require(n.create(&unit.handle, source.c_str(), "mushin.cu", 0, nullptr, nullptr), "a program was not made");
  const std::string architecture = (t.is_ptx ? "--gpu-architecture=compute_" : "--gpu-architecture=sm_") + std::to_string(t.architecture);
  const char* const options[] = {architecture.c_str(), "--std=c++17", "--fmad=false"};
  const int code = n.compile(unit.handle, 3, options);
  if (code != 0) fail(MU_INTERNAL, std::string(n.error_text(code)) + ":\n" + unit.log());
  Image image;
  image.is_ptx = t.is_ptx;
  std::size_t size = 0;
  require((t.is_ptx ? n.ptx_size : n.cubin_size)(unit.handle, &size), "no size of the result");
  image.bytes.resize(size);
  require((t.is_ptx ? n.ptx : n.cubin)(unit.handle, image.bytes.data()), "no result");
  return image;
}

}  // namespace

struct Compiler::State {
  State(std::string directory, std::string path) : disk(std::move(directory)), nvrtc_path(std::move(path)) {}
  const Nvrtc& nvrtc() {
    const std::lock_guard<std::mutex> lock(mutex);
    if (!library) library = std::make_unique<Nvrtc>(load(nvrtc_path));
    return *library;
  }
  std::shared_ptr<const Image> remembered(const std::string& key) {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto it = memory.find(key);
    return it == memory.end() ? nullptr : it->second;
  }

  DiskCache disk;
  std::string nvrtc_path;
  std::mutex mutex;
  std::unique_ptr<Nvrtc> library;
  std::unordered_map<std::string, std::shared_ptr<const Image>> memory;
};

Compiler::Compiler(std::string directory, std::string nvrtc) : state_(std::make_unique<State>(std::move(directory), std::move(nvrtc))) {}
Compiler::~Compiler() = default;

void Compiler::open(int architecture) { target_of(state_->nvrtc(), architecture); }

std::shared_ptr<const Image> Compiler::compile(const std::string& source, int architecture) {
  const Nvrtc& n = state_->nvrtc();
  const Target t = target_of(n, architecture);
  const std::string key = std::string(emitter_version) + "\nnvrtc " + std::to_string(n.major) + "." + std::to_string(n.minor) +
                          (t.is_ptx ? "\ncompute_" : "\nsm_") + std::to_string(t.architecture) + "\n" + source;
  if (std::shared_ptr<const Image> known = state_->remembered(key)) return known;
  std::optional<Image> image = state_->disk.find(key);
  if (!image) {
    image = build(n, source, t);
    state_->disk.store(key, *image);
  }
  const auto made = std::make_shared<const Image>(std::move(*image));
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->memory.emplace(key, made).first->second;
}

}  // namespace mushin::cuda::program
