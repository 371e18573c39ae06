#pragma once
#include <fmt/format.h>

#include "mushin/nn/module.hpp"
#include "mushin/tensor/core/assignments.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/pointwise.hpp"

namespace mushin::nn {

/// Each leaf once, in the order of their first appearance.
std::vector<core::Leaf> distinct(Parameters);

/// Error unless `good`.
inline void check_option(bool good, const char* op, const char* rule, double value) {
  if (!good) throw Error(fmt::format("[{}] {}: {}", op, rule, value).c_str());
}

/// a * s, with `s` as a scalar of a's element type.
inline core::Array scaled(const core::Array& a, double s) { return core::mul(a, core::literal(s, a.type())); }

/// The gradient with L2 decay, as PyTorch adds it.
inline core::Array decayed_gradient(core::Leaf& leaf, double weight_decay) {
  core::Array g = leaf.grad();
  return weight_decay == 0 ? g : core::add(g, scaled(leaf.value(), weight_decay));
}

/// p * kept - step; `p` itself where `kept` is 1.
inline core::Array reduced(const core::Array& p, double kept, const core::Array& step) {
  return kept == 1 ? core::sub(p, step) : core::sub(scaled(p, kept), step);
}

/// old * beta + fresh * (1 - beta); `old` may be empty, as zero.
core::Array blend(const core::Array& old, double beta, const core::Array& fresh);

/// old + part * (fresh - old): the same with one scalar, so that a program of many has place for it; rounds as PyTorch's lerp.
core::Array towards(const core::Array& old, double part, const core::Array& fresh);

/// `*to[i] = from[i]` in one pass, where some `*to[i]` may be empty. In the memory of `*to[i]` as far as nothing else holds its value: a step
/// keeps no copy of a parameter or state until then.
void store(std::initializer_list<core::Array*> to, std::initializer_list<core::Array> from);
/// The same by the end of the step.
void store(core::Assignments&, std::initializer_list<core::Array*> to, std::initializer_list<core::Array> from);

}  // namespace mushin::nn
