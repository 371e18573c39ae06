#pragma once
#include "mushin/autograd/core/function.hpp"

namespace mushin::core {

/// A function that is called again in the backward pass.
class MUSHIN_API Recomputed {
 public:
  virtual ~Recomputed();
  virtual Traced run(const Traced* x) = 0;
};

/// `owned` of x; what it recorded is dropped and recorded again when it is pulled. Errors: see mu::checkpoint.
MUSHIN_API Traced checkpoint(Recomputed* owned, const Traced* x, unsigned count);

}  // namespace mushin::core
