// A list that may hold an entry for each of a million nodes.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace mushin::core {

/// As std::vector, but growing takes no copies: realloc moves pages of large blocks, and so may move what T says is the same wherever it
/// lies.
template <class T>
class LongList {
 public:
  LongList() = default;
  LongList(const LongList&) = delete;
  LongList& operator=(const LongList&) = delete;
  ~LongList() {
    clear();
    std::free(first_);
  }

  void push_back(T value) {
    if (size_ == capacity_) grow();
    new (first_ + size_++) T(std::move(value));
  }
  void clear() noexcept {
    for (T& each : *this) each.~T();
    size_ = 0;
  }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  T& operator[](std::size_t i) { return first_[i]; }
  const T& operator[](std::size_t i) const { return first_[i]; }
  T& front() { return *first_; }
  T* begin() { return first_; }
  T* end() { return first_ + size_; }
  const T* begin() const { return first_; }
  const T* end() const { return first_ + size_; }

 private:
  static_assert(T::moves_as_bytes);

  [[gnu::noinline]] void grow() {
    const std::size_t more = capacity_ ? 2 * capacity_ : 64;
    void* const memory = std::realloc(static_cast<void*>(first_), more * sizeof(T));
    if (!memory) throw std::bad_alloc();
    first_ = static_cast<T*>(memory);
    capacity_ = more;
  }

  T* first_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

}  // namespace mushin::core
