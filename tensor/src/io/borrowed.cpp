#include "io/borrowed.hpp"

#include "core/node.hpp"

namespace mushin::io {

bool can_borrow(const void* data, dtype type) {
  return core::default_device()->host_memory && reinterpret_cast<std::uintptr_t>(data) % bytes_of(type) == 0;
}

core::Array borrow(const void* data, std::size_t bytes, const core::Sizes& sizes, const std::int64_t* strides, dtype type,
                   void (*let_go)(void*), void* owner) {
  core::Device* const device = core::default_device();
  core::Block* const block = core::adopt(device, data, bytes, let_go, owner);
  core::Node* const n = core::new_node();
  n->type = type;
  n->device = device;
  n->sizes = sizes;
  n->block = block;
  n->offset = 0;
  n->floating = n->baked = false;
  core::set_contiguous(n);
  for (unsigned i = 0; strides && i < sizes.rank; ++i) n->stride[i] = strides[i];
  core::finish_view(n);
  n->state.store(core::State::buffer, std::memory_order_relaxed);
  return core::Array(n);
}

}  // namespace mushin::io
