// The plan cache: what was compiled for a key, found again in some nanoseconds.
#pragma once
#include <atomic>
#include <cstddef>
#include <span>

#include "core/program.hpp"

namespace mushin::core {

/// What a plan answered to MU_LAYOUT_ANY, by the place of the view.
struct Answers {
  static constexpr std::size_t most = sizeof(mu_plan_info::layout_id) / sizeof(std::uint64_t);
  Layout of[most];
};

/// deterministic_algorithms(): plans are made, and kept, for each of the two.
extern std::atomic<bool> deterministic_mode;
inline bool deterministic() noexcept { return deterministic_mode.load(std::memory_order_relaxed); }
/// allow_tf32(): likewise. What products of floats may be computed with.
extern std::atomic<bool> tf32_mode;
inline std::uint32_t product_math() noexcept { return tf32_mode.load(std::memory_order_relaxed) ? MU_MATH_TF32 : MU_MATH_EXACT; }
/// The 16 bits of a key that tell whose plan it is, and for which modes.
inline std::uint64_t device_bits(const Device* d) {
  return std::uint64_t{d->index} | std::uint64_t{product_math()} << 14 | std::uint64_t{deterministic()} << 15;
}

// What it tells is immutable once it is in the table. It is there for as long as a PlanSection of a thread that found it, or a recording,
// may run it.
struct Plan {
  std::uint64_t hash;
  const std::uint64_t* key;
  std::size_t words;
  mu_plan* plan;  // null: the device (and builtin, where it shares memory) refused
  decltype(mu_compute_table::plan_run) run;
  std::uint64_t workspace;
  Device* device;                    // who runs it; builtin in place of a refusing plugin in host memory
  const Answers* answers;            // null: all is strided
  bool capture_safe;                 // its runs may be launched as part of a graph
  mutable bool used;                 // found since the cache last looked for plans to let go of; atomic
  mutable std::uint32_t recordings;  // that run it; atomic

  Layout answer(std::size_t view) const { return answers ? answers->of[view] : Layout{}; }
};

inline std::uint64_t hash_of(const std::uint64_t* key, std::size_t words) {
  std::uint64_t h = words;
  for (std::size_t i = 0; i < words; ++i) h = ((h << 5 | h >> 59) ^ key[i]) * 0x9E3779B97F4A7C15u;
  return h ^ h >> 32;
}

/// Counts the beginnings and ends of a thread's sections: odd in one.
struct alignas(64) PlanReader {
  std::atomic<std::uint64_t> count{0};
  bool taken = true;  // by a thread that lives
  PlanReader* next = nullptr;
};
[[gnu::tls_model("initial-exec")]] extern constinit thread_local PlanReader* plan_reader;
PlanReader* new_plan_reader();

/// While a thread has one, what it finds in the cache stays. May be nested. Costs two stores: whoever evicts has the kernel order them
/// before what is read next (`membarrier`).
class PlanSection {
 public:
  PlanSection() : reader_(plan_reader ? plan_reader : new_plan_reader()) {
    const std::uint64_t count = reader_->count.load(std::memory_order_relaxed);
    if (count & 1u) {
      reader_ = nullptr;  // inside another
      return;
    }
    reader_->count.store(count + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~PlanSection() {
    if (reader_) reader_->count.store(reader_->count.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }
  PlanSection(const PlanSection&) = delete;
  PlanSection& operator=(const PlanSection&) = delete;

 private:
  PlanReader* reader_;
};

// Open addressing, at most half full. Readers take no lock; a table that is replaced goes when no section can be reading it.
struct PlanTable {
  std::size_t mask;
  std::atomic<const Plan*>* slot;
};
extern std::atomic<const PlanTable*> plan_table;  // never null

/// In a PlanSection. Null: not there.
inline const Plan* find_plan(std::uint64_t hash, const std::uint64_t* key, std::size_t words) {
  const PlanTable* t = plan_table.load(std::memory_order_acquire);
  for (std::size_t i = hash & t->mask;; i = (i + 1) & t->mask) {
    const Plan* p = t->slot[i].load(std::memory_order_acquire);
    if (!p) return nullptr;
    if (p->hash != hash || p->words != words) continue;
    std::size_t k = 0;
    while (k < words && p->key[k] == key[k]) ++k;
    if (k < words) continue;
    const std::atomic_ref used(p->used);
    if (!used.load(std::memory_order_relaxed)) used.store(true, std::memory_order_relaxed);
    return p;
  }
}
/// Keeps a plan under its key (copied), in a PlanSection. Where another thread was faster, its plan stays and is returned. Where there are
/// as many as plan_limit(), a sixteenth of them goes, of those that were not found for longest.
const Plan* keep_plan(Plan made, const std::uint64_t* key, std::size_t words);
/// Plans in the cache.
MUSHIN_API std::size_t plan_count();
/// Plans out of the cache that are not destroyed yet: recordings run them, or threads that were in a section then have not left it.
MUSHIN_API std::size_t evicted_plan_count();
/// The most that there are: MUSHIN_PLAN_CACHE, or else 4096. Throws where the variable is no number.
MUSHIN_API std::size_t plan_limit();
/// Another limit, for tests. 0: the variable's.
MUSHIN_API void set_plan_limit(std::size_t);
/// A recording runs it: in the PlanSection in which it was found.
inline void hold_plan(const Plan* p) { std::atomic_ref(p->recordings).fetch_add(1, std::memory_order_relaxed); }
inline void let_go_of_plan(const Plan* p) { std::atomic_ref(p->recordings).fetch_sub(1, std::memory_order_release); }

/// The MU_SPEC_* bits that keys of this request on this device must tell: all that any plan so far has named.
inline constexpr unsigned spec_devices = 256, spec_requests = 128;
extern std::atomic<std::uint8_t> plan_specs[spec_devices][spec_requests];
constexpr std::uint32_t spec_is_known = 0x80;
std::uint32_t first_spec(const Device*, std::uint32_t request);
inline std::uint32_t known_spec(const Device* d, std::uint32_t request) {
  const std::uint32_t spec = plan_specs[d->index % spec_devices][request % spec_requests].load(std::memory_order_relaxed);
  return spec & spec_is_known ? spec & ~spec_is_known : first_spec(d, request);
}
/// Adds bits. Where there are more than a key told, it has to be made again.
void learn_spec(const Device*, std::uint32_t request, std::uint32_t spec);

/// A plan for an op, from the device or, in host memory and where `elsewhere`, from builtin (if no view is opaque). `plan` stays null when
/// it is refused, as it is too where deterministic() and the device doesn't promise it. `spec`: what it has baked in. Throws for every
/// other error.
Plan create_plan(const char* op, Device*, const mu_op*, std::span<const mu_tensor> in, std::span<const mu_tensor> out, std::uint32_t& spec,
                 bool elsewhere = true);

/// What a program's key tells beside the program: 3 bits, and 4 for each type.
inline std::uint32_t program_extra(std::uint32_t kind, dtype acc, const mu_tensor& out) {
  return kind | code_of(acc) << 3 | code_of(static_cast<dtype>(out.dtype)) << 7;
}
const Plan* new_program_plan(Program&, Device*, std::uint32_t request, std::uint32_t kind, dtype acc, const mu_tensor* views);
/// The plan of a program: for MU_OP_POINTWISE (kind 0) or the body of MU_OP_MAP_REDUCE. `views`: inputs, then outputs. `Plan::plan` is null
/// where a device with memory of its own refuses.
inline const Plan* program_plan(Program& p, Device* d, std::uint32_t request, std::uint32_t kind, dtype acc, const mu_tensor* views) {
  const std::uint32_t extra = program_extra(kind, acc, views[p.n_in]);
  const std::size_t words = p.finish_key(d, request, extra, known_spec(d, request), {views, std::size_t{p.n_in} + p.n_out});
  const Plan* plan = find_plan(hash_of(p.key, words), p.key, words);
  return plan ? plan : new_program_plan(p, d, request, kind, acc, views);
}

/// The plan of a matrix product whose epilogue is the program, with its input `product` in the product's place. `views`: the two
/// matrices, the program's other inputs, the output. `Plan::plan` is null where product and program had better be two plans.
const Plan* epilogue_plan(Program&, Device*, unsigned product, std::span<const mu_tensor> views);

/// Runs it, or queues it: on a device with memory of its own an error may come later, from whoever waits. When the device has no memory
/// left its cache is drained and it is asked once more.
void run_plan(const char* op, const Plan*, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out);
/// The same for `n` sets of views, each of inputs and then outputs, where none writes memory that another one uses: in one call, by the
/// device's mu_many_table.
void run_plans(const char* op, const Plan*, std::uint32_t n, std::uint32_t n_in, std::uint32_t n_out, const mu_tensor* views);

/// Into a block that nothing has used since it was allocated: at once in host memory, else by the plugin, beside what is computed; whatever
/// uses the block later comes after it. `from` has been read when it returns.
void upload(const char* op, const Block* to, std::uint64_t offset, const void* from, std::size_t bytes);
/// The same into any block: in order with what is computed.
void upload_in_order(const char* op, const Block* to, std::uint64_t offset, const void* from, std::size_t bytes);
/// Out of a block, after what was given to the device until now. Waits, and throws what failed on the device until then.
void download(const char* op, void* to, const Block* from, std::uint64_t offset, std::size_t bytes);

}  // namespace mushin::core
