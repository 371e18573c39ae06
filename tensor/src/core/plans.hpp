// The plan cache: what was compiled for a key, found again in some nanoseconds.
#pragma once
#include <cstddef>
#include <span>

#include "core/program.hpp"

namespace mushin::core {

// Immutable once it is in the table, and there as long as the process.
struct Plan {
  std::uint64_t hash;
  const std::uint64_t* key;
  std::size_t words;
  mu_plan* plan;  // null: the device (and builtin, where it shares memory) refused
  decltype(mu_compute_table::plan_run) run;
  std::uint64_t workspace;
  Device* device;  // who runs it; builtin in place of a refusing plugin in host memory
};

std::uint64_t hash_of(const std::uint64_t* key, std::size_t words);

/// Lock-free. Null: not there.
const Plan* find_plan(std::uint64_t hash, const std::uint64_t* key, std::size_t words);
/// Keeps a plan under its key (copied). Where another thread was faster, its plan stays and is returned.
const Plan* keep_plan(Plan made, const std::uint64_t* key, std::size_t words);
/// Plans in the cache.
MUSHIN_API std::size_t plan_count();

/// The MU_SPEC_* bits that keys of this request on this device must tell: all that any plan so far has named.
std::uint32_t known_spec(const Device*, std::uint32_t request);
/// Adds bits. True: there were new ones, and the key has to be made again.
bool learn_spec(const Device*, std::uint32_t request, std::uint32_t spec);

/// A plan for an op, from the device or, in host memory, from builtin. `plan` stays null when it is refused. `spec`: what it
/// has baked in. Throws for every other error.
Plan create_plan(const char* op, Device*, const mu_op*, std::span<const mu_tensor> in, std::span<const mu_tensor> out, std::uint32_t& spec);

/// The plan of a program: for MU_OP_POINTWISE (kind 0) or the body of MU_OP_MAP_REDUCE. `views`: inputs, then outputs.
const Plan* program_plan(Program&, Device*, std::uint32_t request, std::uint32_t kind, dtype acc, const mu_tensor* views);

void run_plan(const char* op, const Plan*, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out);

/// Into and out of a block: at once in host memory, else by the plugin, in order with what runs. `from` has been read when upload
/// returns; download waits.
void upload(const char* op, const Block* to, std::uint64_t offset, const void* from, std::size_t bytes);
void download(const char* op, void* to, const Block* from, std::uint64_t offset, std::size_t bytes);

/// Waits until all that was started on the device is done.
void wait_for(Device*);

}  // namespace mushin::core
