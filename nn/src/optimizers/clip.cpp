#include "mushin/nn/optimizers/clip.hpp"

#include <algorithm>

#include "mushin/tensor/ops/elementary.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "optimizers/support.hpp"

namespace mushin::nn {

Tensor<float> clip_grad_norm(const Parameters& parameters, double max_norm) {
  check_option(max_norm > 0, "clip_grad_norm", "max_norm must be positive", max_norm);
  Parameters aliases;
  for (const auto& p : parameters) aliases.push_back({p.name, p.leaf.alias()});
  std::vector<core::Leaf> leaves = distinct(std::move(aliases));
  const bool any_double =
      std::any_of(leaves.begin(), leaves.end(), [](const core::Leaf& leaf) { return leaf.traced().value().type() == dtype::f64; });
  const dtype type = any_double ? dtype::f64 : dtype::f32;
  core::Array squares = core::literal(0, type);
  for (const auto& leaf : leaves) {
    const core::Array g = core::cast(leaf.grad(), type);
    squares = core::add(squares, core::sum(core::mul(g, g), (1u << g.rank()) - 1, false));
  }
  const core::Array norm = core::sqrt(squares);
  const core::Array factor =
      core::minimum(core::div(core::literal(max_norm, type), core::add(norm, core::literal(1e-6, type))), core::literal(1, type));
  const core::Array both[] = {norm, factor};
  core::evaluate(both, 2);
  for (auto& leaf : leaves) {
    const core::Array g = leaf.grad();
    leaf.set_grad(core::mul(g, core::cast(factor, g.type())));
  }
  return Tensor<float>{core::cast(norm, dtype::f32)};
}

void clip_grad_value(const Parameters& parameters, double limit) {
  check_option(limit > 0, "clip_grad_value", "the limit must be positive", limit);
  for (const auto& p : parameters) {
    const core::Array g = p.leaf.grad();
    p.leaf.alias().set_grad(core::clamp(g, core::literal(-limit, g.type()), core::literal(limit, g.type())));
  }
}

}  // namespace mushin::nn
