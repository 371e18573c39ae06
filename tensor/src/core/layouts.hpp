// Values in a layout that their device has chosen, and how they become strided.
#pragma once
#include "core/node.hpp"
#include "core/program.hpp"
#include "devices/device_state.hpp"
#include "mushin/plugin.h"

namespace mushin::core {

/// Memory while it is looked at.
struct Held {
  Block* block = nullptr;

  Held() = default;
  explicit Held(Block* owned) : block(owned) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    if (block) drop_ref(block);
  }
};

inline bool chooses_product_layouts(const Device* d) { return (d->info.caps & MU_CAP_OPAQUE_LAYOUTS) != 0; }
inline bool chooses_image_layouts(const Device* d) { return (d->info.caps & MU_CAP_IMAGE_LAYOUTS) != 0; }
/// Whether an op of images, on this device, may take and give values as the device lays them out.
bool image_layouts_chosen(const Device*);
/// An op with at least one operand and result, on a device of image layouts; takes the evaluation lock. `values`: the first operands, in
/// memory, whose views are filled in here; such a bit in `offered` tells that a strided one may be reordered for this op. `views`: all
/// operands, then all results; those of further operands and results are the caller's. Null where the device refuses; else the first
/// result, of `sizes` and in a layout that the device has chosen.
Array try_in_layout(const char* name, Device*, const mu_op*, std::span<const Array> values, std::uint32_t offered, const Sizes& sizes,
                    unsigned n_in, std::span<mu_tensor> views);

// All of these under the evaluation lock.

/// An opaque value in its own sizes.
void view_opaque(mu_tensor& v, const Node*);
/// Reorders what is opaque, for good; leaves others alone.
void make_strided(Node*);
/// All inputs of a program become buffers, but for literals.
void make_inputs_strided(const Program&);
/// A buffer's elements in the layout, as a value by itself. Needs no lock.
Array in_layout(const Node* buffer, const Layout&);
/// The same: reordered once and kept with it, in its arg[0].
Node* packed(Node* buffer, const Layout&);
/// Remembers, in the same place, that a buffer was an operand which could have been packed.
void note_use(Node* buffer);
inline bool was_used(const Node* buffer) { return buffer->arg[0] != nullptr; }

/// Whether layouts are chosen now: recordings hold strided values alone, because replays write memory again that copies were packed of.
bool layouts_chosen();
/// A replay writes the memory of a buffer that nobody else sees: what was packed of it is out of date. Needs no lock.
void forget_packed(Node* buffer) noexcept;

}  // namespace mushin::core
