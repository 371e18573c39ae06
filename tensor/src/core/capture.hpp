// What the core tells a recording, and what it asks it. All of it is called where `capturing()`, and does nothing in a thread that does not
// record.
#pragma once
#include "mushin/plugin.h"
#include "mushin/tensor/core/capture.hpp"

namespace mushin::core {

struct Block;
struct RandomDraw;
struct Plan;

namespace capture {

/// The recording that this thread makes, for the nodes that are made meanwhile; 0: none.
std::uint16_t number() noexcept;
/// A node was made by that recording, or is destroyed now.
void born() noexcept;
void died(std::uint16_t recording) noexcept;

/// A view of the block goes to the next plan.
void viewed(const Block*);
/// A plan ran, on `n` sets of views in one call: those of each set behind those of the one before.
void ran(const char* op, const Plan*, std::uint32_t n, std::uint32_t n_in, const mu_tensor* in, std::uint32_t n_out, const mu_tensor* out);
/// Memory that the recording has and nobody uses, or null.
Block* take(Device*, std::size_t bytes) noexcept;
/// Memory came from the allocator.
void made(Block*);
/// Memory without references that belongs to the recording stays with it: true.
bool returned(Block*) noexcept;
/// Whether an op may write its result over this memory, which only one node views. `assigned`: to the place that the node is in.
bool may_reuse(const Block*, bool assigned) noexcept;
/// What is at the place is about to be assigned to, having been read before: GraphError where it is a literal, which is in the programs.
void assigned(Array* place);
/// Two words {key, counter} of the generator were written to the block (not recorded), for `blocks` blocks of random bits: replays draw the
/// next ones, the same where the draw was the same.
void drawn(Block*, const RandomDraw&, std::uint64_t blocks);
/// GraphError where this thread records: `op` does what a replay could not do again.
void refuse(const char* op, const char* why);
/// Values that were pending before the recording began are computed outside of it: later they could come out differently. Under the
/// evaluation lock.
void settle_older(Node* root);
bool older(const Node*) noexcept;

}  // namespace capture
}  // namespace mushin::core
