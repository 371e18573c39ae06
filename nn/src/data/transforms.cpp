#include "mushin/nn/data/transforms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "data/random.hpp"
#include "mushin/tensor/device.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/arrange.hpp"
#include "mushin/tensor/ops/index.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::data {

Indices Indices::stream(std::uint64_t number) const { return {first, count, seed_of_part(seed, number)}; }

namespace detail {
namespace {

// What a seed is used for is part of it, so that flips and crops of a sample have nothing to do with each other.
enum Use : std::uint64_t { flips = 1, crops = 2 };

/// The numbers of one sample, wherever in a batch it is.
std::uint64_t state_of(Indices which, std::int64_t k, Use use) {
  return seed_of_part(seed_of_part(which.seed, use), static_cast<std::uint64_t>(which.first[k]));
}

bool in_host_memory(const core::Array& x) { return Device(x.device()).host_memory(); }

/// Samples of planes of rows; in host memory with their values.
struct Images {
  std::int64_t samples, planes, rows, columns;  // planes: of a sample
  std::size_t element;
  std::vector<unsigned char> bytes;

  Images(const char* op, const core::Array& x, bool batch, Indices which) : samples(which.size()), element(bytes_of(x.type())) {
    const auto& sizes = x.sizes();
    const unsigned rank = sizes.rank;
    if (batch && sizes[0] != samples)
      throw ShapeError(
          fmt::format("[{}] a batch must have a sample for each index: it has {}, the indices are {}", op, sizes[0], samples).c_str());
    planes = 1, rows = sizes[rank - 2], columns = sizes[rank - 1];
    for (unsigned i = batch; i + 2 < rank; ++i) planes *= sizes[i];
    if (!in_host_memory(x)) return;
    bytes.resize(static_cast<std::size_t>(sizes.count()) * element);
    core::read_all(x, bytes.data());
  }
  /// The offset of a row, in bytes.
  std::size_t row(std::int64_t sample, std::int64_t plane, std::int64_t at) const {
    return static_cast<std::size_t>(((sample * planes + plane) * rows + at) * columns) * element;
  }
};

void mirror(unsigned char* row, std::int64_t columns, std::size_t element) {
  for (std::int64_t a = 0, b = columns - 1; a < b; ++a, --b)
    std::swap_ranges(row + static_cast<std::size_t>(a) * element, row + static_cast<std::size_t>(a + 1) * element,
                     row + static_cast<std::size_t>(b) * element);
}

// The same on a device with memory of its own: only what was drawn goes there.

core::Array flipped_there(const core::Array& x, bool batch, std::int64_t samples, const auto& mirrored) {
  const core::Array flipped = core::flip(x, 1u << (x.rank() - 1));
  if (!batch) return mirrored(0) ? flipped : x;
  std::vector<unsigned char> which;
  for (std::int64_t k = 0; k < samples; ++k) which.push_back(mirrored(k));
  core::Sizes sizes{samples};
  while (sizes.rank < x.rank()) sizes.push(1);
  return core::where(core::to_device(core::from_values(sizes, dtype::b8, which.data()), x.device()), flipped, x);
}

/// Of each sample `count` elements along an axis, from its own first one on.
core::Array part_there(const core::Array& x, bool batch, unsigned axis, const std::vector<std::int64_t>& first, std::int64_t count) {
  std::vector<std::int64_t> numbers;
  for (const std::int64_t begin : first)
    for (std::int64_t i = 0; i < count; ++i) numbers.push_back(begin + i);
  core::Sizes sizes = x.sizes(), thin = sizes;
  for (unsigned i = batch; i < thin.rank; ++i) thin.at[i] = 1;
  thin.at[axis] = sizes.at[axis] = count;
  const core::Array there = core::to_device(core::from_values(thin, dtype::i64, numbers.data()), x.device());
  return core::gather(x, axis, core::broadcast_to(there, sizes));
}

}  // namespace

core::Array channel_values(const float* values, std::size_t count, bool positive) {
  for (std::size_t i = 0; i < count; ++i)
    if (!std::isfinite(values[i]) || (positive && values[i] <= 0))
      throw ShapeError(fmt::format("[normalize] a {} must be {}: channel {} has {}", positive ? "spread" : "mean",
                                   positive ? "finite and greater than 0" : "finite", i, values[i])
                           .c_str());
  return core::from_values({static_cast<std::int64_t>(count), 1, 1}, dtype::f32, values);
}

core::Array random_flip(const core::Array& x, bool batch, Indices which, double probability) {
  if (!(probability >= 0 && probability <= 1))
    throw ShapeError(fmt::format("[random_flip] a probability is between 0 and 1: {}", probability).c_str());
  Images images("random_flip", x, batch, which);
  const auto mirrored = [&](std::int64_t k) {
    std::uint64_t state = state_of(which, k, flips);
    return static_cast<double>(next_random(state) >> 11) * 0x1p-53 < probability;
  };
  if (!in_host_memory(x)) return flipped_there(x, batch, images.samples, mirrored);
  for (std::int64_t k = 0; k < images.samples; ++k) {
    if (!mirrored(k)) continue;
    for (std::int64_t plane = 0; plane < images.planes; ++plane)
      for (std::int64_t r = 0; r < images.rows; ++r) mirror(images.bytes.data() + images.row(k, plane, r), images.columns, images.element);
  }
  return core::from_values(x.sizes(), x.type(), images.bytes.data());
}

core::Array random_crop(const core::Array& x, bool batch, Indices which, std::int64_t height, std::int64_t width) {
  const Images images("random_crop", x, batch, which);
  if (height > images.rows || width > images.columns)
    throw ShapeError(fmt::format("[random_crop] a crop must not be larger than the images: {} x {} of {} x {}", height, width, images.rows,
                                 images.columns)
                         .c_str());
  std::vector<std::int64_t> tops, lefts;
  for (std::int64_t k = 0; k < images.samples; ++k) {
    std::uint64_t state = state_of(which, k, crops);
    tops.push_back(static_cast<std::int64_t>(below(static_cast<std::uint64_t>(images.rows - height + 1), state)));
    lefts.push_back(static_cast<std::int64_t>(below(static_cast<std::uint64_t>(images.columns - width + 1), state)));
  }
  if (!in_host_memory(x)) return part_there(part_there(x, batch, x.rank() - 2, tops, height), batch, x.rank() - 1, lefts, width);
  core::Sizes sizes = x.sizes();
  sizes.at[sizes.rank - 2] = height, sizes.at[sizes.rank - 1] = width;
  const std::size_t row = static_cast<std::size_t>(width) * images.element;
  std::vector<unsigned char> values(static_cast<std::size_t>(sizes.count()) * images.element);
  unsigned char* out = values.data();
  for (std::int64_t k = 0; k < images.samples; ++k) {
    const auto at = static_cast<std::size_t>(k);
    const std::size_t left = static_cast<std::size_t>(lefts[at]) * images.element;
    for (std::int64_t plane = 0; plane < images.planes; ++plane)
      for (std::int64_t r = 0; r < height; ++r, out += row)
        if (row) std::memcpy(out, images.bytes.data() + images.row(k, plane, tops[at] + r) + left, row);
  }
  return core::from_values(sizes, x.type(), values.data());
}

}  // namespace detail
}  // namespace mushin::data
