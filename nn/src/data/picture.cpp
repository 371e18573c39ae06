#include "data/picture.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "data/stream.hpp"

namespace mushin::data {
namespace {

/// Every pixel's channels as they are, in [0, 1].
using Pixel = std::array<float, 4>;

void read_row(const Picture& from, std::int64_t y, std::vector<Pixel>& out) {
  const auto channels = static_cast<std::size_t>(from.channels);
  const std::size_t first = static_cast<std::size_t>(y * from.width) * channels;
  for (std::size_t x = 0; x < out.size(); ++x)
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t at = first + x * channels + c;
      std::uint16_t wide = 0;
      if (from.bits == 16) std::memcpy(&wide, from.bytes.data() + 2 * at, 2);
      out[x][c] = from.bits == 16 ? static_cast<float>(wide) / 65535.0f : static_cast<float>(from.bytes[at]) / 255.0f;
    }
}

/// Channel `c` of `want`, of a pixel that has `have`.
float channel(const Pixel& p, int have, std::int64_t want, std::int64_t c) {
  const bool alpha_wanted = want % 2 == 0 && c == want - 1;
  if (alpha_wanted) return have % 2 == 0 ? p[static_cast<std::size_t>(have - 1)] : 1.0f;
  if (have <= 2) return p[0];
  if (want <= 2) return 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
  return p[static_cast<std::size_t>(c)];
}

/// Where the value at `i` of `to` places comes from among `from`: between two places, weighed. Places have their value in their middle.
struct Between {
  std::int64_t low, high;
  float weight;  // of `high`
};
Between between(std::int64_t i, std::int64_t to, std::int64_t from) {
  const float at = std::max(0.0f, (static_cast<float>(i) + 0.5f) * static_cast<float>(from) / static_cast<float>(to) - 0.5f);
  const std::int64_t low = std::min(static_cast<std::int64_t>(at), from - 1);
  return {low, std::min(low + 1, from - 1), at - static_cast<float>(low)};
}

void resize(const float* from, std::int64_t height, std::int64_t width, float* to, std::int64_t new_height, std::int64_t new_width) {
  for (std::int64_t y = 0; y < new_height; ++y) {
    const Between v = between(y, new_height, height);
    for (std::int64_t x = 0; x < new_width; ++x) {
      const Between h = between(x, new_width, width);
      const auto in_row = [&](std::int64_t row) {
        const float low = from[row * width + h.low], high = from[row * width + h.high];
        return low + (high - low) * h.weight;
      };
      const float top = in_row(v.low), bottom = in_row(v.high);
      *to++ = top + (bottom - top) * v.weight;
    }
  }
}

}  // namespace

void check_pixels(const char* path, std::int64_t height, std::int64_t width, std::int64_t max_pixels) {
  if (height < 1 || width < 1) refuse("[read_image] an image must have pixels: {} says {} x {}", path, height, width);
  if (height > max_pixels / width)
    refuse("[read_image] an image must not be larger than allowed: {} says {} x {} pixels, allowed are {}", path, height, width,
           max_pixels);
}

void to_planes(const Picture& from, const detail::ImageKind& kind, std::vector<float>& out) {
  const std::int64_t height = kind.height < 0 ? from.height : kind.height, width = kind.width < 0 ? from.width : kind.width;
  const std::int64_t plane = from.height * from.width;
  std::vector<float> planes(static_cast<std::size_t>(plane * kind.channels));
  std::vector<Pixel> row(static_cast<std::size_t>(from.width));
  for (std::int64_t y = 0; y < from.height; ++y) {
    read_row(from, y, row);
    for (std::int64_t c = 0; c < kind.channels; ++c) {
      float* to = planes.data() + c * plane + y * from.width;
      for (const Pixel& p : row) *to++ = channel(p, from.channels, kind.channels, c);
    }
  }
  if (height == from.height && width == from.width) {
    out = std::move(planes);
    return;
  }
  out.resize(static_cast<std::size_t>(height * width * kind.channels));
  for (std::int64_t c = 0; c < kind.channels; ++c)
    resize(planes.data() + c * plane, from.height, from.width, out.data() + c * height * width, height, width);
}

}  // namespace mushin::data
