#pragma once
#include <string>
#include <type_traits>
#include <vector>

#include "mushin/nn/data/dataset.hpp"
#include "mushin/tensor/io/file_name.hpp"

namespace mushin::data {

/// How images are read.
struct ImageOptions {
  bool resize = false;                              ///< bilinear, to the size asked for, where an image has another; else that is an error
  std::int64_t max_pixels = std::int64_t{1} << 26;  ///< of one image
  std::int64_t max_bytes = std::int64_t{1} << 28;   ///< of one file
};

namespace detail {

/// What is made of an image: channels first. Height and width may be -1: the image's own.
struct ImageKind {
  std::int64_t channels, height, width;
  dtype type;  // f32 or u8
};
MUSHIN_API core::Array read_image(const char* path, const ImageKind&, const ImageOptions&);

template <extent C, extent H, extent W, class T>
constexpr ImageKind image_kind{C.size, H.is_static() ? H.size : -1, W.is_static() ? W.size : -1, dtype_of<T>};
template <class T>
inline constexpr bool is_image_type = std::is_same_v<T, float> || std::is_same_v<T, std::uint8_t>;

/// The compiled side of ImageFolder.
class MUSHIN_API ImageFiles {
 public:
  ImageFiles(FileName folder, std::int64_t classes, const ImageKind&, const ImageOptions&);
  std::int64_t size() const { return static_cast<std::int64_t>(files_.size()); }
  const std::vector<std::string>& classes() const { return classes_; }
  std::string path(std::int64_t sample) const;
  core::Array images(Indices) const;
  core::Array labels(Indices) const;

 private:
  struct File {
    std::string name;
    std::int64_t label;
  };
  std::string folder_;
  ImageKind kind_;
  ImageOptions options_;
  std::vector<std::string> classes_;  // sorted
  std::vector<File> files_;           // sorted in each class
};

}  // namespace detail

/// A PNG or JPEG file, told apart by its first bytes: `data::read_image<3, mu::dyn, mu::dyn>("cat.jpg")` is a Tensor<float, 3, dyn, dyn> in
/// [0, 1]; with T = std::uint8_t in 0 to 255. Channels: grey becomes RGB by repeating it, RGB grey by 0.299 R + 0.587 G + 0.114 B; a
/// missing alpha is 1, one not asked for is left out. Palettes and grey of 1 to 16 bits are read (16 bits keep their precision in float);
/// gamma, colour profiles and orientation are not looked at; a JPEG must not be CMYK. FileError, which names the file, when it is missing,
/// damaged, cut, of another kind or size, larger than the options allow, or when mushin was built without the library for it.
template <extent C, extent H, extent W, class T = float>
Tensor<T, C, H, W> read_image(FileName path, ImageOptions options = {}) {
  static_assert(detail::is_image_type<T>, "[read_image] the elements of an image are float or std::uint8_t");
  static_assert(C.size >= 1 && C.size <= 4, "[read_image] an image has 1 channel (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)");
  static_assert(H.size != 0 && W.size != 0, "[read_image] an image has rows and columns");
  return Tensor<T, C, H, W>{detail::read_image(path.text, detail::image_kind<C, H, W, T>, options)};
}

/// Images in one folder for each class: `data::ImageFolder<10, 3, 32, 32> train{"pictures/train"}`, 10 classes, images as read_image
/// gives them. A batch is (Tensor<float, batch, 3, 32, 32>, Tensor<int64, batch>). The classes are the folders in the order of their names'
/// bytes; images are the files directly in them whose name ends in .png, .jpg or .jpeg, in the order of theirs; names that begin with a dot
/// are passed over. They are decoded when a batch is made, in the loader's workers. FileError when there are not as many folders as
/// `Classes`, or one has no image; from `get` as for read_image.
template <std::int64_t Classes, extent C, extent H, extent W, class T = float>
class ImageFolder {
  static_assert(Classes > 0, "[ImageFolder] there is at least one class: data::ImageFolder<classes, channels, height, width>");
  static_assert(detail::is_image_type<T>, "[ImageFolder] the elements of an image are float or std::uint8_t");
  static_assert(C.size >= 1 && C.size <= 4, "[ImageFolder] an image has 1 channel (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)");
  static_assert(H.size > 0 && W.size > 0, "[ImageFolder] images of one batch have one size: give numbers");

 public:
  explicit ImageFolder(FileName folder, ImageOptions options = {}) : files_(folder, Classes, detail::image_kind<C, H, W, T>, options) {}

  std::int64_t size() const { return files_.size(); }
  /// The folders' names: class i is `classes()[i]`.
  const std::vector<std::string>& classes() const { return files_.classes(); }
  /// The file of a sample.
  std::string path(std::int64_t sample) const { return files_.path(sample); }

  std::tuple<Tensor<T, batch, C, H, W>, Tensor<std::int64_t, batch>> get(Indices which) const {
    return {Tensor<T, batch, C, H, W>{files_.images(which)}, Tensor<std::int64_t, batch>{files_.labels(which)}};
  }

 private:
  detail::ImageFiles files_;
};

}  // namespace mushin::data
