// Npz archives: what is written is read, and no lie of a directory gets past the reader.
#include <gtest/gtest.h>

#include <random>

#include "mushin/tensor.hpp"
#include "sample.hpp"
#include "support/files.hpp"

namespace mu = mushin;
using mushin::test::Folder;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

std::string little(std::uint64_t value, unsigned bytes) {
  std::string out;
  for (unsigned i = 0; i < bytes; ++i, value >>= 8) out += static_cast<char>(value & 0xFF);
  return out;
}

/// A member as a test wants it; what isn't said is true.
struct Member {
  std::string name, data;
  unsigned method = 0, flags = 0;
  std::uint64_t bytes = data.size(), packed = data.size(),
                crc = crc32(0, reinterpret_cast<const Bytef*>(data.data()), static_cast<uInt>(data.size()));
  int at_header_of = -1;  // its line in the directory points to the local header of that member
};

std::string zip(const std::vector<Member>& members, int more_lines = 0) {
  std::string out, directory;
  std::vector<std::size_t> begin;
  for (const auto& m : members) {
    begin.push_back(out.size());
    const auto from = m.at_header_of < 0 ? begin.back() : begin[static_cast<std::size_t>(m.at_header_of)];
    const std::string common =
        little(m.flags, 2) + little(m.method, 2) + little(0, 4) + little(m.crc, 4) + little(m.packed, 4) + little(m.bytes, 4);
    out += "PK\3\4" + little(20, 2) + common + little(m.name.size(), 2) + little(0, 2) + m.name + m.data;
    directory += "PK\1\2" + little(20, 2) + little(20, 2) + common + little(m.name.size(), 2) + little(0, 12) + little(from, 4) + m.name;
  }
  const auto lines = static_cast<std::uint64_t>(static_cast<int>(members.size()) + more_lines);
  return out + directory + "PK\5\6" + little(0, 4) + little(lines, 2) + little(lines, 2) + little(directory.size(), 4) +
         little(out.size(), 4) + little(0, 2);
}

std::string npy_file(const Folder& folder) {
  mu::save_npy(folder / "one.npy", mu::tensor<2>({1, 2}));
  return mushin::test::bytes_of_file(folder / "one.npy");
}

std::string refused(const std::string& content) {
  const Folder folder;
  const auto path = folder.write("lie.npz", content);
  const auto text = text_of_error<mu::FileError>([&] { mu::Npz file(path); });
  EXPECT_TRUE(has(text, {"[load_npz] ", path}));
  return text;
}

inline constexpr mu::Dim<"batch"> batch;

}  // namespace

TEST(Npz, GivesBackWhatWasSaved) {
  const Folder folder;
  const auto f = mu::tensor<2, 3>({1, 2, 3, 4, 5, 6});
  const auto i = mu::tensor<std::int64_t, 3>({-1, 0, 7});
  const auto b = mu::tensor<bool, 2, 2>({true, false, false, true});
  const auto many = mu::arange<100'000>();
  for (const auto how : {mu::packing::stored, mu::packing::deflated}) {
    const auto path = folder / "t.npz";
    mu::save_npz(
        path, {{"f", f}, {"folder/b", b}, {"\xc3\xa9", i}, {"scalar", mu::fill<double>(4.5)}, {"none", mu::zeros<0, 4>()}, {"many", many}},
        how);
    const auto file = mu::load_npz(path);
    EXPECT_EQ(file.size(), 6u);
    EXPECT_EQ((file.get<2, 3>("f").to_vector()), f.to_vector());
    EXPECT_EQ((file.get<bool, 2, 2>("folder/b").to_vector()), b.to_vector());
    EXPECT_EQ((file.get<std::int64_t, 3>("\xc3\xa9").to_vector()), i.to_vector());
    EXPECT_EQ(file.get<double>("scalar").item(), 4.5);
    EXPECT_EQ((file.get<0, 4>("none").size()), 0);
    EXPECT_EQ((file.get<100'000>("many").to_vector()), many.to_vector());
    EXPECT_STREQ(file[1].name, "folder/b");
    EXPECT_STREQ(file[1].dtype, "|b1");
    EXPECT_EQ(file[1].sizes, (mu::core::Sizes{2, 2}));
    EXPECT_TRUE(file.contains("f") && !file.contains("f.npy"));
    EXPECT_EQ(folder.files(), 1u);
  }
}

TEST(Npz, EveryElementTypeThatNumPyHas) {
  const Folder folder;
  const auto path = folder / "t.npz";
  mushin::test::for_each_element_type([&]<class T>() {
    const auto x = mushin::test::sample<T>();
    if constexpr (std::same_as<T, mu::bf16>) {
      EXPECT_TRUE(has(text_of_error<mu::FileError>([&] {
                        mu::save_npz(path, {{"x", x}});
                      }),
                      {"[save_npz] NumPy must have", "'x'", "bf16"}));
    } else {
      mu::save_npz(path, {{"x", x}}, mu::packing::deflated);
      EXPECT_EQ(mushin::test::bits((mu::load_npz(path).template get<T, 4>("x")).raw()), mushin::test::bits(x.raw()))
          << mu::name_of(mu::dtype_of<T>);
    }
  });
}

TEST(Npz, DeflatedIsSmaller) {
  const Folder folder;
  mu::save_npz(folder / "stored", {{"x", mu::zeros<100'000>()}});
  mu::save_npz(folder / "deflated", {{"x", mu::zeros<100'000>()}}, mu::packing::deflated);
  EXPECT_GT(mushin::test::bytes_of_file(folder / "stored").size(), 400'000u);
  EXPECT_LT(mushin::test::bytes_of_file(folder / "deflated").size(), 4'000u);
}

TEST(Npz, EqualTensorsMakeEqualFiles) {
  const Folder folder;
  mu::save_npz(folder / "a", {{"x", mu::ones<3>()}});
  mu::save_npz(folder / "b", {{"x", mu::ones<3>()}});
  EXPECT_EQ(mushin::test::bytes_of_file(folder / "a"), mushin::test::bytes_of_file(folder / "b"));
}

TEST(Npz, TypedReadingNamesBothSides) {
  const Folder folder;
  mu::save_npz(folder / "t.npz", {{"w", mu::zeros<2, 3>()}});
  const auto file = mu::load_npz(folder / "t.npz");
  EXPECT_EQ((file.get<batch, 3>("w").size(batch)), 2);
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { (void)file.get<3, 2>("w"); }), {"t.npz, 'w' is float (2, 3), asked was float (3, 2)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<bool, 2, 3>("w"); }), {"float (2, 3)", "asked was bool (2, 3)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<2, 3>("v"); }), {"no tensor of that name", "'v'"}));
}

TEST(Npz, AFailedSaveKeepsTheOldFile) {
  const Folder folder;
  const auto path = folder / "t";
  const auto x = mu::zeros<2>();
  mu::save_npz(path, {{"x", x}});
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::save_npz(path, {{"a", x}, {"a", x}}); }), {"[save_npz]", "distinct", "'a'"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::save_npz(path, {{"", x}}); }), {"not empty"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::save_npz(path, {{"\xff", x}}); }), {"UTF-8", "'\\xff'"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] {
                    mu::save_npz(path, {{std::string(70'000, 'n').c_str(), x}});
                  }),
                  {"at most 65531 bytes"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::save_npz(folder / "no/such", {{"x", x}}); }), {"cannot create", "no/such"}));
  EXPECT_EQ(folder.files(), 1u);
  EXPECT_TRUE(mu::load_npz(path).contains("x"));
}

TEST(Npz, AMemberOfATypeThatMushinLacksIsRefusedWhenItIsRead) {
  const Folder folder;
  std::string unsigned_integers = npy_file(folder);
  unsigned_integers.replace(unsigned_integers.find("<f4"), 3, "<u4");
  const auto file = mu::load_npz(folder.write("t", zip({{"u.npy", unsigned_integers}, {"x.npy", npy_file(folder)}})));
  EXPECT_EQ(file.size(), 2u);
  EXPECT_EQ((file.get<2>("x").to_vector()), (std::vector<float>{1, 2}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<2>("u"); }),
                  {"[load_npz] mushin has no such element type", "'u'", "'<u4' (2)"}));
}

TEST(Npz, MembersThatAreNoArraysArePassedOver) {
  const Folder folder;
  const auto file = mu::load_npz(folder.write("t", zip({{"readme.txt", "hello"}, {"x.npy", npy_file(folder)}})));
  EXPECT_EQ(file.size(), 1u);
  EXPECT_EQ((file.get<2>("x").to_vector()), (std::vector<float>{1, 2}));
  EXPECT_EQ(mu::load_npz(folder.write("t", zip({}))).size(), 0u);
  mu::save_npz(folder / "empty", {});
  EXPECT_EQ(mu::load_npz(folder / "empty").size(), 0u);
}

TEST(Npz, LyingDirectories) {
  const Folder folder;
  const std::string x = npy_file(folder);
  EXPECT_TRUE(has(refused(""), {"must be a ZIP archive"}));
  EXPECT_TRUE(has(refused(x), {"must be a ZIP archive"}));
  EXPECT_TRUE(has(refused(zip({{"\xff.npy", x}})), {"names must be UTF-8", "'\\xff.npy'"}));
  EXPECT_TRUE(has(refused(zip({{std::string("a\0.npy", 6), x}})), {"names must be UTF-8"}));
  EXPECT_TRUE(has(refused(zip({{"", x}})), {"not empty"}));
  EXPECT_TRUE(has(refused(zip({{"x.npy", x, 0, 1}})), {"must not be encrypted", "'x.npy'"}));
  EXPECT_TRUE(has(refused(zip({{"x.npy", x, 12}})), {"stored or deflated", "method 12"}));
  EXPECT_TRUE(has(refused(zip({{"x.npy", x}, {"x.npy", x}})), {"'x' twice"}));
  EXPECT_TRUE(has(refused(zip({{.name = "x.npy", .data = x, .bytes = 999}})), {"more than its packed bytes", "999 bytes in"}));
  EXPECT_TRUE(
      has(refused(zip({{.name = "x.npy", .data = x, .method = 8, .bytes = 0xF0000000}})), {"more than its packed bytes", "4026531840"}));
  EXPECT_TRUE(has(refused(zip({{.name = "x.npy", .data = x, .packed = 1'000'000}})), {"more than its packed bytes", "in 1000000"}));
  EXPECT_TRUE(has(refused(zip({{"x.npy", x}}, 1)), {"must be whole", "its directory"}));
  EXPECT_TRUE(has(refused(zip({{"x.npy", x}, {.name = "y.npy", .data = x, .at_header_of = 0}})), {"must not overlap", "'x'", "'y'"}));
  EXPECT_TRUE(has(refused(zip({{"x.npy", "no array"}})), {"'x' has 8"}));
  EXPECT_TRUE(has(refused(zip({{"x.npy", x + "more"}})), {"needs 8 bytes, has 12"}));
  EXPECT_TRUE(has(refused(zip({{.name = "x.npy", .data = x, .method = 8}})), {"cannot be unpacked"}));
  std::string other = zip({{"x.npy", x}});
  other[8] = 8;  // the local header says deflated
  EXPECT_TRUE(has(refused(other), {"must be whole", "the header of 'x.npy' differ"}));
}

TEST(Npz, AWrongChecksumIsNoticed) {
  const Folder folder;
  const auto file = mu::load_npz(folder.write("t", zip({{.name = "x.npy", .data = npy_file(folder), .crc = 1}})));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.read("x"); }), {"must be whole", "the checksum of 'x.npy'"}));
}

TEST(Npz, WhatIsNoRegularFileIsRefused) {
  const Folder folder;
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::Npz f(folder / "absent"); }), {"[load_npz] cannot open", "No such file"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::Npz f(folder / ""); }), {"must be a regular file"}));
}

namespace {
/// Reads everything there is; true when nothing was wrong.
bool reads(const std::string& path) {
  try {
    const mu::Npz file(path);
    for (std::size_t i = 0; i < file.size(); ++i) mu::core::evaluate(file.read(file[i].name));
    return true;
  } catch (const mu::FileError&) {
    return false;
  }
}
}  // namespace

TEST(Npz, NoTruncationIsTakenForAFile) {
  const Folder folder;
  mu::save_npz(folder / "good", {{"x", mu::tensor<2>({1, 2})}}, mu::packing::deflated);
  const auto good = mushin::test::bytes_of_file(folder / "good");
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(reads(folder.write("cut", good.substr(0, n)))) << n << " bytes";
  EXPECT_TRUE(reads(folder.write("cut", good)));
}

TEST(Npz, DamageIsAFileErrorOrHarmless) {
  const Folder folder;
  mu::save_npz(folder / "good", {{"x", mu::tensor<2>({1, 2})}, {"y", mu::ones<std::int64_t, 9>()}}, mu::packing::deflated);
  const auto good = mushin::test::bytes_of_file(folder / "good");
  std::mt19937_64 random(1);
  int refused_files = 0;
  for (int i = 0; i < 500; ++i) {
    auto bad = good;
    for (auto n = 1 + random() % 3; n > 0; --n) {
      const auto at = random() % bad.size();
      if (random() % 4 == 0)
        bad.erase(at, 1 + random() % 4);
      else
        bad[at] = static_cast<char>(random());
    }
    refused_files += !reads(folder.write("damaged", bad));
  }
  EXPECT_GT(refused_files, 250);
}
