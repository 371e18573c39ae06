#include <cmath>
#include <cstring>
#include <span>

#include "data/image.hpp"
#include "data/picture.hpp"
#include "data/stream.hpp"

namespace mushin::data {
namespace {

using Decode = Picture (*)(std::string_view file, const char* path, std::int64_t max_pixels);
#ifdef MUSHIN_PNG
constexpr Decode png = decode_png;
#else
constexpr Decode png = nullptr;
#endif
#ifdef MUSHIN_JPEG
constexpr Decode jpeg = decode_jpeg;
#else
constexpr Decode jpeg = nullptr;
#endif

struct Format {
  std::string_view magic;
  const char *name, *library;
  Decode decode;
};
constexpr Format formats[] = {{"\x89PNG\r\n\x1a\n", "PNG", "libpng", png}, {"\xFF\xD8\xFF", "JPEG", "libjpeg", jpeg}};

Picture decode(const char* path, const ImageOptions& options) {
  const std::string file = Stream("read_image", path).read_all(options.max_bytes);
  for (const auto& format : formats) {
    if (!file.starts_with(format.magic)) continue;
    if (!format.decode) refuse("[read_image] {} files need {}, without which mushin was built: {}", format.name, format.library, path);
    return format.decode(file, path, options.max_pixels);
  }
  refuse("[read_image] an image must be PNG or JPEG: {} begins as neither", path);
}

}  // namespace

LoadedImage load_image(const char* path, const detail::ImageKind& kind, const ImageOptions& options) {
  const Picture picture = decode(path, options);
  const bool fits = (kind.height < 0 || kind.height == picture.height) && (kind.width < 0 || kind.width == picture.width);
  if (!fits && !options.resize)
    refuse("[read_image] an image must be as large as asked for, unless .resize is set: {} is {} x {}, asked was {} x {}", path,
           picture.height, picture.width, kind.height < 0 ? picture.height : kind.height, kind.width < 0 ? picture.width : kind.width);
  LoadedImage out{kind.height < 0 ? picture.height : kind.height, kind.width < 0 ? picture.width : kind.width, {}};
  to_planes(picture, kind, out.values);
  return out;
}

void store(std::span<const float> values, dtype type, void* to) {
  if (type == dtype::f32) {
    std::memcpy(to, values.data(), values.size_bytes());
    return;
  }
  auto* bytes = static_cast<std::uint8_t*>(to);
  for (const float v : values) *bytes++ = static_cast<std::uint8_t>(std::lround(v * 255.0f));
}

core::Array detail::read_image(const char* path, const ImageKind& kind, const ImageOptions& options) {
  const LoadedImage image = load_image(path, kind, options);
  std::vector<unsigned char> bytes(image.values.size() * bytes_of(kind.type));
  store(image.values, kind.type, bytes.data());
  return core::from_values({kind.channels, image.height, image.width}, kind.type, bytes.data());
}

}  // namespace mushin::data
