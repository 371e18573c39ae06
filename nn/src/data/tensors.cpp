#include "mushin/nn/data/tensors.hpp"

#include <fmt/format.h>

#include <cstring>

#include "data/indices.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::data::detail {

Rows::Rows(const core::Array& a) : sizes_(a.sizes()), type_(a.type()) {
  bytes_.resize(static_cast<std::size_t>(sizes_.count()) * bytes_of(type_));
  core::read_all(a, bytes_.data());
}

core::Array Rows::get(Indices which) const {
  check_indices("Tensors", which, size());
  core::Sizes sizes = sizes_;
  sizes.at[0] = which.size();
  const std::size_t row = sizes_[0] ? bytes_.size() / static_cast<std::size_t>(sizes_[0]) : 0;
  std::vector<unsigned char> values(static_cast<std::size_t>(which.size()) * row);
  unsigned char* out = values.data();
  for (const auto i : which) {
    if (row) std::memcpy(out, bytes_.data() + static_cast<std::size_t>(i) * row, row);
    out += row;
  }
  return core::from_values(sizes, type_, values.data());
}

std::int64_t Rows::common_size(const std::vector<Rows>& all) {
  for (const auto& rows : all)
    if (rows.size() != all.front().size())
      throw ShapeError(
          fmt::format("[Tensors] all tensors must have as many rows: the first has {}, another {}", all.front().size(), rows.size())
              .c_str());
  return all.front().size();
}

}  // namespace mushin::data::detail
