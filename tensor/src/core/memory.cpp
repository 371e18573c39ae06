#include "core/memory.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/block_cache.hpp"
#include "core/capture.hpp"
#include "core/fail.hpp"
#include "core/failure.hpp"
#include "core/streams.hpp"

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

constexpr std::size_t own_bytes = small_bytes;  // of each class, at most, a thread keeps for itself
constexpr std::size_t most_bytes = std::size_t{1} << 46;
constexpr std::size_t huge_page = 2 << 20, huge_from = 1 << 20;

// All devices with host memory share one cache; each other device has its own.
constexpr std::size_t most_devices = 64;
BlockCache& cache_of(const Device* d) {
  static auto* const caches = new BlockCache[most_devices + 1];  // never destroyed: arrays may outlive static objects
  return caches[d->host_memory ? most_devices : d->index % most_devices];
}

// A thread's own free blocks of the small classes, host memory only: no lock between one small tensor and the next. What a
// thread frees beyond `own_bytes` goes to the common cache, so memory made in one thread and freed in another comes around.
struct Own {
  std::array<Block*, small_classes> free{};
  std::array<std::uint32_t, small_classes> count{};
};
[[gnu::tls_model("initial-exec")]] thread_local constinit Own own;
[[gnu::tls_model("initial-exec")]] thread_local constinit bool own_usable = true;

// Hands a thread's blocks over when it ends.
void hand_over_own() {
  for (Block*& list : own.free)
    while (Block* b = list) {
      list = b->next;
      cache_of(b->device).put(b);
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

Block* fresh(Device* device, SizeClass wanted, const char* op) {
  const std::size_t limit = memory_limit();
  auto b = std::make_unique<Block>(Block{1, wanted.index, nullptr, nullptr, wanted.bytes, device, nullptr, op, 0});
  BlockCache& cache = cache_of(device);
  if (!cache.enter(b.get(), limit)) return nullptr;
  try {
    if (device->host_memory ? from_host(*b) : from_device(*b)) return b.release();
  } catch (...) {
    cache.forget(b.get());
    throw;
  }
  cache.forget(b.get());
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

// "relu 4096 bytes in 2 blocks, matmul 1024 bytes in 1"
std::string largest_owners(BlockCache& cache) {
  struct Owner {
    const char* op;
    std::size_t bytes, blocks;
  };
  std::vector<Owner> owners;
  const std::lock_guard locked(cache.lock);
  for (const Block* b : cache.all()) {
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

// From the cache, else from the device, else whatever free block has room; once more when what is whole in the cache was given back.
[[gnu::noinline]] Block* find(Device* device, SizeClass wanted, const char* op) {
  BlockCache& cache = cache_of(device);
  for (const bool again : {false, true}) {
    if (again) drain_cache(device);
    Block* b = cache.take(wanted, UINT64_MAX, false);
    if (b || (b = fresh(device, wanted, op)) || (b = cache.take(wanted, UINT64_MAX, true))) return b;
  }
  return nullptr;
}

struct ForeignBlock : Block {
  void (*let_go)(void*);
  void* owner;
};

}  // namespace

Block* allocate(Device* device, std::size_t bytes, const char* op) {
  if (bytes > most_bytes) out_of_memory(device, bytes, op);
  const SizeClass wanted = SizeClass::above(bytes);
  Block* b = nullptr;
  const bool recorded = capturing(), again = recorded && (b = capture::take(device, wanted.bytes));
  if (again) {
  } else if (device->host_memory && wanted.index < small_classes && (b = own.free[wanted.index])) {
    own.free[wanted.index] = b->next;
    --own.count[wanted.index];
  } else if (!(b = find(device, wanted, op))) {
    out_of_memory(device, bytes, op);
  }
  if (device->host_memory) MUSHIN_UNPOISON(b->data, b->bytes);
  __atomic_store_n(&b->refs, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&b->op, op, __ATOMIC_RELAXED);
  if (recorded && !again) capture::made(b);
  return b;
}

Block* allocate_for_upload(Device* device, std::size_t bytes, const char* op) {
  if (!device->streams || capturing() || bytes > most_bytes) return allocate(device, bytes, op);
  std::uint64_t done;
  {
    const std::lock_guard turn(device->giving);
    done = device->streams->done();
  }
  Block* const b = cache_of(device).take(SizeClass::above(bytes), done, false);
  if (!b) return allocate(device, bytes, op);
  __atomic_store_n(&b->refs, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&b->op, op, __ATOMIC_RELAXED);
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
  if (b->device->host_memory && k < small_classes && own_usable && own.count[k] * b->bytes < own_bytes) {
    if (own.count[k] == 0) hand_over_at_thread_end();
    b->next = own.free[k];
    own.free[k] = b;
    ++own.count[k];
    return;
  }
  b->last_use = b->device->given.load(std::memory_order_relaxed);
  cache_of(b->device).put(b);
}

MemoryStats memory_stats(const Device* device) {
  if (device->host_memory) hand_over_own();
  return cache_of(device).stats();
}

void drain_cache(Device* device) {
  BlockCache& cache = cache_of(device);
  const std::lock_guard one(cache.draining);  // who comes next finds what the first one has given back
  hand_over_own();
  Block* taken = cache.take_whole();
  if (!device->host_memory) settle(device);  // queued work may still use what nobody holds any more
  while (Block* b = taken) {
    taken = b->next;
    give_back(b);
  }
}

}  // namespace mushin::core
