// Long programs that every training step runs, each as one loop: between its instructions the values stay in registers.
#pragma once
#include <cstddef>
#include <cstdint>

#include "mushin/plugin.h"

namespace mushin::builtin {

enum class Type : std::uint8_t;

/// Elements 0 to n of all outputs, whose slots begin at `out`. `leaf`: the slots of what it reads, arrays first, then single values. An
/// output may lie where an array does. Its bits are those of the instructions one by one.
using FormulaLoop = void (*)(char* const* slot, const std::uint8_t* leaf, char* const* out, std::size_t n);

struct Formula {
  static constexpr int most_leaves = 12;
  FormulaLoop loop = nullptr;  // null: the program is none of them
  std::uint32_t ones = 0;      // the inputs that have to be one value; the others have to be arrays
  std::uint8_t leaf[most_leaves] = {};
};

/// What a program computes: its leaves, then operations over what stands before them.
struct Tape {
  static constexpr int most = 32, most_outputs = 4;
  struct Value {
    std::uint16_t op, a, b;  // op 0: a leaf
  };
  Value value[most];
  int count, arrays, leaves, outputs;
  int out[most_outputs];
  FormulaLoop loop;
};

/// All formulas there are; `count` of them.
const Tape* formula_tapes(int& count);

/// The formula that a verified program is; `types`: of its values. Formulas are of float32.
Formula find_formula(const mu_pw_program&, const Type* types);

}  // namespace mushin::builtin
