// Values in a layout that their device has chosen, and how they become strided.
#pragma once
#include "core/node.hpp"
#include "core/program.hpp"
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

// All of these under the evaluation lock.

/// An opaque value in its own sizes.
void view_opaque(mu_tensor& v, const Node*);
/// Reorders what is opaque, for good; leaves others alone.
void make_strided(Node*);
/// All inputs of a program become buffers, but for literals.
void make_inputs_strided(const Program&);
/// A buffer's elements in the layout, too: reordered once and kept with it, in its arg[0].
Node* packed(Node* buffer, const Layout&);
/// Remembers, in the same place, that a buffer was an operand which could have been packed.
void note_use(Node* buffer);
inline bool was_used(const Node* buffer) { return buffer->arg[0] != nullptr; }

/// Whether layouts are chosen now: recordings hold strided values alone, because replays write memory again that copies were packed of.
bool layouts_chosen();
/// A replay writes the memory of a buffer that nobody else sees: what was packed of it is out of date. Needs no lock.
void forget_packed(Node* buffer) noexcept;

}  // namespace mushin::core
