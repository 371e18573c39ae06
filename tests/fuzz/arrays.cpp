// The least of the core that readers need, so that a fuzzer is made of readers alone: arrays whose memory is exactly as large as their
// header says, where a sanitizer sees every byte beyond.
#include "core/fail.hpp"
#include "io/borrowed.hpp"
#include "io/incoming.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core {
namespace {

Array made(const Sizes& sizes, dtype type) { return Array(new NodeHead{1, type, nullptr, sizes}); }

}  // namespace

void destroy(NodeHead* n) noexcept { delete n; }

Array from_values(const Sizes& sizes, dtype type, const void* values) {
  // Reads the last byte of the values.
  const auto bytes = static_cast<std::size_t>(sizes.count()) * bytes_of(type);
  if (bytes != 0) (void)static_cast<const volatile std::byte*>(values)[bytes - 1];
  return made(sizes, type);
}

Array permute(const Array& a, const unsigned* order) {
  Sizes sizes;
  for (unsigned i = 0; i < a.rank(); ++i) sizes.push(a.sizes()[order[i]]);
  return made(sizes, a.type());
}

void read_all(const Array&, void*) {}

std::string called_at() { return {}; }

}  // namespace mushin::core

namespace mushin::io {

Incoming::Incoming(const core::Sizes& sizes, dtype type)
    : array_(core::made(sizes, type)),
      staged_(std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(sizes.count()) * bytes_of(type))),
      data_(staged_.get()),
      bytes_(static_cast<std::size_t>(sizes.count()) * bytes_of(type)) {}
core::Array Incoming::done() { return std::move(array_); }

// Every other value is looked at in the mapped file, as on a device with host memory.
bool can_borrow(const void* data, dtype type) { return reinterpret_cast<std::uintptr_t>(data) % bytes_of(type) == 0; }
core::Array borrow(const void* data, std::size_t bytes, const core::Sizes& sizes, const std::int64_t* strides, dtype type,
                   void (*let_go)(void*), void* owner) {
  std::int64_t last = 0, row_major = 1;
  for (unsigned i = sizes.rank; i-- > 0; row_major *= sizes[i]) {
    const std::int64_t stride = strides ? strides[i] : row_major;
    if (stride < 0) __builtin_trap();
    last += (sizes[i] - 1) * stride;
  }
  if (bytes != static_cast<std::size_t>(row_major ? last + 1 : 0) * bytes_of(type)) __builtin_trap();
  if (bytes != 0) (void)static_cast<const volatile std::byte*>(data)[bytes - 1];
  let_go(owner);
  return core::made(sizes, type);
}

}  // namespace mushin::io
