#pragma once
#include <cstddef>
#include <vector>

#include "mushin/tensor/io/file_name.hpp"
#include "mushin/tensor/io/named_tensor.hpp"
#include "mushin/tensor/io/wanted.hpp"

namespace mushin {

/// How the tensors lie in an archive: `stored` as numpy.savez writes them, or `deflated` as numpy.savez_compressed does.
enum class packing { stored, deflated };

/// Writes named tensors as a ZIP archive of npy files, which appears when it is complete. Equal tensors make equal files. Names: UTF-8, not
/// empty, distinct. Every element type but bf16, which NumPy lacks. FileError when the file cannot be written.
MUSHIN_API void save_npz(FileName, const std::vector<NamedTensor>&, packing = packing::stored);

/// An archive of npy files that is open for reading. The headers of all tensors are checked when it is opened; values are read, and
/// their checksums compared, when asked for. Members whose name doesn't end in `.npy` are passed over.
class MUSHIN_API Npz {
 public:
  /// What the archive says of one tensor.
  struct Entry {
    const char* name;   ///< without `.npy`; lives as long as the file is open
    const char* dtype;  ///< as spelt in the file: "<f4"
    core::Sizes sizes;
  };

  /// FileError when the file is missing, isn't a ZIP archive, or a member breaks a rule of ZIP or npy.
  explicit Npz(FileName);
  Npz(Npz&& other) noexcept : open_(other.open_) { other.open_ = nullptr; }
  Npz& operator=(Npz&& other) noexcept {
    Open* mine = open_;
    open_ = other.open_;
    other.open_ = mine;
    return *this;
  }
  ~Npz();

  /// How many tensors there are; their order is that of the archive's directory.
  std::size_t size() const;
  Entry operator[](std::size_t i) const;
  bool contains(const char* name) const;

  /// The values, on the default device. FileError when there is no such name, its element type isn't one of mushin's, or its bytes are
  /// damaged.
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

/// `auto w = mu::load_npz("net.npz").get<3, 2>("weight");`
inline Npz load_npz(FileName file) { return Npz{file}; }

}  // namespace mushin
