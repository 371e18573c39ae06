#include "io/incoming.hpp"

#include <utility>

#include "core/node.hpp"
#include "core/plans.hpp"

namespace mushin::io {

Incoming::Incoming(const core::Sizes& sizes, dtype type)
    : array_(core::array_to_fill(core::default_device(), type, sizes, sizes.count(), "load")),
      bytes_(static_cast<std::size_t>(sizes.count()) * bytes_of(type)) {
  if (!array_.device()->host_memory) staged_ = std::make_unique_for_overwrite<std::byte[]>(bytes_);
  data_ = staged_ ? staged_.get() : core::node_of(array_)->block->data;
}

core::Array Incoming::done() {
  if (staged_) core::upload("load", core::node_of(array_)->block, 0, staged_.get(), bytes_);
  return std::move(array_);
}

}  // namespace mushin::io
