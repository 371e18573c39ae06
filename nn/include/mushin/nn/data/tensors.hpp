#pragma once
#include <vector>

#include "mushin/nn/data/dataset.hpp"

namespace mushin::data {

namespace detail {

/// Rows of one tensor in host memory: the compiled side of Tensors.
class MUSHIN_API Rows {
 public:
  explicit Rows(const core::Array&);
  std::int64_t size() const { return sizes_[0]; }
  core::Array get(Indices) const;
  /// ShapeError unless all have as many rows.
  static std::int64_t common_size(const std::vector<Rows>&);

 private:
  core::Sizes sizes_;
  dtype type_;
  std::vector<unsigned char> bytes_;
};

template <class T>
struct RowsOf;
template <class T, extent N, extent... E>
struct RowsOf<Tensor<T, N, E...>> {
  using Batch = Tensor<T, batch, E...>;
};

}  // namespace detail

/// A dataset from tensors whose first extent counts the samples: `data::Tensors{x, y}` gives batches (x, y) of their rows.
/// ShapeError when the tensors have different numbers of rows. Copies the values to host memory.
template <class... T>
class Tensors {
 public:
  explicit Tensors(const T&... tensors) : size_(detail::Rows::common_size(rows_ = {detail::Rows{tensors.raw()}...})) {}

  std::int64_t size() const { return size_; }
  std::tuple<typename detail::RowsOf<T>::Batch...> get(Indices which) const {
    auto row = rows_.begin();
    return std::tuple<typename detail::RowsOf<T>::Batch...>{typename detail::RowsOf<T>::Batch{(row++)->get(which)}...};
  }

 private:
  std::vector<detail::Rows> rows_;
  std::int64_t size_;
};

}  // namespace mushin::data
