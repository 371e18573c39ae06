#include "mushin/nn/layers/embedding.hpp"

#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/random.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::nn::detail {

core::Array embedding_rows(const core::Sizes& sizes, dtype type, std::int64_t padding) {
  core::Array rows = core::randn(sizes, type);
  if (padding >= 0) {
    const core::Array keep = core::place(core::full({1, 1}, type, 1), 0, padding, sizes[0]);
    rows = core::mul(rows, core::sub(core::literal(1, type), keep));
  }
  core::evaluate(rows);
  return rows;
}

core::Array embedded(const core::Array& rows, const core::Array&, std::int64_t) { return rows; }
core::Traced embedded(const core::Traced& rows, const core::Array& indices, std::int64_t padding) {
  core::Sizes column = indices.sizes();
  column.push(1);
  const core::Array pads = core::equal(core::reshape(indices, column), core::literal(static_cast<double>(padding), dtype::i64));
  return core::where(pads, core::Traced(rows.value()), rows);
}

}  // namespace mushin::nn::detail
