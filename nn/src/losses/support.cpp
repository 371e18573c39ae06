#include "losses/support.hpp"

#include <fmt/format.h>

#include <memory>
#include <vector>

#include "mushin/tensor/core/capture.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {
namespace {

std::string spell(const core::Sizes& sizes) {
  std::string out = "(";
  for (unsigned i = 0; i < sizes.rank; ++i) out += (i ? ", " : "") + std::to_string(sizes[i]);
  return out + ")";
}

/// "(1, 2)" of element `i`, row-major.
std::string place(const core::Sizes& sizes, std::int64_t i) {
  core::Sizes at = sizes;
  for (unsigned axis = sizes.rank; axis-- > 0; i /= sizes[axis]) at.at[axis] = i % sizes[axis];
  return spell(at);
}

}  // namespace

void refuse_mean(const char* op, const core::Sizes& sizes) {
  throw ShapeError(fmt::format("[{}] the mean needs at least one element: the losses have the sizes {}", op, spell(sizes)).c_str());
}

void check_mapped_mean(const char* op, Reduction r, bool weighted) {
  if (r == Reduction::mean && weighted)
    throw Error(
        fmt::format("[{}] inside vmap a mean has neither weights nor an ignore_index: take Reduction::none, and divide", op).c_str());
}

void check_elements(const char* op, const char* rule, const core::Array& x, const core::Array& good) {
  if (core::capturing()) return;
  bool all = true;
  core::read_all(core::all(good, all_axes(good.sizes()), false), &all);
  if (all) return;
  const auto n = x.sizes().count();
  const auto fine = std::make_unique<bool[]>(static_cast<std::size_t>(n));
  std::vector<double> values(static_cast<std::size_t>(n));
  core::read_all(good, fine.get());
  core::read_all(core::cast(x, dtype::f64), values.data());
  std::int64_t i = 0;
  while (fine[static_cast<std::size_t>(i)]) ++i;
  throw ShapeError(fmt::format("[{}] {}: {} at {}", op, rule, values[static_cast<std::size_t>(i)], place(x.sizes(), i)).c_str());
}

void check_same_sizes(const char* op, const core::Sizes& a, const core::Sizes& b, unsigned rank) {
  for (unsigned i = 0; i < rank; ++i)
    if (a[i] != b[i])
      throw ShapeError(
          fmt::format("[{}] prediction and target must have the same sizes: axis {} has {} and {}", op, i, a[i], b[i]).c_str());
}

}  // namespace mushin::nn::detail
