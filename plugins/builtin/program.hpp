// Pointwise programs, verified and made ready for the tile interpreter.
#pragma once
#include <vector>

#include "common.hpp"
#include "formula.hpp"
#include "kernels.hpp"

namespace mushin::builtin {

/// One instruction over slots. Slots are numbered: inputs, constants, temporaries, outputs.
struct Step {
  const Variants* kernel;  // null: iota
  std::uint8_t d, arity, arg[3];
  std::uint8_t axis;  // iota: 0 linear, else the axis + 1
};

struct Program {
  static constexpr int most_inputs = 32, most_constants = 64, most_instructions = 128, most_outputs = 16, most_slots = 256;
  static constexpr int most_steps = 2 * most_instructions + most_inputs + most_outputs;  // when it has been widened
  struct Copy {
    std::uint8_t slot, output;
  };

  int n_in, n_const, n_temp, n_out, n_step;
  int first_temp, first_out;
  int result;               // slot of output 0
  std::int64_t tile;        // elements that one pass over the steps takes
  std::int64_t slot_bytes;  // of a temporary
  double cost;              // nanoseconds an element, roughly
  bool has_iota;
  std::vector<Step> step;
  std::vector<Copy> copy;  // outputs that no step writes: inputs, constants, and values that are two outputs
  std::vector<std::uint64_t> constant;
  Type in_type[most_inputs], out_type[most_outputs];
  int last_read[most_inputs];         // the last step that reads an input, or -1
  int made[most_outputs];             // the step that makes an output; n_step for a copy
  bool may_clash;                     // an output could overwrite an input that is still to be read
  bool plain;                         // on dense views, every step runs over all elements and makes what is stored
  std::vector<std::uint8_t> scalars;  // then: of every step, the operands that are constants
  bool fills;                         // its one output is a constant
  Formula formula;                    // one loop that does what all steps do, where its inputs lie as it says
};

/// Scratch memory of one interpreter; what a program's tile size is fitted to.
inline constexpr std::int64_t room_bytes = 64 << 10;

enum class Outputs {
  stored,  // steps write outputs where they go
  kept     // output 0 stays in a temporary (or where the input is): bodies of reductions
};
/// Throws Failure: MU_INVALID for a program against the rules, MU_UNSUPPORTED for one beyond this backend.
Program compile(const mu_pw_program&, Outputs);

/// Opcodes of our own, which no descriptor may hold: CastTable's `round` and `odd`.
inline constexpr int op_round_f16 = 0x200, op_round_bf16 = 0x201, op_odd = 0x202;

/// Kernel of an opcode for operands of one type, or null.
const Variants* find_kernel(int opcode, Type operands, Type result);

int arity_of(const mu_pw_inst&);

/// A program without arithmetic on 16-bit floats; its inputs, and what it writes, may still be of them.
struct Widened {
  std::vector<mu_pw_inst> inst;
  std::vector<std::uint64_t> constant;
  std::vector<std::uint16_t> out;
  std::vector<Type> types;  // of all values
};
/// `kept`: output 0 stays as it is computed.
bool needs_widening(const mu_pw_program&, const std::vector<Type>&, bool kept);
Widened widen(const mu_pw_program&, const std::vector<Type>&, bool kept);

/// Types of all values, after every rule of the encoding was checked. Throws Failure.
std::vector<Type> verify(const mu_pw_program&);

/// Inputs and outputs of a program against the views of an op, `first` inputs of it left out.
void require_types(const Program&, const Views&, int first_input, const char* what);

}  // namespace mushin::builtin
