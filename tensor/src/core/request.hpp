// Ops that are one plan over views as they stand: everything but programs.
#pragma once
#include <span>

#include "core/node.hpp"
#include "core/views.hpp"

namespace mushin::core {

struct Plan;

/// The plan of an op, in a PlanSection. `Plan::plan` is null where the device refuses it (and builtin too, where it shares memory).
const Plan* request_plan(const char* op, Device*, const mu_op*, unsigned n_in, std::span<const mu_tensor> views);
/// False: the device refuses the op (and builtin too, where it shares memory). `views`: `n_in` inputs, then the outputs. The
/// descriptor's bytes behind its head are part of the plan's key.
bool try_request(const char* op, Device*, const mu_op*, unsigned n_in, std::span<const mu_tensor> views);
/// The same, but what the device refuses is done on the host with copies where MUSHIN_FALLBACK allows it, else a DeviceError.
void request(const char* op, Device*, const mu_op*, unsigned n_in, std::span<const mu_tensor> views);

/// From view to view of equal sizes, with conversion.
void copy(const char* op, Device*, const mu_tensor& from, const mu_tensor& to);
/// The same for pairs of views, each from and to, that have the dims and the type of the buffer `first`, in one call. False: the device has
/// none for many.
bool copy_together(const char* op, Device*, const Array& first, std::span<const mu_tensor> pairs);
/// Writes the value to all of a view. `baked`: the value is worth a plan of its own.
void fill(const char* op, Device*, const mu_tensor& to, std::uint64_t bits, bool baked);
/// A buffer that holds the value everywhere.
Array filled(const char* op, Device*, dtype, const Sizes&, std::int64_t count, std::uint64_t bits, bool baked);
/// The same elements, row-major without gaps (a buffer that is so already is returned itself).
Array contiguous(const char* op, const Array& buffer);

/// The one device of the operands that aren't floating literals. DeviceError where they are on several.
Device* common_device(const char* op, const Node* a, const Node* b = nullptr, const Node* c = nullptr);

}  // namespace mushin::core
