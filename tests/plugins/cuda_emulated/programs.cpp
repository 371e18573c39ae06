// NVRTC, whose machine code is the source itself, and libraries of programs, which are compiled for this CPU when they are loaded.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sstream>
#include <vector>

#include "cuda_program/host_prelude.hpp"
#include "emulated.hpp"
#include "sets.hpp"

struct CUlib_st {
  std::string source;
  void* library = nullptr;
};

extern "C" void* __real_dlopen(const char*, int);
extern "C" void* __real_dlsym(void*, const char*);

namespace emulated {
namespace {

using Run = unsigned long (*)(const void*, unsigned, unsigned);
struct Kernel {
  Run run;
  std::size_t bytes, pointers;
  CUlib_st* library;    // null: unloaded
  std::size_t set = 0;  // of a kernel for several sets of arguments: bytes of each
  bool is_many = false;
};

// Pointers come first.
void translate(char* args, std::size_t pointers) {
  for (std::size_t i = 0; i < pointers; ++i) {
    void* p;
    std::memcpy(&p, args + i * sizeof p, sizeof p);
    p = here(p);
    std::memcpy(args + i * sizeof p, &p, sizeof p);
  }
}
void translate(const Kernel& kernel, char* args) {
  if (!kernel.is_many) return translate(args, kernel.pointers);
  std::uint32_t n;
  std::memcpy(&n, args, sizeof n);
  for (std::uint32_t i = 0; i < n; ++i) translate(args + mushin::cuda::program::first_set(kernel.set) + i * kernel.set, kernel.pointers);
}

// Never destroyed: threads of streams live as long as the process.
std::mutex& mutex = *new std::mutex;
std::set<std::shared_ptr<Kernel>>& kernels = *new std::set<std::shared_ptr<Kernel>>;

// ---- compiled for this CPU, once, however many processes ask

std::string name_of(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  char name[40];
  std::snprintf(name, sizeof name, "%016llx-%zu", static_cast<unsigned long long>(hash), text.size());
  return name;
}

// `what` is made from the text under a temporary name, then put in place. What the compiler says on failure; else empty.
std::string make(const std::string& what, const std::string& kind, const std::string& text, const std::string& options) {
  const std::string mine = what + "." + std::to_string(::getpid()) + "." + std::to_string(reinterpret_cast<std::uintptr_t>(&text));
  std::ofstream(mine + ".cpp") << text;
  const std::string command = cuda_program_test::host_compile(options + " -x " + kind + " -o " + mine + " " + mine + ".cpp", mine + ".log");
  std::string said;
  if (std::system(command.c_str()) != 0) {
    std::ostringstream words;
    words << command << "\n" << std::ifstream(mine + ".log").rdbuf();
    said = words.str();
  } else {
    std::filesystem::rename(mine, what);
  }
  std::filesystem::remove(mine + ".cpp"), std::filesystem::remove(mine + ".log");
  return said;
}

// The part that all have in common is compiled once.
const std::string& header() {
  static const std::string path = [] {
    const std::string text = cuda_program_test::host_prelude(cuda_program_test::Blocks::whole) + mushin::cuda::program::prelude();
    const std::filesystem::path folder = MUSHIN_EMULATED_PROGRAMS;
    std::filesystem::create_directories(folder);
    const std::string file = folder / (name_of(text) + ".hpp");
    if (!std::filesystem::exists(file + ".gch")) {
      std::ofstream(file) << text;
      make(file + ".gch", "c++-header", text, "");
    }
    return file;
  }();
  return path;
}

bool is_many(const std::string& kernel) { return kernel.find("_sets m)") != std::string::npos; }

void* compiled(const std::string& kernel, bool two) {
  const auto reduces = [&](const std::string& name) {
    const std::size_t at = kernel.find("MU_KERNEL " + name + "(");
    const std::string line = kernel.substr(at, kernel.find('\n', at) - at);
    return line.find(" rows<") != std::string::npos || line.find(" columns<") != std::string::npos;
  };
  const std::string name = "mushin_kernel", args = name + "_args";
  std::string text = kernel + cuda_program_test::runner(name, is_many(kernel) ? name + "_sets" : args, reduces(name));
  if (two) text += cuda_program_test::runner(name + "_2", args, true);
  text += "extern \"C\" unsigned long args_bytes() { return sizeof(" + args + "); }\n";
  const std::string file = std::string(MUSHIN_EMULATED_PROGRAMS "/") + name_of(header() + text) + ".so";
  std::string said;
  if (!std::filesystem::exists(file)) said = make(file, "c++", text, "-shared -include " + header());
  void* library = said.empty() ? __real_dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  if (!library) std::fprintf(stderr, "[cuda_emulated] a program doesn't compile: %s\n%s\n", said.c_str(), kernel.c_str());
  return library;
}

// ---- NVRTC

struct Unit {
  std::string source, architecture;
};
// No NVRTC's, so that nothing of this is taken for its work by those who keep that on disk.
int version(int* major, int* minor) { return *major = 99, *minor = 0, due("nvrtcVersion"); }
constexpr int known[] = {75, 80, 86, 90, 100, 120};
int architecture_count(int* n) { return *n = static_cast<int>(std::size(known)), 0; }
int architectures(int* to) { return std::memcpy(to, known, sizeof known), 0; }
int create(void** to, const char* source, const char*, int, const char* const*, const char* const*) {
  return *to = new Unit{source, ""}, due("nvrtcCreateProgram");
}
int destroy(void** unit) { return delete static_cast<Unit*>(*unit), *unit = nullptr, 0; }
int compile(void* unit, int n, const char* const* options) {
  for (int i = 0; i < n; ++i)
    if (std::strncmp(options[i], "--gpu-architecture=", 19) == 0) static_cast<Unit*>(unit)->architecture = options[i] + 19;
  return due("nvrtcCompileProgram");
}
constexpr char said[] = "mushin.cu(1): error: as asked for";
int log_size(void*, std::size_t* n) { return *n = sizeof said, 0; }
int log(void*, char* to) { return std::strcpy(to, said), 0; }
std::string image(void* unit) { return static_cast<Unit*>(unit)->architecture + "\n" + static_cast<Unit*>(unit)->source; }
int image_size(void* unit, std::size_t* n) { return *n = image(unit).size() + 1, 0; }
int image_bytes(void* unit, char* to) { return std::strcpy(to, image(unit).c_str()), 0; }
const char* error_text(int) { return "NVRTC_ERROR_COMPILATION"; }

}  // namespace

void* nvrtc_symbol(const std::string& name) {
  static const std::map<std::string, void*> symbols{
      {"nvrtcVersion", reinterpret_cast<void*>(version)},
      {"nvrtcGetNumSupportedArchs", reinterpret_cast<void*>(architecture_count)},
      {"nvrtcGetSupportedArchs", reinterpret_cast<void*>(architectures)},
      {"nvrtcCreateProgram", reinterpret_cast<void*>(create)},
      {"nvrtcDestroyProgram", reinterpret_cast<void*>(destroy)},
      {"nvrtcCompileProgram", reinterpret_cast<void*>(compile)},
      {"nvrtcGetProgramLogSize", reinterpret_cast<void*>(log_size)},
      {"nvrtcGetProgramLog", reinterpret_cast<void*>(log)},
      {"nvrtcGetPTXSize", reinterpret_cast<void*>(image_size)},
      {"nvrtcGetPTX", reinterpret_cast<void*>(image_bytes)},
      {"nvrtcGetCUBINSize", reinterpret_cast<void*>(image_size)},
      {"nvrtcGetCUBIN", reinterpret_cast<void*>(image_bytes)},
      {"nvrtcGetErrorString", reinterpret_cast<void*>(error_text)},
  };
  const auto it = symbols.find(name);
  return it == symbols.end() ? nullptr : it->second;
}

Work loaded_kernel(const void* function, dim3 grid, dim3 block, void** arguments) {
  const std::lock_guard lock(mutex);
  for (const auto& kernel : kernels) {
    if (kernel.get() != function) continue;
    if (!kernel->library || block.x != 256 || block.y != 1) return {};
    if (!kernel->run) return kernel->is_many ? bound_sets(arguments[0]) : bound_program(arguments[0]);
    const auto* given = static_cast<const char*>(arguments[0]);
    return [kernel, grid, all = std::vector<char>(given, given + kernel->bytes)] {
      std::vector<char> args = all;
      {
        const std::lock_guard still(mutex);
        if (!kernel->library) return cudaErrorLaunchFailure;
      }
      translate(*kernel, args.data());
      return kernel->run(args.data(), grid.x, grid.y) == kernel->bytes ? cudaSuccess : cudaErrorLaunchFailure;
    };
  }
  return {};
}

}  // namespace emulated

using namespace emulated;

extern "C" {

cudaError_t cudaLibraryLoadData(cudaLibrary_t* to, const void* code, cudaJitOption*, void**, unsigned, cudaLibraryOption*, void**,
                                unsigned) {
  if (const cudaError_t s = begin("cudaLibraryLoadData"); s != cudaSuccess) return s;
  const std::string text = static_cast<const char*>(code), prelude = mushin::cuda::program::prelude();
  const std::string target = std::to_string(number("capability", 90));
  const std::size_t line = text.find('\n');
  // Machine code is for one architecture, PTX for it and all newer ones.
  const bool fits =
      text.rfind("compute_", 0) == 0 ? std::stol(text.substr(8)) <= std::stol(target) : text.substr(0, line) == "sm_" + target;
  if (!fits || text.compare(line + 1, prelude.size(), prelude) != 0) return answer(cudaErrorNoKernelImageForDevice);
  auto library = std::make_unique<CUlib_st>();
  library->source = text.substr(line + 1 + prelude.size());
  if (setting("programs", "") == "builtin") return *to = library.release(), cudaSuccess;
  library->library = compiled(library->source, library->source.find("MU_KERNEL mushin_kernel_2(") != std::string::npos);
  if (!library->library) return answer(cudaErrorInvalidPtx);
  *to = library.release();
  return cudaSuccess;
}
cudaError_t cudaLibraryUnload(cudaLibrary_t library) {
  const std::lock_guard lock(mutex);
  for (const auto& kernel : kernels)
    if (kernel->library == library) kernel->library = nullptr;
  delete library;
  return answer(lost());
}
cudaError_t cudaLibraryGetKernel(cudaKernel_t* to, cudaLibrary_t library, const char* name) {
  if (const cudaError_t s = begin("cudaLibraryGetKernel"); s != cudaSuccess) return s;
  if (!library->library) {
    const std::lock_guard lock(mutex);
    const auto made = std::make_shared<Kernel>(Kernel{nullptr, 0, 0, library, 0, is_many(library->source)});
    *to = reinterpret_cast<cudaKernel_t>(kernels.insert(made).first->get());
    return cudaSuccess;
  }
  const auto run = reinterpret_cast<Run>(__real_dlsym(library->library, (std::string("run_") + name).c_str()));
  const auto bytes = reinterpret_cast<unsigned long (*)()>(__real_dlsym(library->library, "args_bytes"));
  if (!run || !bytes) return answer(cudaErrorSymbolNotFound);
  const std::string& text = library->source;
  const std::size_t first = text.find("_args {"), numbers = text.find("count, units", first);
  std::size_t pointers = 0;
  for (std::size_t at = text.find('*', first); at < numbers; at = text.find('*', at + 1)) ++pointers;
  const auto kernel = std::make_shared<Kernel>(Kernel{run, bytes(), pointers, library, bytes(), is_many(text)});
  if (kernel->is_many)
    kernel->bytes = mushin::cuda::program::first_set(kernel->set) + mushin::cuda::program::most_sets(kernel->set) * kernel->set;
  const std::lock_guard lock(mutex);
  kernels.insert(kernel);
  *to = reinterpret_cast<cudaKernel_t>(kernel.get());
  return cudaSuccess;
}
cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, size_t, cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaLaunchKernel"); s != cudaSuccess) return s;
  if (grid.x == 0 || grid.y == 0 || grid.y > 65535 || grid.z != 1) return answer(cudaErrorInvalidConfiguration);
  Work work = own_kernel(function, grid, block, arguments);
  if (!work) work = loaded_kernel(function, grid, block, arguments);
  return work ? enqueue(stream, std::move(work), Kind::kernel) : answer(cudaErrorInvalidDeviceFunction);
}
}
