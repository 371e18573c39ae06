#include "memory.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

namespace fakegpu {
namespace {

constexpr std::size_t handle_range = std::size_t{1} << 30, handle_step = 64;
constexpr std::align_val_t alignment{64};

}  // namespace

Bytes::Bytes(std::size_t n) : data(static_cast<std::byte*>(::operator new(n, alignment))), size(n) { std::memset(data, 0xFF, n); }
Bytes::~Bytes() { ::operator delete(data, alignment); }

Memory::Memory(std::uint64_t most) : left_(most) {
  void* p = mmap(nullptr, handle_range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  handles_ = p == MAP_FAILED ? nullptr : static_cast<std::byte*>(p);
}

mu_buffer* Memory::allocate(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!handles_ || bytes > left_ || (buffers_.size() + 1) * handle_step > handle_range) return nullptr;
  buffers_.push_back(std::make_shared<Bytes>(bytes));
  left_ -= bytes;
  return reinterpret_cast<mu_buffer*>(handles_ + (buffers_.size() - 1) * handle_step);
}

std::size_t Memory::number(mu_buffer* b) const {
  const auto at = reinterpret_cast<std::uintptr_t>(b) - reinterpret_cast<std::uintptr_t>(handles_);
  return at % handle_step ? buffers_.size() : at / handle_step;
}

bool Memory::free(mu_buffer* b) {
  const std::lock_guard lock(mutex_);
  const std::size_t n = number(b);
  if (n >= buffers_.size() || !buffers_[n]) return false;
  left_ += buffers_[n]->size;
  buffers_[n]->freed = true;
  buffers_[n].reset();
  return true;
}

std::shared_ptr<Bytes> Memory::find(mu_buffer* b) {
  const std::lock_guard lock(mutex_);
  const std::size_t n = number(b);
  return n < buffers_.size() ? buffers_[n] : nullptr;
}

std::uint64_t Memory::left() {
  const std::lock_guard lock(mutex_);
  return left_;
}

}  // namespace fakegpu
