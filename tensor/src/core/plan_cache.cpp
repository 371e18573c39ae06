// What the plan cache keeps, and what it lets go of. A plan is unlinked first; it is destroyed when every thread that was in a section then
// has left it, and no recording runs it.
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/fail.hpp"
#include "core/failure.hpp"
#include "core/plans.hpp"

namespace mushin::core {
namespace {

std::mutex table_mutex;
std::atomic<std::size_t> entries{0}, evicted{0}, limit_set{0};

constinit std::atomic<const Plan*> first_slots[64]{};
constinit const PlanTable first_table{63, first_slots};

// In the place of a plan that was unlinked, since what collided with it comes behind.
constexpr Plan removed{0, nullptr, SIZE_MAX, nullptr, nullptr, 0, nullptr, nullptr, false, false, 0};

// Under the mutex, as all below.
std::size_t removed_slots = 0, hand = 0;
PlanReader* readers = nullptr;

void insert(const PlanTable& t, const Plan* p) {
  std::size_t i = p->hash & t.mask;
  const Plan* there = nullptr;
  while ((there = t.slot[i].load(std::memory_order_relaxed)) && there != &removed) i = (i + 1) & t.mask;
  if (there) --removed_slots;
  t.slot[i].store(p, std::memory_order_release);
}

// What was unlinked at one time.
struct Batch {
  struct Seen {
    const PlanReader* reader;
    std::uint64_t count;
  };
  std::vector<Seen> inside;  // threads that may still read it
  std::vector<const Plan*> plans;
  const PlanTable* table = nullptr;
};
// Never destroyed, since threads may run to the process's end.
auto& batches = *new std::vector<Batch>;
auto& recorded = *new std::vector<const Plan*>;  // out of the cache, in no section, but in a recording or another device's

// Kernels since 4.14, where no sandbox forbids it.
bool can_order_sections() {
  static const bool can = syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  return can;
}
// Every section that began before has its count written; every one that begins later sees what was unlinked.
bool order_sections() { return can_order_sections() && syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0; }

void see_sections(Batch& b) {
  for (const PlanReader* r = readers; r; r = r->next)
    if (const std::uint64_t count = r->count.load(std::memory_order_acquire); count & 1u) b.inside.push_back({r, count});
}

bool is_recorded(const Plan* p) { return std::atomic_ref(p->recordings).load(std::memory_order_acquire) > 0; }

// Takes what nobody can run any more out of the lists. What another device may be doing stays for a thread of its own: that device might
// wait, as another rank, for this one.
std::vector<const Plan*> take_unused(const Device* here) {
  std::vector<const Plan*> unused;
  for (Batch& b : batches) {
    std::erase_if(b.inside, [](const Batch::Seen& s) { return s.reader->count.load(std::memory_order_acquire) != s.count; });
    if (!b.inside.empty()) continue;
    recorded.insert(recorded.end(), b.plans.begin(), b.plans.end());
    if (b.table && b.table != &first_table) delete[] b.table->slot, delete b.table;
  }
  std::erase_if(batches, [](const Batch& b) { return b.inside.empty(); });
  const auto stays = [here](const Plan* p) { return is_recorded(p) || (p->plan && !p->device->host_memory && p->device != here); };
  const auto gone = std::partition(recorded.begin(), recorded.end(), stays);
  unused.assign(gone, recorded.end());
  recorded.erase(gone, recorded.end());
  return unused;
}

// Work that a device has not done yet may need a plan of it.
void destroy(const std::vector<const Plan*>& plans) {
  std::vector<const Device*> settled;
  for (const Plan* p : plans) {
    if (p->plan && !p->device->host_memory && std::find(settled.begin(), settled.end(), p->device) == settled.end()) {
      settle(p->device);
      settled.push_back(p->device);
    }
    if (p->plan) p->device->compute.plan_destroy(p->plan);
    delete p->answers;
    delete[] p->key;
    delete p;
  }
  evicted.fetch_sub(plans.size(), std::memory_order_relaxed);
}

// A clock: what was found since the hand was here last stays this time.
void evict(Batch& b, std::size_t count) {
  const PlanTable& t = *plan_table.load(std::memory_order_relaxed);
  count = std::min(count, entries.load(std::memory_order_relaxed));
  for (; b.plans.size() < count; ++hand) {
    std::atomic<const Plan*>& slot = t.slot[hand & t.mask];
    const Plan* p = slot.load(std::memory_order_relaxed);
    if (!p || p == &removed) continue;
    if (const std::atomic_ref used(p->used); used.load(std::memory_order_relaxed)) {
      used.store(false, std::memory_order_relaxed);
      continue;
    }
    slot.store(&removed, std::memory_order_release);
    b.plans.push_back(p);
  }
  removed_slots += count;
  entries.fetch_sub(count, std::memory_order_relaxed);
  evicted.fetch_add(count, std::memory_order_relaxed);
}

// Larger, or of the same size where removed ones fill it. The one before is returned, or null where there is room.
const PlanTable* renew_table() {
  const PlanTable* t = plan_table.load(std::memory_order_relaxed);
  const std::size_t plans = entries.load(std::memory_order_relaxed);
  if (2 * (plans + removed_slots) <= t->mask) return nullptr;
  const std::size_t size = (4 * plans > t->mask ? 4 : 1) * (t->mask + 1);
  const auto* next = new PlanTable{size - 1, new std::atomic<const Plan*>[size] {}};
  removed_slots = 0;
  for (std::size_t i = 0; i <= t->mask; ++i)
    if (const Plan* p = t->slot[i].load(std::memory_order_relaxed); p && p != &removed) insert(*next, p);
  plan_table.store(next, std::memory_order_release);
  return t;
}

void make_room() {
  const std::size_t plans = entries.load(std::memory_order_relaxed), limit = plan_limit();
  Batch b;
  if (plans >= limit && can_order_sections()) evict(b, plans - limit + limit / 16 + 1);
  b.table = renew_table();
  if (b.plans.empty() && !b.table) return;
  if (!order_sections()) return;  // what is unlinked stays: mostly old tables, which together are smaller than the current one
  see_sections(b);
  batches.push_back(std::move(b));
}

struct AtThreadEnd {
  ~AtThreadEnd() {
    const std::lock_guard lock(table_mutex);
    plan_reader->taken = false;
    plan_reader = nullptr;
  }
};

}  // namespace

constinit std::atomic<const PlanTable*> plan_table{&first_table};
constinit thread_local PlanReader* plan_reader = nullptr;

PlanReader* new_plan_reader() {
  {
    const std::lock_guard lock(table_mutex);
    PlanReader* r = readers;
    while (r && r->taken) r = r->next;
    if (r)
      r->taken = true;
    else
      readers = r = new PlanReader{.next = readers};
    plan_reader = r;
  }
  static thread_local const AtThreadEnd once;  // a thread that needs one after its end keeps it
  static_cast<void>(once);
  return plan_reader;
}

const Plan* keep_plan(Plan made, const std::uint64_t* key, std::size_t words) {
  made.hash = hash_of(key, words);
  made.words = words;
  std::vector<const Plan*> unused;
  const Plan* kept = nullptr;
  {
    const std::lock_guard lock(table_mutex);
    if (const Plan* there = find_plan(made.hash, key, words)) {
      if (made.plan) made.device->compute.plan_destroy(made.plan);
      delete made.answers;
      return there;
    }
    make_room();
    auto* copy = new std::uint64_t[words];
    std::copy(key, key + words, copy);
    made.key = copy;
    insert(*plan_table.load(std::memory_order_relaxed), kept = new Plan(made));
    ++entries;
    if (!batches.empty() || !recorded.empty()) unused = take_unused(made.device);
  }
  destroy(unused);
  return kept;
}

std::size_t plan_count() { return entries.load(std::memory_order_relaxed); }
std::size_t evicted_plan_count() { return evicted.load(std::memory_order_relaxed); }

std::size_t plan_limit() {
  static const std::size_t limit = [] {
    const char* set = secure_getenv("MUSHIN_PLAN_CACHE");
    std::size_t n = 4096;
    if (!set || !*set) return n;
    const char* end = set + std::strlen(set);
    const auto [at, error] = std::from_chars(set, end, n);
    if (error != std::errc() || at != end || n == 0) fail<Error>("[plans] MUSHIN_PLAN_CACHE is a number of plans, at least 1: \"{}\"", set);
    return n;
  }();
  const std::size_t set = limit_set.load(std::memory_order_relaxed);
  return set ? set : limit;
}

void set_plan_limit(std::size_t n) { limit_set.store(n, std::memory_order_relaxed); }

}  // namespace mushin::core
