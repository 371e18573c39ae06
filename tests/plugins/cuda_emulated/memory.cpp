// Devices and their memory. What the plugin gets is an address that nothing may touch; the bytes are elsewhere, for kernels alone.
#include <sys/mman.h>

#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "emulated.hpp"

namespace emulated {
namespace {

constexpr std::size_t page = 4096, grain = 256, range = std::size_t{1} << 36;

struct Block {
  std::size_t bytes;
  int device;
};
using Blocks = std::map<const char*, Block>;
// Never destroyed: threads of streams live as long as the process.
std::mutex& mutex = *new std::mutex;
std::map<std::size_t, std::size_t>& pages =
    *new std::map<std::size_t, std::size_t>;        // taken ones: where they begin in the range, how many bytes
Blocks &live = *new Blocks, &pinned = *new Blocks;  // by address
std::map<int, std::size_t>& used = *new std::map<int, std::size_t>;

char* mapped(int protection) {
  void* p = mmap(nullptr, range, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}
char* addresses() {
  static char* const p = mapped(PROT_NONE);
  return p;
}
char* contents() {
  static char* const p = mapped(PROT_NONE);
  return p;
}

const Block* find(const Blocks& in, const void* address) {
  const auto* p = static_cast<const char*>(address);
  auto it = in.upper_bound(p);
  if (it == in.begin()) return nullptr;
  --it;
  return p <= it->first + it->second.bytes ? &it->second : nullptr;
}

std::size_t gap_of(std::size_t bytes) {
  std::size_t at = 0;
  for (const auto& [begin, size] : pages) {
    if (begin - at >= bytes + page) break;
    at = begin + size + page;
  }
  return at;
}

int device_now() {
  int device = 0;
  cudaGetDevice(&device);
  return device;
}

// Ends with its last page, so that what is written behind it is seen, and is aligned to 256 and no more.
cudaError_t allocate(void** to, std::size_t bytes, const char* call) {
  if (const cudaError_t s = begin(call); s != cudaSuccess) return s;
  const int device = device_now();
  const std::lock_guard lock(mutex);
  const auto most = static_cast<std::size_t>(number("memory", 1l << 32));
  if (bytes > most || used[device] + bytes > most || bytes >= range) return answer(cudaErrorMemoryAllocation);
  const std::size_t granted = (bytes + grain - 1) / grain * grain, whole = (granted + page - 1) / page * page, at = gap_of(whole);
  if (at + whole > range || mprotect(contents() + at, whole, PROT_READ | PROT_WRITE) != 0) return answer(cudaErrorMemoryAllocation);
  pages[at] = whole;
  const std::size_t offset = at + whole - granted;
  std::memset(contents() + offset, 0xFF, granted);
  live[addresses() + offset] = {bytes, device};
  used[device] += bytes;
  *to = addresses() + offset;
  return cudaSuccess;
}

cudaError_t give_back(void* address) {
  const std::lock_guard lock(mutex);
  const auto it = live.find(static_cast<const char*>(address));
  if (it == live.end()) return answer(cudaErrorInvalidValue);
  used[it->second.device] -= it->second.bytes;
  const auto offset = static_cast<std::size_t>(static_cast<char*>(address) - addresses());
  const auto taken = --pages.upper_bound(offset);
  mprotect(contents() + taken->first, taken->second, PROT_NONE);
  madvise(contents() + taken->first, taken->second, MADV_DONTNEED);
  pages.erase(taken);
  live.erase(it);
  return cudaSuccess;
}

bool is_device(const void* p) { return p >= addresses() && p < addresses() + range; }

}  // namespace

void* here(const void* address) {
  static char* const nothing = static_cast<char*>(mmap(nullptr, page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (!address) return nullptr;
  const std::lock_guard lock(mutex);
  if (find(live, address)) return contents() + (static_cast<const char*>(address) - addresses());
  return find(pinned, address) ? const_cast<void*>(address) : nothing;
}

}  // namespace emulated

using namespace emulated;

extern "C" {

cudaError_t cudaGetDeviceCount(int* n) {
  *n = 0;
  const std::string driver = setting("driver", "");
  if (driver == "none" || number("driver", CUDART_VERSION) < CUDART_VERSION / 1000 * 1000) return answer(cudaErrorInsufficientDriver);
  *n = static_cast<int>(number("devices", 2));
  return *n ? begin("cudaGetDeviceCount") : answer(cudaErrorNoDevice);
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = setting("driver", "") == "none" ? 0 : static_cast<int>(number("driver", CUDART_VERSION));
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
  if (const cudaError_t s = begin("cudaGetDeviceProperties"); s != cudaSuccess) return s;
  *p = {};
  std::strcpy(p->name, "Emulated GPU");
  p->major = static_cast<int>(number("capability", 90) / 10), p->minor = static_cast<int>(number("capability", 90) % 10);
  p->multiProcessorCount = 132;
  p->totalGlobalMem = static_cast<std::size_t>(number("memory", 1l << 32));
  std::memset(p->uuid.bytes, device + 1, sizeof p->uuid.bytes);
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  if (attribute != cudaDevAttrMemoryPoolsSupported) return answer(cudaErrorInvalidValue);
  *value = static_cast<int>(number("pools", 1));
  return begin("cudaDeviceGetAttribute");
}
const char* cudaGetErrorString(cudaError_t s) {
  switch (s) {
    case cudaSuccess:
      return "no error";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    case cudaErrorLaunchOutOfResources:
      return "too many resources requested for launch";
    default:
      return "another error";
  }
}

cudaError_t cudaMalloc(void** to, size_t bytes) { return allocate(to, bytes, "cudaMalloc"); }
cudaError_t cudaMallocAsync(void** to, size_t bytes, cudaStream_t) { return allocate(to, bytes, "cudaMallocAsync"); }
cudaError_t cudaFree(void* p) {
  if (const cudaError_t s = begin("cudaFree"); s != cudaSuccess) return s;
  return give_back(p);
}
cudaError_t cudaFreeAsync(void* p, cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaFreeAsync"); s != cudaSuccess) return s;
  return enqueue(
      stream, [p] { return give_back(p); }, Kind::other);
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  if (const cudaError_t s = begin("cudaMemGetInfo"); s != cudaSuccess) return s;
  const int device = device_now();
  const std::lock_guard lock(mutex);
  *total = static_cast<size_t>(number("memory", 1l << 32));
  *free = *total - used[device];
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** to, size_t bytes, unsigned) {
  if (const cudaError_t s = begin("cudaHostAlloc"); s != cudaSuccess) return s;
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return answer(cudaErrorMemoryAllocation);
  const int device = device_now();
  const std::lock_guard lock(mutex);
  pinned[static_cast<char*>(p)] = {bytes, device};
  *to = p;
  return cudaSuccess;
}
cudaError_t cudaFreeHost(void* p) {
  if (const cudaError_t s = begin("cudaFreeHost"); s != cudaSuccess) return s;
  const std::lock_guard lock(mutex);
  const auto it = pinned.find(static_cast<char*>(p));
  if (it == pinned.end()) return answer(cudaErrorInvalidValue);
  munmap(p, it->second.bytes);
  pinned.erase(it);
  return cudaSuccess;
}
cudaError_t cudaHostGetDevicePointer(void** to, void* p, unsigned) {
  *to = p;
  return begin("cudaHostGetDevicePointer");
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  if (const cudaError_t s = begin("cudaPointerGetAttributes"); s != cudaSuccess) return s;
  const std::lock_guard lock(mutex);
  *a = {};
  a->type = find(live, p) ? cudaMemoryTypeDevice : find(pinned, p) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}

// Of memory that isn't pinned the source is read at once, and the target is written before the call returns.
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaMemcpyAsync"); s != cudaSuccess) return s;
  const auto is_pageable = [](const void* p) {
    const std::lock_guard lock(mutex);
    return !is_device(p) && !find(pinned, p);
  };
  if (is_pageable(from)) {
    const auto* p = static_cast<const char*>(from);
    const auto copy = [to, staged = std::vector<char>(p, p + bytes)] {
      std::memcpy(here(to), staged.data(), staged.size());
      return cudaSuccess;
    };
    return enqueue(stream, copy, Kind::other);
  }
  const bool waits = is_pageable(to);
  const auto copy = [=] {
    std::memcpy(waits ? to : here(to), here(from), bytes);
    return cudaSuccess;
  };
  const cudaError_t s = enqueue(stream, copy, Kind::other);
  return s == cudaSuccess && waits ? cudaStreamSynchronize(stream) : s;
}
cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (const cudaError_t s = begin("cudaMemsetAsync"); s != cudaSuccess) return s;
  const auto set = [=] {
    std::memset(here(to), value, bytes);
    return cudaSuccess;
  };
  return enqueue(stream, set, Kind::memset);
}
}
