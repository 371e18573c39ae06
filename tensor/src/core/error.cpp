#include "mushin/tensor/error.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

#include "mushin/tensor/dtype.hpp"

namespace mushin {

struct Error::Text {
  std::atomic<std::uint32_t> refs{1};
  char* characters() { return reinterpret_cast<char*>(this + 1); }
};

Error::Error(const char* text) {
  const std::size_t bytes = std::strlen(text) + 1;
  text_ = new (::operator new(sizeof(Text) + bytes)) Text;
  std::memcpy(text_->characters(), text, bytes);
}

Error::Error(const Error& o) noexcept : std::exception(o), text_(o.text_) { text_->refs.fetch_add(1, std::memory_order_relaxed); }

Error& Error::operator=(const Error& o) noexcept {
  o.text_->refs.fetch_add(1, std::memory_order_relaxed);
  if (text_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) ::operator delete(text_);
  text_ = o.text_;
  return *this;
}

Error::~Error() {
  if (text_->refs.fetch_sub(1, std::memory_order_acq_rel) == 1) ::operator delete(text_);
}

const char* Error::what() const noexcept { return text_->characters(); }

const char* name_of(dtype t) {
  switch (t) {
    case dtype::f32:
      return "float";
    case dtype::f64:
      return "double";
    case dtype::f16:
      return "f16";
    case dtype::bf16:
      return "bf16";
    case dtype::i8:
      return "int8";
    case dtype::u8:
      return "uint8";
    case dtype::i32:
      return "int32";
    case dtype::i64:
      return "int64";
    case dtype::b8:
      return "bool";
  }
  return "unknown";
}

}  // namespace mushin
