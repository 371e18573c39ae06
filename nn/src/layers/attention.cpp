#include "mushin/nn/attention.hpp"

#include <cmath>

#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/tensor/ops/diagonal.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::nn::detail {
namespace {

template <class Raw>
Raw hidden(const Raw& scores) {
  const unsigned rank = scores.rank();
  const dtype type = scores.type();
  const core::Sizes one{scores.sizes()[rank - 2], scores.sizes()[rank - 1]};
  const core::Array later = core::triu(core::broadcast_to(core::literal(1, type), one), 1);
  return where(core::greater(later, core::literal(0, type)), Raw(core::literal(-HUGE_VAL, type)), scores);
}

}  // namespace

core::Array hide_later(const core::Array& scores) { return hidden(scores); }
core::Traced hide_later(const core::Traced& scores) { return hidden(scores); }

}  // namespace mushin::nn::detail
