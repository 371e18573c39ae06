#pragma once
#include <array>
#include <concepts>
#include <tuple>

#include "mushin/nn/data/dataset.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::data {

/// The batches of a dataset with `f` over each: a dataset again. `f` takes the batch's tensors, and where it has one more parameter the
/// batch's Indices, from which random transforms take their numbers; it gives a tuple of tensors, of as many rows.
/// `data::Transformed train{images, [](auto x, auto y, data::Indices which) { return std::tuple{data::random_flip(x, which), y}; }}`.
/// Runs in the loader's workers, so `f` is const and called from several threads at once. The dataset must outlive it.
template <Dataset D, class F>
class Transformed {
 public:
  Transformed(const D& dataset, F f) : dataset_(&dataset), f_(std::move(f)) {}
  Transformed(const D&&, F) = delete;  // the dataset must outlive it: give it a name

  std::int64_t size() const { return dataset_->size(); }
  auto get(Indices which) const {
    return std::apply(
        [&](const auto&... t) {
          if constexpr (std::invocable<const F&, decltype(t)..., Indices>)
            return f_(t..., which);
          else
            return f_(t...);
        },
        dataset_->get(which));
  }

 private:
  const D* dataset_;
  F f_;
};

namespace detail {

template <class A>
inline constexpr std::size_t channels =
    A::extents.rank < 3 || !A::extents[A::extents.rank - 3].is_static() ? 0
                                                                        : static_cast<std::size_t>(A::extents[A::extents.rank - 3].size);

/// Numbers as (count, 1, 1). ShapeError unless all are finite, and `positive` ones greater than 0.
MUSHIN_API core::Array channel_values(const float* values, std::size_t count, bool positive);
/// `x`: a row for each index and at least two axes behind it, or (not `batch`) the one sample itself. ShapeError elsewhere.
MUSHIN_API core::Array random_flip(const core::Array& x, bool batch, Indices which, double probability);
MUSHIN_API core::Array random_crop(const core::Array& x, bool batch, Indices which, std::int64_t height, std::int64_t width);

template <extent Part, extent Whole>
inline constexpr bool may_be_part = !(Part.is_static() && Whole.is_static() && Part.size > Whole.size);

}  // namespace detail

/// Bytes as floats in [0, 1]: x / 255.
template <extent... E>
Tensor<float, E...> to_float(const Tensor<std::uint8_t, E...>& x) {
  return x.template to<float>() / 255.0f;
}

/// (x - mean) / spread for each channel, which is the third axis from the last: `data::normalize(x, {0.49f, 0.48f, 0.45f}, {0.25f, 0.24f,
/// 0.26f})`. x: (…, channels, height, width), float; a sample or a batch. ShapeError unless the spreads are greater than 0, and all are
/// finite.
template <extent... E>
Tensor<float, E...> normalize(const Tensor<float, E...>& x, const std::array<float, detail::channels<Tensor<float, E...>>>& mean,
                              const std::array<float, detail::channels<Tensor<float, E...>>>& spread) {
  constexpr std::size_t count = detail::channels<Tensor<float, E...>>;
  static_assert(count > 0, "[normalize] the third axis from the last must be a number of channels");
  using Values = Tensor<float, static_cast<std::int64_t>(count), 1, 1>;
  return (x - Values{detail::channel_values(mean.data(), count, false)}) / Values{detail::channel_values(spread.data(), count, true)};
}

/// Each sample mirrored (its last axis in reverse order) with that probability. Which ones, the samples' numbers and the seed of the epoch
/// decide (Indices), so not the number of workers nor the batch. Computed where the samples are. ShapeError unless `which` has an index for
/// each sample and the probability is one.
template <class T, extent N, extent... E>
Tensor<T, N, E...> random_flip(const Tensor<T, N, E...>& x, Indices which, double probability = 0.5) {
  static_assert(sizeof...(E) >= 2, "[random_flip] a batch has samples, rows and columns: at least 3 axes");
  return Tensor<T, N, E...>{detail::random_flip(x.raw(), true, which, probability)};
}

/// A part of each image, at a place that is drawn for each sample as in random_flip: `data::random_crop<28, 28>(mu::pad<4, 4, 4, 4>(x),
/// which)`. x: (samples, channels, rows, columns). ShapeError where the images are smaller than the part, or `which` has not an index for
/// each sample.
template <extent Height, extent Width, class T, extent N, extent C, extent H, extent W>
Tensor<T, N, C, Height, Width> random_crop(const Tensor<T, N, C, H, W>& x, Indices which) {
  static_assert(Height.is_static() && Width.is_static(),
                "[random_crop] the extents of a crop must be numbers: random_crop<28, 28>(x, which)");
  static_assert(detail::may_be_part<Height, H> && detail::may_be_part<Width, W>,
                "[random_crop] a crop must not be larger than the images: widen them before, with mu::pad");
  return Tensor<T, N, C, Height, Width>{detail::random_crop(x.raw(), true, which, Height.size, Width.size)};
}

/// The same of one sample, with a seed of its own.
template <class T, extent... E>
Tensor<T, E...> random_flip(const Tensor<T, E...>& x, std::uint64_t seed, double probability = 0.5) {
  static_assert(sizeof...(E) >= 2, "[random_flip] an image has rows and columns: at least 2 axes");
  constexpr std::int64_t only = 0;
  return Tensor<T, E...>{detail::random_flip(x.raw(), false, {&only, 1, seed}, probability)};
}
template <extent Height, extent Width, class T, extent C, extent H, extent W>
Tensor<T, C, Height, Width> random_crop(const Tensor<T, C, H, W>& x, std::uint64_t seed) {
  static_assert(Height.is_static() && Width.is_static(),
                "[random_crop] the extents of a crop must be numbers: random_crop<28, 28>(x, which)");
  static_assert(detail::may_be_part<Height, H> && detail::may_be_part<Width, W>,
                "[random_crop] a crop must not be larger than the images: widen them before, with mu::pad");
  constexpr std::int64_t only = 0;
  return Tensor<T, C, Height, Width>{detail::random_crop(x.raw(), false, {&only, 1, seed}, Height.size, Width.size)};
}

}  // namespace mushin::data
