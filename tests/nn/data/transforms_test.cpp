// Transforms of samples and batches, and what random ones depend on.
#include "mushin/nn/data/transforms.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "mushin/nn/data/loader.hpp"
#include "mushin/nn/data/tensors.hpp"
#include "mushin/tensor/makers.hpp"
#include "mushin/tensor/ops/arrange.hpp"
#include "support/files.hpp"

namespace mu = mushin;
namespace data = mu::data;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

using Batch = mu::Tensor<float, mu::batch, 2, 3, 4>;

/// Element k of sample i is 100 i + k.
Batch images(std::int64_t count) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < count; ++i)
    for (int k = 0; k < 24; ++k) values.push_back(static_cast<float>(100 * i + k));
  return Batch{mu::core::from_values({count, 2, 3, 4}, mu::dtype::f32, values.data())};
}
struct Numbers {
  std::vector<std::int64_t> at;
  explicit Numbers(std::int64_t count) : at(static_cast<std::size_t>(count)) { std::iota(at.begin(), at.end(), 0); }
  data::Indices with(std::uint64_t seed) const { return {at.data(), static_cast<std::int64_t>(at.size()), seed}; }
};

/// Which samples of `x` are mirrored; each is one or the other, in all its rows.
std::vector<bool> mirrored(const Batch& x) {
  std::vector<bool> out;
  for (std::int64_t i = 0; i < x.shape()[0]; ++i) {
    const bool is = x(i, 0, 0, 0) != static_cast<float>(100 * i);
    for (std::int64_t k = 0; k < 24; ++k) {
      const std::int64_t column = is ? 3 - k % 4 : k % 4;
      EXPECT_EQ(x(i, k / 12, k / 4 % 3, column), static_cast<float>(100 * i + k));
    }
    out.push_back(is);
  }
  return out;
}

}  // namespace

TEST(Transforms, FlipsEachSampleByItsOwnNumber) {
  const Numbers numbers(64);
  const auto x = images(64);
  const auto first = mirrored(data::random_flip(x, numbers.with(1)));
  EXPECT_NEAR(static_cast<double>(std::count(first.begin(), first.end(), true)), 32, 12);
  EXPECT_EQ(mirrored(data::random_flip(x, numbers.with(1))), first);
  EXPECT_NE(mirrored(data::random_flip(x, numbers.with(2))), first);
  EXPECT_NE(mirrored(data::random_flip(x, numbers.with(1).stream(1))), first);
  EXPECT_EQ(mirrored(data::random_flip(x, numbers.with(1), 0)), std::vector<bool>(64, false));
  EXPECT_EQ(mirrored(data::random_flip(x, numbers.with(1), 1)), std::vector<bool>(64, true));
  // The same samples in other batches.
  const std::int64_t one[] = {0};
  for (std::int64_t i = 0; i < 8; ++i) {
    const std::int64_t alone[] = {i};
    const bool is = data::random_flip(images(1), {alone, 1, 1})(0, 0, 0, 0) != 0;
    EXPECT_EQ(is, first[static_cast<std::size_t>(i)]) << i;
  }
  // A sample by itself has a seed of its own.
  const auto sample = mu::tensor<1, 1, 2>({5, 6});
  bool as_it_is = false, other = false;
  for (std::uint64_t seed = 0; seed < 20; ++seed) (data::random_flip(sample, seed)(0, 0, 0) == 5 ? as_it_is : other) = true;
  EXPECT_TRUE(as_it_is && other);
  EXPECT_EQ(data::random_flip(sample, 7, 1.0).to_vector(), (std::vector<float>{6, 5}));
  EXPECT_EQ(data::random_flip(mu::zeros<1, 2, 2>(), data::Indices{one, 1}).size(), 4);
}

TEST(Transforms, CropsEachSampleAtItsOwnPlace) {
  const Numbers numbers(60);
  const mu::Tensor<float, mu::batch, 2, 2, 2> y = data::random_crop<2, 2>(images(60), numbers.with(3));
  std::set<int> places;
  for (std::int64_t i = 0; i < 60; ++i) {
    const int corner = static_cast<int>(y(i, 0, 0, 0)) - static_cast<int>(100 * i);
    places.insert(corner);
    for (std::int64_t k = 0; k < 8; ++k)
      EXPECT_EQ(y(i, k / 4, k / 2 % 2, k % 2), static_cast<float>(100 * i + corner + k / 4 * 12 + k / 2 % 2 * 4 + k % 2));
  }
  EXPECT_EQ(places, (std::set<int>{0, 1, 2, 4, 5, 6}));  // each place that there is
  EXPECT_EQ((data::random_crop<2, 2>(images(60), numbers.with(3)).to_vector()), y.to_vector());
  EXPECT_NE((data::random_crop<2, 2>(images(60), numbers.with(4)).to_vector()), y.to_vector());
  EXPECT_EQ((data::random_crop<3, 4>(images(60), numbers.with(3)).to_vector()), images(60).to_vector());
  const mu::Tensor<std::uint8_t, 1, 1, 1> pixel = data::random_crop<1, 1>(mu::tensor<std::uint8_t, 1, 1, 3>({7, 8, 9}), 5u);
  EXPECT_TRUE(pixel(0, 0, 0) >= 7 && pixel(0, 0, 0) <= 9);
}

// On a device with memory of its own nothing is read back: what failed there before would be told by whoever reads.
TEST(Transforms, StayOnADeviceWithItsOwnMemory) {
  const Numbers numbers(9);
  const auto all = [&](const Batch& x) {
    const auto one = mu::Tensor<float, 2, 3, 4>{mu::core::reshape(mu::core::slice(x.raw(), 0, 4, 5), {2, 3, 4})};
    return std::tuple{data::random_flip(x, numbers.with(5)), data::random_crop<2, 3>(x, numbers.with(6)), data::random_flip(one, 3, 1.0),
                      data::random_crop<2, 2>(one, 8u)};
  };
  const mu::Device before = mu::default_device();
  mu::set_default_device("builtin");
  const auto here = images(9);
  const auto [flipped, cropped, one_flipped, one_cropped] = all(here);
  for (const mu::Device device : mu::devices()) {
    if (device.host_memory()) continue;
    SCOPED_TRACE(device.name());
    const auto there = here.to(device);
    const auto [a, b, c, d] = all(there);
    EXPECT_EQ(a.device(), device);
    EXPECT_EQ(a.to_vector(), flipped.to_vector());
    EXPECT_EQ(b.to_vector(), cropped.to_vector());
    EXPECT_EQ(c.to_vector(), one_flipped.to_vector());
    EXPECT_EQ(d.to_vector(), one_cropped.to_vector());
    const auto beyond = mu::fill<std::int64_t, mu::batch>(9, mu::batch = 9).to(device);
    const Batch failed{mu::core::take(there.raw(), beyond.raw())};
    EXPECT_NO_THROW((void)all(failed));
    EXPECT_THROW(mu::synchronize(device), mu::ShapeError);
  }
  mu::set_default_device(before);
}

TEST(Transforms, BytesBecomeFloatsAndChannelsAreNormalized) {
  const auto x = data::to_float(mu::tensor<std::uint8_t, 2, 1, 2>({0, 255, 51, 102}));
  EXPECT_EQ(x.to_vector(), (std::vector<float>{0, 1, 0.2f, 0.4f}));
  const mu::Tensor<float, 2, 1, 2> y = data::normalize(x, {0.5f, 0.2f}, {0.5f, 0.1f});
  EXPECT_EQ(y.to_vector(), (std::vector<float>{-1, 1, 0, (0.4f - 0.2f) / 0.1f}));
  const auto batch = data::normalize(images(2), {0, 12}, {1, 2});
  EXPECT_EQ(batch(1, 0, 0, 1), 101);
  EXPECT_EQ(batch(1, 1, 0, 1), 50.5f);
}

TEST(Transforms, ComposeInADatasetWhateverTheWorkers) {
  const auto x = images(40);
  const auto labels = mu::arange<std::int64_t, 40>();
  const data::Tensors plain{x, labels};
  const data::Transformed set{plain, [](const auto& pixels, const auto& label, data::Indices which) {
                                const auto wide = mu::pad<1, 1, 1, 1>(data::random_flip(pixels, which));
                                return std::tuple{data::normalize(data::random_crop<3, 4>(wide, which), {0, 1}, {2, 3}), label};
                              }};
  const data::Transformed again{set, [](const auto& pixels, const auto& label) { return std::tuple{pixels * 2.0f, label}; }};
  EXPECT_EQ(again.size(), 40);
  const auto epochs = [&](int workers, std::int64_t batch) {
    data::Loader loader(again, {.batch = batch, .shuffle = true, .seed = 4, .prefetch = workers ? 3 : 0, .workers = workers ? workers : 1});
    std::vector<std::vector<std::vector<float>>> out(2, std::vector<std::vector<float>>(40));
    for (auto& epoch : out)
      for (auto [pixels, label] : loader) {
        static_assert(std::same_as<decltype(pixels), Batch>);
        const auto values = pixels.to_vector();
        for (std::int64_t i = 0; i < label.shape()[0]; ++i)
          epoch[static_cast<std::size_t>(label(i))].assign(values.begin() + 24 * i, values.begin() + 24 * (i + 1));
      }
    return out;
  };
  const auto one = epochs(0, 7);
  EXPECT_NE(one[0], one[1]);
  EXPECT_EQ(epochs(1, 7), one);
  EXPECT_EQ(epochs(4, 7), one);
  EXPECT_EQ(epochs(3, 1), one);  // each sample's own, so the batch is as indifferent
}

TEST(Transforms, BadValuesAreErrors) {
  const Numbers numbers(2);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::random_flip(images(3), numbers.with(0)); }),
                  {"[random_flip] a batch must have a sample for each index: it has 3, the indices are 2"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::random_flip(images(2), numbers.with(0), 1.5); }),
                  {"[random_flip] a probability is between 0 and 1: 1.5"}));
  const auto grey = mu::Tensor<float, mu::batch, 1, mu::dyn, mu::dyn>{mu::core::full({2, 1, 2, 5}, mu::dtype::f32, 0)};
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::random_crop<3, 3>(grey, numbers.with(0)); }),
                  {"[random_crop] a crop must not be larger than the images: 3 x 3 of 2 x 5"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] {
                    data::normalize(images(1), {0, 0}, {1, 0});
                  }),
                  {"[normalize] a spread must be finite and greater than 0: channel 1 has 0"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] {
                    data::normalize(images(1), {0, NAN}, {1, 1});
                  }),
                  {"[normalize] a mean", "channel 1"}));
}
