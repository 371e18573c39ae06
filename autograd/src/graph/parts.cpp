#include "graph/parts.hpp"

#include <algorithm>

#include "mushin/autograd/ops/arrange.hpp"
#include "mushin/autograd/ops/shape.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {

void Parts::add(std::int64_t begin, Traced part) {
  extent_ += part.sizes()[axis_];
  all_.push_back({begin, all_.size(), std::move(part)});
}

std::vector<std::vector<Parts::Part>> Parts::layers() {
  const auto earlier = [](const Part& a, const Part& b) { return a.begin != b.begin ? a.begin < b.begin : a.number < b.number; };
  std::sort(all_.begin(), all_.end(), earlier);
  std::vector<std::vector<Part>> layers;
  for (Part& p : all_) {
    const auto fits = [&](const std::vector<Part>& layer) { return layer.back().end(axis_) <= p.begin; };
    const auto layer = std::find_if(layers.begin(), layers.end(), fits);
    (layer != layers.end() ? *layer : layers.emplace_back()).push_back(std::move(p));
  }
  return layers;
}

Traced Parts::whole(const std::vector<Part>& layer) const {
  unsigned order[max_rank], back[max_rank];
  for (unsigned i = 0; i < sizes_.rank; ++i) {
    order[i] = order_ ? order_ >> (4 * i) & 15u : i;
    back[order[i]] = i;
  }
  std::vector<Array> values;
  for (const Part& p : layer) values.push_back(p.value.value());
  evaluate(values.data(), static_cast<unsigned>(values.size()));
  std::vector<Traced> pieces;
  std::int64_t end = 0;
  const auto zeros_until = [&](std::int64_t begin) {
    if (begin == end) return;
    Sizes gap = sizes_;
    gap.at[axis_] = begin - end;
    pieces.push_back(permute(broadcast_to(literal(0, layer[0].value.value().type()), gap), order));
  };
  for (const Part& p : layer) {
    zeros_until(p.begin);
    pieces.push_back(permute(p.value, order));
    end = p.end(axis_);
  }
  zeros_until(sizes_[axis_]);
  return permute(concat(pieces.data(), static_cast<unsigned>(pieces.size()), back[axis_], "slice"), back);
}

}  // namespace mushin::core
