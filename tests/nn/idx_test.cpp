// IDX files, plain and gzip: what they hold, and every way in which they can be wrong.
#include <gtest/gtest.h>

#include "support/files.hpp"
#include "mushin/nn/data/idx.hpp"
#include "mushin/nn/data/loader.hpp"

namespace mu = mushin;
namespace data = mu::data;
using mushin::test::Folder;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

std::string big_endian(std::uint32_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)};
}

std::string idx(std::initializer_list<std::uint32_t> sizes, const std::string& bytes) {
  std::string out{'\0', '\0', '\x08', static_cast<char>(sizes.size())};
  for (auto n : sizes) out += big_endian(n);
  return out + bytes;
}

/// Three images of 2 x 2; pixel k of image i is 10 i + k.
const std::string three_images = idx({3, 2, 2}, {0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, static_cast<char>(255)});
const std::string three_labels = idx({3}, {7, 8, 9});

std::string refused(const std::string& path) {
  const auto text = text_of_error<mu::FileError>([&] { (void)data::read_idx(path); });
  EXPECT_TRUE(has(text, {"[read_idx] ", path}));
  return text;
}

}  // namespace

TEST(Idx, ReadsPlainAndCompressed) {
  const Folder folder;
  for (const auto& path : {folder.write("plain", three_images), folder.write_gz("packed.gz", three_images)}) {
    const auto file = data::read_idx(path);
    EXPECT_EQ(file.sizes, (mu::core::Sizes{3, 2, 2}));
    EXPECT_EQ(file.bytes, (std::vector<std::uint8_t>{0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 255}));
  }
}

TEST(Idx, GivesBatchesOfImagesAndLabels) {
  const Folder folder;
  const data::Idx<4> set{folder.write("i", three_images), folder.write_gz("l.gz", three_labels)};
  EXPECT_EQ(set.size(), 3);
  const std::int64_t which[] = {2, 0};
  const auto [x, y] = set.get({which, 2});
  static_assert(std::same_as<std::remove_cvref_t<decltype(x)>, mu::Tensor<float, mu::batch, 4>>);
  static_assert(std::same_as<std::remove_cvref_t<decltype(y)>, mu::Tensor<std::int64_t, mu::batch>>);
  EXPECT_EQ(x.to_vector(), (std::vector<float>{20 / 255.0f, 21 / 255.0f, 22 / 255.0f, 1, 0, 1 / 255.0f, 2 / 255.0f, 3 / 255.0f}));
  EXPECT_EQ(y.to_vector(), (std::vector<std::int64_t>{9, 7}));
}

TEST(Idx, TheExtentsSayHowAnImageIsSeen) {
  const Folder folder;
  const data::Idx<1, 2, 2> set{folder.write("i", three_images), folder.write("l", three_labels)};
  for (auto [x, y] : data::Loader(set, {.batch = 3})) {
    static_assert(std::same_as<decltype(x), mu::Tensor<float, mu::batch, 1, 2, 2>>);
    EXPECT_EQ(x(2, 0, 1, 1), 1.0f);
    EXPECT_EQ(y(2), 9);
  }
}

TEST(Idx, KeepsTheFirst) {
  const Folder folder;
  data::Idx<4> set{folder.write("i", three_images), folder.write("l", three_labels)};
  set.keep_first(2);
  EXPECT_EQ(set.size(), 2);
  set.keep_first(100);
  EXPECT_EQ(set.size(), 2);
  const std::int64_t third[] = {2};
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)set.get({third, 1}); }), {"[Idx]", "2, there are 2"}));
}

TEST(Idx, MissingFile) {
  const Folder folder;
  EXPECT_TRUE(has(refused(folder / "absent.gz"), {"cannot open", "No such file"}));
}

TEST(Idx, WrongMagic) {
  const Folder folder;
  EXPECT_TRUE(has(refused(folder.write("f", "GIF89a, and more of it")), {"00 00 08", "47 49 46 38"}));
  EXPECT_TRUE(has(refused(folder.write("f", std::string("\0\0\x0d\1\0\0\0\1abcd", 12))), {"begins with 00 00 0d 01"}));
  EXPECT_TRUE(has(refused(folder.write("f", std::string("\0\0\x08\0", 4))), {"begins with 00 00 08 00"}));
  EXPECT_TRUE(has(refused(folder.write("f", "")), {"ended early", "got 0"}));
}

TEST(Idx, EveryTruncationIsNoticed) {
  const Folder folder;
  for (std::size_t n = 0; n < three_images.size(); ++n)
    EXPECT_TRUE(has(refused(folder.write("cut", three_images.substr(0, n))), {"ended early"})) << n;
  const auto packed = mushin::test::bytes_of_file(folder.write_gz("whole.gz", three_images));
  for (std::size_t n = 2; n < packed.size(); ++n) EXPECT_FALSE(refused(folder.write("cut.gz", packed.substr(0, n))).empty()) << n;
}

TEST(Idx, ADamagedArchiveIsNoticed) {
  const Folder folder;
  auto packed = mushin::test::bytes_of_file(folder.write_gz("whole.gz", three_images));
  packed[packed.size() - 6] = static_cast<char>(packed[packed.size() - 6] ^ 1);  // in the checksum
  EXPECT_TRUE(has(refused(folder.write("bad.gz", packed)), {"must be whole"}));
}

TEST(Idx, LyingSizes) {
  const Folder folder;
  EXPECT_TRUE(has(refused(folder.write("f", idx({2, 2, 2}, "123456789"))), {"must end with its data", "(2, 2, 2)"}));
  EXPECT_TRUE(has(refused(folder.write("f", idx({4, 2, 2}, "123456789"))), {"ended early", "16 bytes, got 9"}));
  EXPECT_TRUE(has(refused(folder.write("f", idx({0xFFFFFFFF, 0xFFFFFFFF, 2}, "1"))), {"fit the memory"}));
  EXPECT_TRUE(has(refused(folder.write("f", idx({0xFFFFFFFF, 0xFFFFFF}, "1"))), {"ended early"}));
}

TEST(Idx, ImagesAndLabelsMustAgree) {
  const Folder folder;
  const auto images = folder.write("i", three_images), labels = folder.write("l", three_labels);
  const auto two = folder.write("two", idx({2}, "12"));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { data::Idx<4>(images, two); }),
                  {"[Idx] there must be one label for each image", "(3, 2, 2)", "(2)", images, two}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { data::Idx<5>(images, labels); }), {"as many pixels", "(3, 2, 2)", "asked was (5)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { data::Idx<4>(images, images); }), {"labels must have one axis"}));
}
