#pragma once
// Pictures as their files have them, and what decodes them.
#include <cstdint>
#include <string_view>
#include <vector>

#include "mushin/nn/data/images.hpp"

namespace mushin::data {

/// Rows of pixels of 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA) channels.
struct Picture {
  std::int64_t height = 0, width = 0;
  int channels = 0, bits = 8;        // bits of a channel: 8, or 16 in the machine's order
  std::vector<unsigned char> bytes;  // row-major
};

/// `path` is for the errors' texts. FileError where `file` is no whole picture of that format, or has more pixels than that.
Picture decode_png(std::string_view file, const char* path, std::int64_t max_pixels);
Picture decode_jpeg(std::string_view file, const char* path, std::int64_t max_pixels);

/// FileError unless the picture has pixels, and not more than allowed.
void check_pixels(const char* path, std::int64_t height, std::int64_t width, std::int64_t max_pixels);

/// As planes of values in [0, 1], `kind.channels` of them, of the picture's own size or resized.
void to_planes(const Picture&, const detail::ImageKind& kind, std::vector<float>& out);

}  // namespace mushin::data
