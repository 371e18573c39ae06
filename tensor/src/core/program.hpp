// A pointwise program in construction. Value ids are provisional (input i, constant 0x40 + i, instruction 0x80 + i): as
// they stand they are the key of the plan cache, and become the boundary's numbering only when a plan is made.
#pragma once
#include <span>

#include "core/node.hpp"
#include "core/views.hpp"
#include "mushin/plugin.h"

namespace mushin::core {

struct Program {
  static constexpr unsigned most_in = 16, most_out = 16, most_const = 16, most_inst = 64;
  static constexpr std::uint16_t constant_base = 0x40, inst_base = 0x80;

  // Two words that finish_key() writes, two an instruction (laid out as mu_pw_inst), and behind the last one what finish_key() adds.
  static constexpr unsigned head_words = 2;
  std::uint64_t key[head_words + 2 * most_inst + most_const + 3 + most_out / 4 + 2 * max_rank * (most_in + most_out)];

  std::uint64_t constant[most_const];
  dtype constant_type[most_const];
  Node* in[most_in];      // buffers, and literals that aren't baked
  Node* made[most_inst];  // what each instruction computes
  std::uint64_t in_types;
  std::uint16_t n_in, n_const, n_inst, n_out, out[most_out];
  std::uint16_t limit_in, limit_inst, limit_out;
  std::uint32_t unready;  // inputs (a bit each) that are products and have no memory yet, or opaque
  bool overflow;          // a limit was met; what was visited since is of no use
  bool written_out;       // the device refuses optional opcodes: counted as what they are in core ones
  std::uint64_t epoch;

  /// Begins a linearisation for a device. All of these need the evaluation lock.
  void begin(const Device*);
  /// The value id of a pending node; its instructions are appended.
  std::uint16_t visit(Node*);
  /// The value id of any node.
  std::uint16_t visit_any(Node* n) { return operand(n); }
  /// The inputs (a bit each) that interior nodes which stay pending after this pass will read again: callers often hold the parts
  /// of an expression until the end of their statement. `outputs`: the nodes that become buffers, `n_out` of them.
  std::uint32_t read_again(Node* const* outputs) const;
  /// Number of distinct instructions below and at `n`.
  static unsigned exact_cost(Node* n);

  /// Completes the key and returns the number of its words. `spec`: which MU_SPEC_* the key has to tell of
  /// `views`.
  std::size_t finish_key(const Device*, std::uint32_t request, std::uint32_t extra, std::uint32_t spec, std::span<const mu_tensor> views);

 private:
  std::uint16_t operand(Node* n) {
    if (n->mark == epoch) {
      ++n->edges;
      return n->value;
    }
    const State state = n->state.load(std::memory_order_acquire);
    if (state == State::pending) return visit(n);
    n->mark = epoch;
    n->edges = 1;
    if (state == State::literal && n->baked) return n->value = add_constant(n);
    if (state >= State::product) unready |= 1u << n_in;
    return n->value = add_input(n);
  }
  std::uint16_t add_input(Node* n) {
    if (n_in == limit_in) return overflow = true, MU_PW_NONE;
    in[n_in] = n;
    in_types |= std::uint64_t{code_of(n->type)} << (4 * n_in);
    return n_in++;
  }
  std::uint16_t add_constant(const Node*);
};

/// The words that tell which views are opaque, and how, or are offered as such.
std::uint64_t* append_layouts(std::uint64_t* to, std::span<const mu_tensor> views);

/// How many core instructions an optional opcode is.
unsigned written_out_length(std::uint16_t op);

/// The words that MU_SPEC_* bits add to a key: classes of inner strides and rank, dims, strides.
std::uint64_t* append_spec(std::uint64_t* to, std::uint32_t spec, const mu_tensor* views, unsigned count);

}  // namespace mushin::core
