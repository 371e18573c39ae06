#include "core/memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/failure.hpp"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) && !defined(__SANITIZE_ADDRESS__)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define MUSHIN_POISON(p, n) __asan_poison_memory_region(p, n)
#define MUSHIN_UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define MUSHIN_POISON(p, n) static_cast<void>(0)
#define MUSHIN_UNPOISON(p, n) static_cast<void>(0)
#endif

namespace mushin::core {
namespace {

constexpr std::size_t step_limit = 1024, step = 64;  // classes every 64 bytes up to 1 KiB, then four an octave
constexpr std::uint32_t classes = 16 + 4 * 38;
constexpr std::uint32_t own_classes = 16 + 4 * 4;  // up to 16 KiB a thread keeps blocks of its own
constexpr std::size_t own_bytes = 16 << 10;        // of each class, at most
constexpr std::size_t huge_page = 2 << 20, huge_from = 1 << 20;

struct SizeClass {
  std::uint32_t index;
  std::size_t bytes;
};
SizeClass size_class(std::size_t bytes) {
  if (bytes <= step_limit) {
    const std::size_t k = bytes ? (bytes - 1) / step : 0;
    return {static_cast<std::uint32_t>(k), (k + 1) * step};
  }
  const unsigned octave = static_cast<unsigned>(std::bit_width(bytes - 1)) - 1;
  const std::size_t part = std::size_t{1} << (octave - 2), k = (bytes - 1 - (std::size_t{1} << octave)) / part;
  return {static_cast<std::uint32_t>(16 + (octave - 10) * 4 + k), (std::size_t{1} << octave) + (k + 1) * part};
}

// All devices with host memory share one cache; each other device has its own.
struct Cache {
  std::mutex lock, draining;
  std::array<Block*, classes> free{};
  std::vector<Block*> all;  // in use and free
  std::size_t from_system = 0, cached = 0, peak = 0;

  void count_peak() {
    if (from_system - cached > peak) peak = from_system - cached;
  }
};
constexpr std::size_t most_devices = 64;
Cache& cache_of(const Device* d) {
  static Cache* const caches = new Cache[most_devices + 1];  // never destroyed: arrays may outlive static objects
  return caches[d->host_memory ? most_devices : d->index % most_devices];
}

// A thread's own free blocks of the small classes, host memory only: no lock between one small tensor and the next. What a
// thread frees beyond `own_bytes` goes to the common cache, so memory made in one thread and freed in another comes around.
struct Own {
  std::array<Block*, own_classes> free{};
  std::array<std::uint32_t, own_classes> count{};
};
[[gnu::tls_model("initial-exec")]] thread_local constinit Own own;
[[gnu::tls_model("initial-exec")]] thread_local constinit bool own_usable = true;

void put_back(Cache& cache, Block* b) noexcept {
  const std::lock_guard locked(cache.lock);
  b->next = cache.free[b->size_class];
  cache.free[b->size_class] = b;
  cache.cached += b->bytes;
}

// Hands a thread's blocks over when it ends.
void hand_over_own() {
  for (Block*& list : own.free)
    while (Block* b = list) {
      list = b->next;
      put_back(cache_of(b->device), b);
    }
  own.count = {};
}
struct AtThreadEnd {
  ~AtThreadEnd() {
    own_usable = false;
    hand_over_own();
  }
};
void hand_over_at_thread_end() {
  static thread_local AtThreadEnd once;
  static_cast<void>(once);
}

bool from_host(Block& b) {
  const bool huge = b.bytes >= huge_from;
  const std::size_t align = huge ? huge_page : 64;
  void* p = std::aligned_alloc(align, (b.bytes + align - 1) / align * align);
  if (!p) return false;
  if (huge) madvise(p, b.bytes, MADV_HUGEPAGE);
  b.data = static_cast<std::byte*>(p);
  b.buffer = static_cast<mu_buffer*>(p);
  return true;
}

bool from_device(Block& b) {
  mu_error error{};
  error.size = sizeof error;
  const mu_code code = b.device->memory.alloc(b.device->handle, MU_MEMORY_DEVICE, b.bytes, b.device->info.mem_align, &b.buffer, &error);
  if (code != MU_OK && code != MU_OUT_OF_MEMORY) fail_on(b.op, b.device, code, error);
  return code == MU_OK;
}

std::size_t memory_limit() {
  static const std::size_t limit = [] {
    const char* set = secure_getenv("MUSHIN_MEMORY_LIMIT");
    return set && *set ? parse_bytes("MUSHIN_MEMORY_LIMIT", set) : SIZE_MAX;
  }();
  return limit;
}

// Counts a new block, or finds that it would be too much.
bool enter(Cache& cache, Block* b, std::size_t limit) {
  const std::lock_guard locked(cache.lock);
  if (b->bytes > limit || cache.from_system > limit - b->bytes) return false;
  b->number = cache.all.size();
  cache.all.push_back(b);
  cache.from_system += b->bytes;
  cache.count_peak();
  return true;
}

void strike(Cache& cache, Block* b) {
  cache.all[b->number] = cache.all.back();
  cache.all[b->number]->number = b->number;
  cache.all.pop_back();
  cache.from_system -= b->bytes;
}

void forget(Cache& cache, Block* b) {
  {
    const std::lock_guard locked(cache.lock);
    strike(cache, b);
  }
  delete b;
}

Block* fresh(Device* device, SizeClass wanted, const char* op) {
  const std::size_t limit = memory_limit();
  Block* b = new Block{1, wanted.index, nullptr, nullptr, wanted.bytes, device, nullptr, op, 0};
  Cache& cache = cache_of(device);
  if (!enter(cache, b, limit)) {
    delete b;
    return nullptr;
  }
  try {
    if (device->host_memory ? from_host(*b) : from_device(*b)) return b;
  } catch (...) {
    forget(cache, b);
    throw;
  }
  forget(cache, b);
  return nullptr;
}

void give_back(Block* b) {
  if (b->device->host_memory) {
    MUSHIN_UNPOISON(b->data, b->bytes);
    std::free(b->data);
  } else {
    b->device->memory.free(b->device->handle, b->buffer);
  }
  delete b;
}

Block* reuse(Cache& cache, std::uint32_t index) {
  const std::lock_guard locked(cache.lock);
  Block* b = cache.free[index];
  if (!b) return nullptr;
  cache.free[index] = b->next;
  cache.cached -= b->bytes;
  cache.count_peak();
  return b;
}

// "relu 4096 bytes in 2 blocks, matmul 1024 bytes in 1"
std::string largest_owners(Cache& cache) {
  struct Owner {
    const char* op;
    std::size_t bytes, blocks;
  };
  std::vector<Owner> owners;
  const std::lock_guard locked(cache.lock);
  for (const Block* b : cache.all) {
    if (__atomic_load_n(&b->refs, __ATOMIC_RELAXED) == 0) continue;
    const char* op = __atomic_load_n(&b->op, __ATOMIC_RELAXED);
    auto it = std::find_if(owners.begin(), owners.end(), [op](const Owner& o) { return std::strcmp(o.op, op) == 0; });
    if (it == owners.end()) it = owners.insert(it, {op, 0, 0});
    it->bytes += b->bytes;
    ++it->blocks;
  }
  std::sort(owners.begin(), owners.end(), [](const Owner& a, const Owner& b) { return a.bytes > b.bytes; });
  constexpr std::size_t most = 4;
  std::string text;
  for (std::size_t i = 0; i < owners.size() && i < most; ++i)
    text += fmt::format("{}{} {} bytes in {}", i ? ", " : "; largest owners: ", owners[i].op, owners[i].bytes, owners[i].blocks);
  return text;
}

[[noreturn]] void out_of_memory(Device* device, std::size_t bytes, const char* op) {
  const MemoryStats now = memory_stats(device);
  const std::size_t limit = memory_limit();
  fail<OutOfMemory>("[{}] no memory left on {}: asked for {} bytes, {} in use, {} cached{}{}", op, device->name, bytes, now.in_use,
                    now.cached, limit == SIZE_MAX ? "" : fmt::format(", MUSHIN_MEMORY_LIMIT is {}", limit),
                    largest_owners(cache_of(device)));
}

struct ForeignBlock : Block {
  void (*let_go)(void*);
  void* owner;
};

}  // namespace

Block* allocate(Device* device, std::size_t bytes, const char* op) {
  if (bytes > std::size_t{1} << 46) out_of_memory(device, bytes, op);
  const SizeClass wanted = size_class(bytes);
  Block* b = nullptr;
  const bool recorded = capturing();
  if (recorded && (b = capture::take(device, wanted.bytes))) {
  } else if (device->host_memory && wanted.index < own_classes && (b = own.free[wanted.index])) {
    own.free[wanted.index] = b->next;
    --own.count[wanted.index];
  } else if (!(b = reuse(cache_of(device), wanted.index)) && !(b = fresh(device, wanted, op))) {
    drain_cache(device);
    if (!(b = fresh(device, wanted, op))) out_of_memory(device, bytes, op);
  }
  if (device->host_memory) MUSHIN_UNPOISON(b->data, b->bytes);
  __atomic_store_n(&b->refs, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&b->op, op, __ATOMIC_RELAXED);
  if (recorded) capture::made(b);
  return b;
}

Block* adopt(Device* device, const void* data, std::size_t bytes, void (*let_go)(void*), void* owner) {
  auto* const address = static_cast<std::byte*>(const_cast<void*>(data));
  return new ForeignBlock{{1, foreign_class, address, reinterpret_cast<mu_buffer*>(address), bytes, device, nullptr}, let_go, owner};
}

void release(Block* b) noexcept {
  __atomic_store_n(&b->refs, 0, __ATOMIC_RELAXED);
  if (is_foreign(b)) {
    auto* const foreign = static_cast<ForeignBlock*>(b);
    foreign->let_go(foreign->owner);
    delete foreign;
    return;
  }
  if (capturing() && capture::returned(b)) return;
  if (b->device->host_memory) MUSHIN_POISON(b->data, b->bytes);
  const std::uint32_t k = b->size_class;
  if (b->device->host_memory && k < own_classes && own_usable && own.count[k] * b->bytes < own_bytes) {
    if (own.count[k] == 0) hand_over_at_thread_end();
    b->next = own.free[k];
    own.free[k] = b;
    ++own.count[k];
    return;
  }
  b->last_use = b->device->given.load(std::memory_order_relaxed);
  put_back(cache_of(b->device), b);
}

MemoryStats memory_stats(const Device* device) {
  Cache& cache = cache_of(device);
  const std::lock_guard locked(cache.lock);
  return {cache.from_system - cache.cached, cache.cached, cache.peak};
}

void drain_cache(Device* device) {
  Cache& cache = cache_of(device);
  const std::lock_guard one(cache.draining);  // who comes next finds what the first one has given back
  hand_over_own();
  std::array<Block*, classes> taken;
  {
    const std::lock_guard locked(cache.lock);
    taken = std::exchange(cache.free, {});
    for (Block* list : taken)
      for (Block* b = list; b; b = b->next) strike(cache, b);
    cache.cached = 0;
  }
  if (!device->host_memory) settle(device);  // queued work may still use what nobody holds any more
  for (Block* list : taken)
    while (Block* b = list) {
      list = b->next;
      give_back(b);
    }
}

}  // namespace mushin::core
