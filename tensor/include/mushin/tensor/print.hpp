#pragma once
#include <iosfwd>

#include "mushin/tensor/tensor_like.hpp"

namespace mushin {

namespace core {

/// Owned characters, for whoever writes them out.
class MUSHIN_API Text {
 public:
  Text(const char* begin, std::size_t size);
  Text(Text&& o) noexcept : data_(o.data_), size_(o.size_) { o.data_ = nullptr, o.size_ = 0; }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  ~Text();
  const char* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }

 private:
  char* data_;
  std::size_t size_;
};

/// Values as NumPy lays them out, then element type and sizes: `[[1. 2.]\n [3. 4.]] float (2, 2)`. Above 1000 elements each long
/// axis shows its first and last three.
MUSHIN_API Text spell_values(const Array&);

}  // namespace core

/// The values with element type and sizes, abbreviated above 1000 elements; waits for them. Of a variable: its value.
template <class Traits, TensorLike A>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const A& a) {
  const core::Text text = core::spell_values(detail::constant(a.raw()));
  out.write(text.data(), static_cast<std::ptrdiff_t>(text.size()));
  return out;
}

}  // namespace mushin
