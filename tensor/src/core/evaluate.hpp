// From pending expressions to memory: linearise, find the plan, fill the views, run.
#pragma once
#include <mutex>
#include <span>

#include "core/lock.hpp"
#include "core/node.hpp"
#include "core/program.hpp"

namespace mushin::core {

/// MUSHIN_EAGER=1: every op is evaluated at once.
bool eager();
/// For tests that compare both.
MUSHIN_API void set_eager(bool);

/// An interior value that others hold too and that costs more instructions than this is stored in the same pass, not recomputed.
constexpr unsigned recompute_limit = 8;

/// Makes a buffer of a pending node or a literal of its own device. Takes the evaluation lock where there is work.
void force(Node*);
/// The same under the lock.
void force_locked(Node*);
/// Pending nodes of equal sizes on one device become buffers, in as few passes as the device's limits allow. Under the lock.
/// `into` (empty, or one a root; entries may be null): old values whose memory may be reused if nobody else sees them: the
/// caller holds exactly one reference of each.
void evaluate_group(std::span<Node* const> roots, std::span<Node* const> into);
/// Whether all inputs can be walked as one row of `count` elements (or are one value).
bool all_flat(const Program&, std::int64_t count);
/// The inputs' views: one flat row (then `space.rank` is 0), or collapsed together with one more operand of strides `last`.
void fill_inputs(const Program&, const Sizes&, std::int64_t count, Device*, const std::int64_t* last, mu_tensor* views, Space& space);
/// The inputs' views in a collapsed space.
void fill_space(const Program&, const Space&, Device*, mu_tensor* views);

}  // namespace mushin::core
