// What is done to rows of a product or convolution while they are still in the cache.
#pragma once
#include <cstddef>
#include <vector>

#include "mushin/plugin.h"

namespace onednn {

/// A program that is a chain: each instruction takes the one before and at most one further value, an input or a constant.
class Epilogue {
 public:
  Epilogue() = default;
  /// `in` are the op's inputs, the first two of which are no business of the program; `out` its output. Throws Refusal (MU_UNSUPPORTED) for
  /// programs that are no chain of the known opcodes in f32, and for inputs whose innermost stride isn't 0 or 1.
  Epilogue(const mu_pw_program&, const mu_tensor* in, unsigned n_in, const mu_tensor& out);

  bool empty() const { return steps_.empty(); }

  /// Elements [column, column + n) of one row of the product, in place. `at[i]` is where input i's row begins (stride 0 or 1 from there).
  void apply(float* row, std::size_t n, const float* const* at, std::size_t column) const;

 private:
  using Kernel = void (*)(float* x, std::size_t n, const float* y);
  struct Step {
    Kernel kernel;
    int input;       // -1: `constant`, or none
    bool along_row;  // the input has an element per column
    float constant;
  };
  std::vector<Step> steps_;

  Step step(const mu_pw_program&, unsigned index, const mu_tensor* in, unsigned rank) const;
};

}  // namespace onednn
