#include "mushin/autograd/ops/einsum.hpp"

#include "mushin/autograd/ops/diagonal.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/contraction.hpp"

namespace mushin::core {

Traced einsum(const Traced* operands, const rules::Subscripts& s) { return compositions::einsum(operands, s); }

}  // namespace mushin::core
