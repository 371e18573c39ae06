// Image files and folders of them: every kind as tensors, and every way in which they can be wrong.
#include "mushin/nn/data/images.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "data/pictures.hpp"
#include "mushin/nn/data/loader.hpp"
#include "support/files.hpp"

namespace mu = mushin;
namespace data = mu::data;
using mushin::test::Folder;
using mushin::test::has;
using mushin::test::PictureOf;
using mushin::test::text_of_error;

namespace {

using Floats = std::vector<float>;
using Bytes = std::vector<std::uint8_t>;

template <mu::extent C, class T = std::uint8_t>
std::vector<T> values(const std::string& file, data::ImageOptions options = {}) {
  const Folder folder;
  return data::read_image<C, mu::dyn, mu::dyn, T>(folder.write("image", file), options).to_vector();
}

std::string refused(const std::string& file, data::ImageOptions options = {}) {
  const Folder folder;
  const auto path = folder.write("image", file);
  const auto text = text_of_error<mu::FileError>([&] { (void)data::read_image<3, mu::dyn, mu::dyn>(path, options); });
  EXPECT_TRUE(has(text, {"[read_image] ", path}));
  return text;
}

}  // namespace

TEST(Images, WhatIsNoImage) {
  EXPECT_TRUE(has(refused("GIF89a"), {"must be PNG or JPEG", "begins as neither"}));
  EXPECT_TRUE(has(refused(""), {"begins as neither"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([] { (void)data::read_image<3, 8, 8>("/no/such.png"); }), {"cannot open", "/no/such.png"}));
  EXPECT_TRUE(has(refused("12345", {.max_bytes = 4}), {"more than 4 bytes"}));
}

#ifdef MUSHIN_PNG
namespace {
using mushin::test::png;

/// `file` with another number in its header, at `offset` of it, and the right checksum.
std::string with_size(std::string file, std::uint32_t width, std::uint32_t height) {
  const std::uint32_t sizes[] = {width, height};
  for (std::size_t i = 0; i < 8; ++i) file[16 + i] = static_cast<char>(sizes[i / 4] >> (24 - 8 * (i % 4)));
  const auto sum = crc32(0, reinterpret_cast<const Bytef*>(file.data()) + 12, 17);
  for (std::size_t i = 0; i < 4; ++i) file[29 + i] = static_cast<char>(sum >> (24 - 8 * i));
  return file;
}
}  // namespace

TEST(Images, PngOfGreys) {
  EXPECT_EQ(values<1>(png({1, 3, {0b10100000}}, {.depth = 1})), (Bytes{255, 0, 255}));
  EXPECT_EQ(values<1>(png({1, 4, {0b00011011}}, {.depth = 2})), (Bytes{0, 85, 170, 255}));
  EXPECT_EQ(values<1>(png({1, 2, {0x1F}}, {.depth = 4})), (Bytes{17, 255}));
  EXPECT_EQ(values<1>(png({2, 2, {1, 2, 3, 255}})), (Bytes{1, 2, 3, 255}));
  EXPECT_EQ((values<1, float>(png({2, 1, {51, 255}}))), (Floats{51 / 255.0f, 1}));
  const auto wide = png({1, 2, {0x12, 0x34, 0xFF, 0xFF}}, {.depth = 16});
  EXPECT_EQ((values<1, float>(wide)), (Floats{0x1234 / 65535.0f, 1}));
  EXPECT_EQ(values<1>(wide), (Bytes{18, 255}));
  EXPECT_EQ(values<3>(png({1, 2, {7, 9}})), (Bytes{7, 9, 7, 9, 7, 9}));
  EXPECT_EQ(values<4>(png({1, 2, {7, 9}})), (Bytes{7, 9, 7, 9, 7, 9, 255, 255}));
  const auto with_alpha = png({1, 2, {10, 20, 30, 40}}, {.color = PNG_COLOR_TYPE_GRAY_ALPHA});
  EXPECT_EQ(values<2>(with_alpha), (Bytes{10, 30, 20, 40}));
  EXPECT_EQ(values<1>(with_alpha), (Bytes{10, 30}));
  EXPECT_EQ(values<4>(with_alpha), (Bytes{10, 30, 10, 30, 10, 30, 20, 40}));
}

TEST(Images, PngOfColours) {
  const auto rgb = png({1, 2, {1, 2, 3, 200, 100, 50}}, {.color = PNG_COLOR_TYPE_RGB});
  EXPECT_EQ(values<3>(rgb), (Bytes{1, 200, 2, 100, 3, 50}));
  EXPECT_EQ(values<4>(rgb), (Bytes{1, 200, 2, 100, 3, 50, 255, 255}));
  EXPECT_EQ(values<1>(rgb), (Bytes{2, 124}));  // 1.815 and 124.2
  EXPECT_EQ(values<2>(rgb), (Bytes{2, 124, 255, 255}));
  EXPECT_EQ((values<1, float>(png({1, 3, {255, 0, 0, 0, 255, 0, 0, 0, 255}}, {.color = PNG_COLOR_TYPE_RGB}))),
            (Floats{0.299f, 0.587f, 0.114f}));
  const auto rgba = png({1, 1, {1, 2, 3, 4}}, {.color = PNG_COLOR_TYPE_RGB_ALPHA});
  EXPECT_EQ(values<4>(rgba), (Bytes{1, 2, 3, 4}));
  EXPECT_EQ(values<3>(rgba), (Bytes{1, 2, 3}));
  EXPECT_EQ((values<3, float>(png({1, 1, {0, 1, 0, 2, 1, 0}}, {.color = PNG_COLOR_TYPE_RGB, .depth = 16}))),
            (Floats{1 / 65535.0f, 2 / 65535.0f, 256 / 65535.0f}));
  const std::vector<png_color> palette{{9, 8, 7}, {60, 50, 40}};
  EXPECT_EQ(values<3>(png({1, 3, {1, 0, 1}}, {.color = PNG_COLOR_TYPE_PALETTE, .palette = palette})),
            (Bytes{60, 9, 60, 50, 8, 50, 40, 7, 40}));
  EXPECT_EQ(values<4>(png({1, 2, {0b01000000}}, {.color = PNG_COLOR_TYPE_PALETTE, .depth = 1, .palette = palette, .alpha = {77}})),
            (Bytes{9, 60, 8, 50, 7, 40, 77, 255}));
}

TEST(Images, InterlacedPngsAreTheSame) {
  PictureOf picture{9, 11, {}};
  for (int i = 0; i < 99; ++i) picture.bytes.push_back(static_cast<unsigned char>(2 * i));
  EXPECT_EQ(values<1>(png(picture, {.interlaced = true})), picture.bytes);
}

TEST(Images, DamagedPngs) {
  PictureOf picture{16, 16, {}};
  for (int i = 0; i < 256 * 3; ++i) picture.bytes.push_back(static_cast<unsigned char>(i * i));
  const auto whole = png(picture, {.color = PNG_COLOR_TYPE_RGB});
  for (std::size_t n = 8; n < whole.size(); n += n < 60 || n + 40 > whole.size() ? 1 : 23)
    EXPECT_TRUE(has(refused(whole.substr(0, n)), {"a PNG file must be whole", "ends early"})) << n;
  for (std::size_t at = 41; at < whole.size() - 12; at += 17) {  // in the pixels
    auto bad = whole;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    EXPECT_TRUE(has(refused(bad), {"a PNG file must be whole"})) << at;
  }
}

TEST(Images, PngsThatLieAboutTheirSize) {
  const auto small = png({2, 2, {1, 2, 3, 4}});
  EXPECT_TRUE(has(refused(with_size(small, 2, 3)), {"a PNG file must be whole"}));
  EXPECT_TRUE(has(refused(with_size(small, 8000, 8000)), {"8000 x 8000 pixels, which", "bytes can't hold"}));
  EXPECT_TRUE(has(refused(with_size(small, 100'000, 100'000)), {"larger than allowed", "100000 x 100000", "allowed are 67108864"}));
  EXPECT_TRUE(has(refused(with_size(small, 0x7FFFFFFF, 0x7FFFFFFF)), {"[read_image]"}));
  EXPECT_TRUE(has(refused(with_size(small, 0, 2)), {"a PNG file must be whole"}));
  EXPECT_TRUE(has(refused(small, {.max_pixels = 3}), {"larger than allowed", "2 x 2"}));
  EXPECT_EQ(values<1>(small, {.max_pixels = 4}), (Bytes{1, 2, 3, 4}));
}

TEST(Images, AreResizedBetweenTheirPixels) {
  const Folder folder;
  const auto path = folder.write("a.png", png({2, 2, {0, 100, 200, 60}}));
  const auto larger = data::read_image<1, 4, 4, std::uint8_t>(path, {.resize = true});
  EXPECT_EQ(larger.to_vector(), (Bytes{0, 25, 75, 100, 50, 60, 80, 90, 150, 130, 90, 70, 200, 165, 95, 60}));
  PictureOf wide{5, 7, {}};
  for (int i = 0; i < 35; ++i) wide.bytes.push_back(static_cast<unsigned char>(37 * i));
  const auto smaller = data::read_image<1, 3, 4, std::uint8_t>(folder.write("wide.png", png(wide)), {.resize = true});
  EXPECT_EQ(smaller.to_vector(), (Bytes{15, 80, 144, 209, 20, 85, 149, 214, 25, 90, 154, 219}));  // as PyTorch's interpolate has them
  EXPECT_EQ((data::read_image<1, 1, 1, std::uint8_t>(path, {.resize = true}).to_vector()), (Bytes{90}));
  EXPECT_EQ((data::read_image<1, 2, mu::dyn, std::uint8_t>(path).to_vector()), (Bytes{0, 100, 200, 60}));
  const auto text = text_of_error<mu::FileError>([&] { (void)data::read_image<1, 4, mu::dyn>(path); });
  EXPECT_TRUE(has(text, {"as large as asked for, unless .resize is set", path, "is 2 x 2, asked was 4 x 2"}));
}

namespace {
/// Folders b (two images) and a (one) with what is to be passed over.
struct Pets : Folder {
  Pets() {
    for (const char* name : {"b", "a", ".hidden"}) std::filesystem::create_directory(*this / name);
    write("b/2.PNG", png({1, 2, {20, 21}}));
    write("b/1.png", png({1, 2, {10, 11}}));
    write("a/x.png", png({1, 2, {0, 255}}));
    write("a/.x.png", "");
    write("a/notes.txt", "");
    write("readme", "");
  }
};
}  // namespace

TEST(ImageFolder, GivesImagesAndTheNumbersOfTheirFolders) {
  const Pets pets;
  const data::ImageFolder<2, 1, 1, 2, std::uint8_t> set{pets / "."};
  EXPECT_EQ(set.size(), 3);
  EXPECT_EQ(set.classes(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(set.path(2), pets / "./b/2.PNG");
  for (int workers : {1, 2}) {
    Bytes pixels;
    std::vector<std::int64_t> labels;
    for (auto [x, y] : data::Loader(set, {.batch = 2, .workers = workers})) {
      static_assert(std::same_as<decltype(x), mu::Tensor<std::uint8_t, mu::batch, 1, 1, 2>>);
      for (auto v : x.to_vector()) pixels.push_back(v);
      for (auto v : y.to_vector()) labels.push_back(v);
    }
    EXPECT_EQ(pixels, (Bytes{0, 255, 10, 11, 20, 21}));
    EXPECT_EQ(labels, (std::vector<std::int64_t>{0, 1, 1}));
  }
  const data::ImageFolder<2, 3, 2, 2> larger{pets / ".", {.resize = true}};
  const std::int64_t first[] = {0};
  EXPECT_EQ(std::get<0>(larger.get({first, 1})).to_vector(), (Floats{0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}));
}

TEST(ImageFolder, FoldersThatAreNotWhatTheProgramSays) {
  const Pets pets;
  const auto refused_as = [&](auto make) { return text_of_error<mu::FileError>(make); };
  EXPECT_TRUE(has(refused_as([&] { data::ImageFolder<3, 1, 1, 2>{pets / "."}; }),
                  {"[ImageFolder] there must be a folder for each class of the program: 3 asked for", pets / ".", "has 2: \"a\", \"b\""}));
  EXPECT_TRUE(has(refused_as([&] { data::ImageFolder<1, 1, 1, 2>{pets / "."}; }), {"1 asked for", "has 2"}));
  EXPECT_TRUE(has(refused_as([&] { data::ImageFolder<1, 1, 1, 2>{pets / "a"}; }), {"1 asked for", "has 0"}));
  EXPECT_TRUE(has(refused_as([&] { data::ImageFolder<1, 1, 1, 2>{pets / "c"}; }), {"[ImageFolder] cannot read the folder", pets / "c"}));
  std::filesystem::create_directory(pets / "c");
  std::filesystem::create_directory(pets / "c/folder.png");
  EXPECT_TRUE(
      has(refused_as([&] { data::ImageFolder<3, 1, 1, 2>{pets / "."}; }), {"each class must have an image", pets / "./c", "has none"}));
}

TEST(ImageFolder, ABadImageIsNamed) {
  const Pets pets;
  pets.write("b/3.png", png({1, 2, {20, 21}}).substr(0, 60));
  const data::ImageFolder<2, 1, 1, 2> set{pets / "."};
  const auto text = text_of_error<mu::FileError>([&] {
    for (auto [x, y] : data::Loader(set, {.batch = 4, .shuffle = true, .seed = 1, .workers = 2})) FAIL() << x.size();
  });
  EXPECT_TRUE(has(text, {"[Loader] sample 3 of batch 0: [read_image] a PNG file must be whole", pets / "./b/3.png", "ends early"}));
  const data::ImageFolder<2, 1, 2, 2> larger{pets / "."};
  const std::int64_t second[] = {1}, beyond[] = {4};
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)larger.get({second, 1}); }), {pets / "./b/1.png", "is 1 x 2, asked was 2 x 2"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)set.get({beyond, 1}); }), {"[ImageFolder]", "4, there are 4"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)set.path(-1); }), {"[ImageFolder]", "-1, there are 4"}));
}
#else
TEST(Images, WithoutLibpngSaySo) {
  EXPECT_TRUE(has(refused("\x89PNG\r\n\x1a\n"), {"PNG files need libpng, without which mushin was built"}));
}
#endif

#ifdef MUSHIN_JPEG
namespace {
using mushin::test::jpeg;

/// A smooth picture, of as many channels.
PictureOf slope(unsigned height, unsigned width, unsigned channels) {
  PictureOf out{height, width, {}};
  for (unsigned y = 0; y < height; ++y)
    for (unsigned x = 0; x < width; ++x)
      for (unsigned c = 0; c < channels; ++c) out.bytes.push_back(static_cast<unsigned char>(40 + 3 * x + 2 * y + 20 * c));
  return out;
}
/// The largest difference of a decoded picture, channels first.
int error_of(const Bytes& planes, const PictureOf& picture, unsigned channels) {
  const std::size_t pixels = picture.bytes.size() / channels;
  EXPECT_EQ(planes.size(), picture.bytes.size());
  int worst = 0;
  for (std::size_t i = 0; i < planes.size(); ++i)
    worst = std::max(worst, std::abs(int{planes[i]} - int{picture.bytes[i % pixels * channels + i / pixels]}));
  return worst;
}
}  // namespace

TEST(Images, JpegsAreReadNearly) {
  const auto colours = slope(19, 21, 3), greys = slope(10, 17, 1);
  EXPECT_LE(error_of(values<3>(jpeg(colours)), colours, 3), 4);
  EXPECT_LE(error_of(values<3>(jpeg(colours, {.progressive = true})), colours, 3), 4);
  const auto grey = jpeg(greys, {.components = 1, .space = JCS_GRAYSCALE});
  EXPECT_LE(error_of(values<1>(grey), greys, 1), 3);
  const auto one = values<1>(grey), three = values<3>(grey);
  EXPECT_EQ(Bytes(three.begin() + 170, three.begin() + 340), one);
  EXPECT_EQ(values<4>(jpeg(colours)).back(), 255);
}

TEST(Images, DamagedJpegs) {
  for (const bool progressive : {false, true}) {
    const auto whole = jpeg(slope(24, 24, 3), {.progressive = progressive});
    for (std::size_t n = 3; n<whole.size(); n += n + 40> whole.size() ? 1 : 13)
      EXPECT_TRUE(has(refused(whole.substr(0, n)), {"a JPEG file must be whole"})) << n;
    auto cut = whole.substr(0, whole.size() - 40) + "\xFF\xD9";  // an end too early, which libjpeg would paint over
    EXPECT_TRUE(has(refused(cut), {"a JPEG file must be whole"}));
  }
}

TEST(Images, JpegsThatAreNotRead) {
  const auto whole = jpeg(slope(8, 8, 3));
  const auto frame = whole.find("\xFF\xC0");
  ASSERT_NE(frame, std::string::npos);
  auto lying = whole;
  lying.replace(frame + 5, 4, std::string("\x1F\x40\x1F\x40"));
  EXPECT_TRUE(has(refused(lying), {"8000 x 8000 pixels, which", "bytes can't hold"}));
  lying.replace(frame + 5, 4, std::string("\xFF\xDC\xFF\xDC"));
  EXPECT_TRUE(has(refused(lying), {"larger than allowed", "65500 x 65500"}));
  lying.replace(frame + 5, 4, std::string("\0\x20\0\x20", 4));
  EXPECT_TRUE(has(refused(lying), {"a JPEG file must be whole"}));
  EXPECT_TRUE(has(refused(jpeg(slope(8, 8, 4), {.components = 4, .space = JCS_CMYK})), {"grey or of three colours", "has 4 components"}));
  EXPECT_TRUE(has(refused(jpeg(slope(8, 8, 3), {.arithmetic = true})), {"is coded arithmetically"}));
  EXPECT_TRUE(has(refused(whole, {.max_pixels = 63}), {"larger than allowed"}));
}

TEST(Images, AJpegOfManyScansIsRefused) {
  // Each coefficient in a scan of its own: 64 scans; and each of its bits but the last before that one: 127.
  const auto picture = slope(8, 8, 1);
  std::vector<jpeg_scan_info> whole{{1, {0}, 0, 0, 0, 0}}, halves = whole;
  for (int k = 1; k < 64; ++k) {
    whole.push_back({1, {0}, k, k, 0, 0});
    halves.push_back({1, {0}, k, k, 0, 1});
    halves.push_back({1, {0}, k, k, 1, 0});
  }
  const auto file = [&](const auto& scans) { return jpeg(picture, {.components = 1, .space = JCS_GRAYSCALE, .scans = scans}); };
  EXPECT_LE(error_of(values<1>(file(whole)), picture, 1), 3);
  EXPECT_TRUE(has(refused(file(halves)), {"a JPEG file must be whole", "more than 100 scans"}));
}
#else
TEST(Images, WithoutLibjpegSaySo) {
  EXPECT_TRUE(has(refused("\xFF\xD8\xFF"), {"JPEG files need libjpeg, without which mushin was built"}));
}
#endif
