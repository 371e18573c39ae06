#include "mushin/autograd/ops/diagonal.hpp"

#include "graph/pullback.hpp"
#include "graph/record.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/autograd/ops/reduce.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/core/compositions.hpp"

namespace mushin::core {

Traced diagonal(const Traced& a, std::int64_t offset) {
  static constexpr auto pull = [](Pullback& p) {
    const Sizes& s = p.sizes(0);
    p.give(0, place_diagonal(p.cotangent(), s[s.rank - 2], s[s.rank - 1], p.parameter(0)));
  };
  static constexpr Rule rule{"diagonal", {}, pull};
  return record(rule, diagonal(a.value(), offset), a, {offset});
}

Traced place_diagonal(const Traced& a, std::int64_t rows, std::int64_t columns, std::int64_t offset) {
  static constexpr auto pull = [](Pullback& p) { p.give(0, diagonal(p.cotangent(), p.parameter(0))); };
  static constexpr Rule rule{"place_diagonal", {}, pull};
  return record(rule, place_diagonal(a.value(), rows, columns, offset), a, {offset});
}

Traced trace(const Traced& a) { return compositions::trace(a); }
Traced tril(const Traced& a, std::int64_t offset) { return compositions::tril(a, offset); }
Traced triu(const Traced& a, std::int64_t offset) { return compositions::triu(a, offset); }

}  // namespace mushin::core
