#include "mushin/autograd/ops/einsum.hpp"

#include <vector>

#include "mushin/autograd/ops/diagonal.hpp"
#include "mushin/autograd/ops/matmul.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/contraction.hpp"

namespace mushin::core {

Traced einsum(const Traced* operands, const rules::Subscripts& s) { return compositions::einsum(operands, s); }

namespace {

template <class H>
H summed_each(const H* wholes, const rules::Subscripts& s, unsigned maps) {
  char letters[max_rank];
  unsigned found = 0;
  for (char c = 'a'; found < maps; c = c == 'z' ? 'A' : static_cast<char>(c + 1))
    if (s.occurrences(c) == 0) letters[found++] = c;
  Sizes front;
  for (unsigned k = 0; k < s.count; ++k) mapped::share(front, wholes[k].sizes(), maps);
  rules::Subscripts all = s;
  std::vector<H> operands;
  for (unsigned k = 0; k < s.count; ++k) {
    // What isn't mapped stays one matrix of the products.
    Sizes to;
    all.in[k] = {};
    for (unsigned i = 0; i < maps; ++i)
      if (wholes[k].sizes()[i] != 1 || front[i] == 1) all.in[k].push(letters[i]), to.push(front[i]);
    for (unsigned i = 0; i < s.in[k].rank; ++i) all.in[k].push(s.in[k].letter[i]), to.push(wholes[k].sizes()[maps + i]);
    operands.push_back(to == wholes[k].sizes() ? wholes[k] : reshape(wholes[k], to));
  }
  check_rank("einsum", maps + s.out.rank);
  all.out = {};
  for (unsigned i = 0; i < maps; ++i) all.out.push(letters[i]);
  for (unsigned i = 0; i < s.out.rank; ++i) all.out.push(s.out.letter[i]);
  return einsum(operands.data(), all);
}

}  // namespace

namespace mapped {

Array einsum_each(const Array* wholes, const rules::Subscripts& s, unsigned maps) { return summed_each(wholes, s, maps); }
Traced einsum_each(const Traced* wholes, const rules::Subscripts& s, unsigned maps) { return summed_each(wholes, s, maps); }

}  // namespace mapped

}  // namespace mushin::core
