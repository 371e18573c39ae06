#pragma once
#include <span>
#include <vector>

#include "mushin/nn/data/images.hpp"

namespace mushin::data {

struct LoadedImage {
  std::int64_t height, width;
  std::vector<float> values;  // (channels, height, width) in [0, 1]
};
/// FileError: see read_image.
LoadedImage load_image(const char* path, const detail::ImageKind&, const ImageOptions&);
/// Values in [0, 1] as f32, or as u8 in 0 to 255, rounded.
void store(std::span<const float> values, dtype, void* to);

}  // namespace mushin::data
