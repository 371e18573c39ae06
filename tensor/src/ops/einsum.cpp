#include "mushin/tensor/ops/einsum.hpp"

#include "core/fail.hpp"
#include "mushin/tensor/core/contraction.hpp"

namespace mushin::core {

void check_letters(const rules::Subscripts& s, const Sizes* const* operands) {
  for (unsigned k = 0; k < s.count; ++k) {
    const Sizes& sizes = *operands[k];
    if (sizes.rank != s.in[k].rank)
      fail<ShapeError>("[einsum] the term {} does not name the axes of {}", static_cast<const char*>(s.in[k].letter), text_of(sizes));
    for (unsigned i = 0; i < sizes.rank; ++i)
      for (unsigned l = 0; l <= k; ++l)
        for (unsigned j = 0; j < (l == k ? i : s.in[l].rank); ++j)
          if (s.in[l].letter[j] == s.in[k].letter[i] && (*operands[l])[j] != sizes[i])
            fail<ShapeError>("[einsum] letter {} names axes of sizes {} and {}", s.in[k].letter[i], (*operands[l])[j], sizes[i]);
  }
}

void check_rank(const char* op, unsigned rank) {
  if (rank > max_rank) fail<ShapeError>("[{}] a value in between would have {} axes; there are at most {}", op, rank, max_rank);
}

Array einsum(const Array* operands, const rules::Subscripts& s) { return compositions::einsum(operands, s); }

}  // namespace mushin::core
