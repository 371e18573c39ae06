#pragma once
#include <cstddef>
#include <vector>

#include "mushin/tensor/io/file_name.hpp"
#include "mushin/tensor/io/named_tensor.hpp"
#include "mushin/tensor/io/wanted.hpp"

namespace mushin {

/// A line of a file's free text: who made it, from what. Borrowed.
struct Metadata {
  const char* key;  ///< its name in the file
  const char* value;
};

/// Writes a safetensors file: beside its final name first, then to the disk, then renamed; a reader never sees half of one.
/// Names: not empty, distinct, not `__metadata__`. FileError when the file cannot be written.
MUSHIN_API void save_safetensors(FileName, const std::vector<NamedTensor>&, const std::vector<Metadata>& = {});

/// How values come from a file. `copied`: read into memory when asked for; nothing ties them to the file. `mapped`: tensors on devices in
/// host memory are views of the file, and pages are read when something computes with them: a file larger than the memory can be opened.
/// Replacing a mapped file by a new one is safe, as save_safetensors does; writing into it or cutting it is not while a tensor lives.
enum class reading { copied, mapped };

/// A safetensors file that is open for reading. The header is checked completely when it is opened; values are read when asked for.
/// https://github.com/huggingface/safetensors#format
class MUSHIN_API Safetensors {
 public:
  /// What the header says of one tensor.
  struct Entry {
    const char* name;   ///< lives as long as the file is open
    const char* dtype;  ///< as spelt in the file: "F32", "BF16", …
    core::Sizes sizes;
  };

  /// FileError when the file is missing, isn't a regular file, or breaks a rule of the format.
  explicit Safetensors(FileName, reading = reading::copied);
  Safetensors(Safetensors&& other) noexcept : open_(other.open_) { other.open_ = nullptr; }
  Safetensors& operator=(Safetensors&& other) noexcept {
    Open* mine = open_;
    open_ = other.open_;
    other.open_ = mine;
    return *this;
  }
  ~Safetensors();

  /// How many tensors there are; their order is that of the bytes.
  std::size_t size() const;
  Entry operator[](std::size_t i) const;
  bool contains(const char* name) const;
  /// The text under `key`, null when there is none.
  const char* metadata(const char* key) const;

  /// The values, on the default device. FileError when there is no such name, or its element type isn't one of mushin's.
  core::Array read(const char* name) const;
  /// The same as a typed tensor. FileError, with what the file holds and what was asked, unless element type and shape are those.
  template <class T, extent... E>
  Tensor<T, E...> get(const char* name) const {
    return Tensor<T, E...>{read(name, detail::wanted<T, E...>())};
  }
  template <extent... E>
  Tensor<float, E...> get(const char* name) const {
    return get<float, E...>(name);
  }

 private:
  struct Open;
  core::Array read(const char* name, const core::Wanted&) const;
  Open* open_;
};

/// `auto w = mu::load_safetensors("net.safetensors").get<3, 2>("weight");`
inline Safetensors load_safetensors(FileName file, reading how = reading::copied) { return Safetensors{file, how}; }

/// How the format spells an element type: "F32", "F64", "I64", "BOOL".
MUSHIN_API const char* safetensors_name(dtype);

}  // namespace mushin
