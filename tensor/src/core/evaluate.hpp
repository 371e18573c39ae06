// From pending expressions to memory: linearise, find the plan, fill the views, run.
#pragma once
#include <mutex>
#include <span>

#include "core/lock.hpp"
#include "core/node.hpp"
#include "core/program.hpp"

namespace mushin::core {

class Many;

extern std::atomic<int> eager_mode;  // -1: the environment hasn't been asked
bool read_eager();
/// MUSHIN_EAGER=1: every op is evaluated at once.
inline bool eager() {
  const int mode = eager_mode.load(std::memory_order_relaxed);
  return mode < 0 ? read_eager() : mode > 0;
}
/// For tests that compare both.
MUSHIN_API void set_eager(bool);

/// An interior value that others hold too and that costs more instructions than this is stored in the same pass, not recomputed.
constexpr unsigned recompute_limit = 8;

/// Gives memory to a pending node, a product, or a literal of its own device; in what layout, its device decides. Takes the evaluation lock
/// where there is work.
void compute(Node*);
/// The same under the lock.
void compute_locked(Node*);
/// Makes a buffer: as compute(), and what is opaque becomes strided.
void force(Node*);
/// Pending nodes of equal sizes on one device become buffers, in as few passes as the device's limits allow. Under the lock.
/// `into` (empty, or one a root; entries may be null): old values whose memory may be reused if nobody else sees them: the
/// caller holds exactly one reference of each. `many`, where it isn't null, may put passes off: their nodes are pending until it gives them.
void evaluate_group(std::span<Node* const> roots, std::span<Node* const> into, Many* many = nullptr);
/// The inputs' views as one row of `count` elements. False: they can't be walked so.
bool fill_flat(const Program&, std::int64_t count, Device*, mu_tensor* views);
/// The inputs' views in a collapsed space.
void fill_space(const Program&, const Space&, Device*, mu_tensor* views);

}  // namespace mushin::core
