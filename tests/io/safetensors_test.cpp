// Safetensors files: what is written is read, and no lie in a header gets past the reader.
#include "mushin/tensor/io/safetensors.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <limits>
#include <optional>
#include <random>

#include "mushin/tensor.hpp"
#include "sample.hpp"
#include "support/files.hpp"

namespace mu = mushin;
using mushin::test::Folder;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

std::string with_header(const std::string& json, const std::string& data) {
  std::string length(8, '\0');
  for (unsigned i = 0; i < 8; ++i) length[i] = static_cast<char>(json.size() >> 8 * i & 0xFF);
  return length + json + data;
}

std::string refused(const std::string& bytes) {
  const Folder folder;
  const auto path = folder.write("lie.safetensors", bytes);
  const auto text = text_of_error<mu::FileError>([&] { mu::Safetensors file(path); });
  EXPECT_TRUE(has(text, {"[load_safetensors] ", path}));
  return text;
}
std::string refused(const std::string& json, const std::string& data) { return refused(with_header(json, data)); }

const std::string four(4, '\0'), eight(8, '\0');

}  // namespace

TEST(Safetensors, GivesBackWhatWasSaved) {
  const Folder folder;
  const auto path = folder / "t.safetensors";
  const auto f = mu::tensor<2, 3>({1, 2, 3, 4, 5, std::numeric_limits<float>::infinity()});
  const auto d = mu::tensor<double, 2>({0.1, -0.0});
  const auto i = mu::tensor<std::int64_t, 3>({std::numeric_limits<std::int64_t>::min(), 0, 7});
  const auto b = mu::tensor<bool, 2, 2>({true, false, false, true});
  const auto scalar = mu::fill(4.5f);
  const auto none = mu::zeros<0, 4>();
  mu::save_safetensors(path, {{"f", f}, {"b", b}, {"deep.name", d}, {"i", i}, {"scalar", scalar}, {"none", none}},
                       {{"made by", "a \"test\""}});

  const auto file = mu::load_safetensors(path);
  EXPECT_EQ(file.size(), 6u);
  EXPECT_EQ((file.get<2, 3>("f").to_vector()), f.to_vector());
  EXPECT_EQ((file.get<double, 2>("deep.name").to_vector()), d.to_vector());
  EXPECT_EQ((file.get<std::int64_t, 3>("i").to_vector()), i.to_vector());
  EXPECT_EQ((file.get<bool, 2, 2>("b").to_vector()), b.to_vector());
  EXPECT_EQ(file.get("scalar").item(), 4.5f);
  EXPECT_EQ((file.get<0, 4>("none").size()), 0);
  EXPECT_STREQ(file.metadata("made by"), "a \"test\"");
  EXPECT_EQ(file.metadata("absent"), nullptr);
  EXPECT_TRUE(file.contains("i") && !file.contains("x"));
}

TEST(Safetensors, EveryElementType) {
  const Folder folder;
  mushin::test::for_each_element_type([&]<class T>() {
    const auto x = mushin::test::sample<T>();
    mu::save_safetensors(folder / "t", {{"x", x}});
    for (const auto how : {mu::reading::copied, mu::reading::mapped})
      EXPECT_EQ(mushin::test::bits((mu::load_safetensors(folder / "t", how).template get<T, 4>("x")).raw()), mushin::test::bits(x.raw()))
          << mu::name_of(mu::dtype_of<T>);
  });
}

TEST(Safetensors, NamedExtentsTakeTheSizeOfTheFile) {
  const Folder folder;
  mu::save_safetensors(folder / "t", {{"x", mu::tensor<2, 3>({1, 2, 3, 4, 5, 6})}});
  const auto x = mu::load_safetensors(folder / "t").get<mu::Dim<"batch">{}, 3>("x");
  EXPECT_EQ(x.shape()[0], 2);
  EXPECT_EQ(x(1, 2), 6.0f);
}

TEST(Safetensors, WritesViewsAndPendingValues) {
  const Folder folder;
  const auto a = mu::tensor<2, 3>({1, 2, 3, 4, 5, 6});
  mu::save_safetensors(folder / "t", {{"x", mu::transpose(a) + 1.0f}});
  EXPECT_EQ((mu::load_safetensors(folder / "t").get<3, 2>("x").to_vector()), (std::vector<float>{2, 5, 3, 6, 4, 7}));
}

TEST(Safetensors, TheLayoutOnDiskIsTheFormats) {
  const Folder folder;
  mu::save_safetensors(folder / "t", {{"x", mu::tensor<2>({1, 2})}});
  const std::string json = R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string padded = json + std::string((8 - json.size() % 8) % 8, ' ');
  const float values[] = {1, 2};
  EXPECT_EQ(mushin::test::bytes_of_file(folder / "t"), with_header(padded, std::string(reinterpret_cast<const char*>(values), 8)));
}

TEST(Safetensors, MappedTensorsAreViewsThatOutliveTheFile) {
  const Folder folder;
  const auto path = folder / "t";
  const auto many = mu::arange<100'000>();
  mu::save_safetensors(path, {{"many", many}, {"b", mu::tensor<bool, 2>({true, false})}, {"none", mu::zeros<0>()}});
  std::optional<mu::Tensor<float, 100'000>> kept;
  {
    const auto file = mu::load_safetensors(path, mu::reading::mapped);
    const auto before = mu::memory_stats(mu::default_device()).in_use;
    kept = file.get<100'000>("many");
    if (mu::default_device().host_memory()) {
      EXPECT_LT(mu::memory_stats(mu::default_device()).in_use - before, 100'000u) << "it was copied";
    }
    EXPECT_EQ((file.get<bool, 2>("b").to_vector()), (std::vector<bool>{true, false}));
    EXPECT_EQ(file.get<0>("none").size(), 0);
    EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<3>("many"); }), {"F32 (100000)", "F32 (3)"}));
  }
  mu::save_safetensors(path, {{"many", mu::zeros<100'000>()}});  // another file of that name
  EXPECT_EQ(kept->to_vector(), many.to_vector());
  auto x = *std::exchange(kept, std::nullopt);
  x = x * 2.0f;  // the pages cannot be written
  EXPECT_EQ(x(99'999), 2.0f * many(99'999));
}

TEST(Safetensors, MappedTensorsThatNoViewCanBeAreCopied) {
  const Folder folder;
  const float one = 1;
  const std::string data = std::string("\1", 1) + std::string(reinterpret_cast<const char*>(&one), 4);
  const auto path = folder.write("t", with_header(R"({"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]},)"
                                                  R"("x":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                                  data));
  const mu::Safetensors file(path, mu::reading::mapped);
  EXPECT_EQ((file.get<1>("x").to_vector()), (std::vector<float>{1}));
  const auto bad = folder.write("b", with_header(R"({"x":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", "\2"));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)mu::Safetensors(bad, mu::reading::mapped).read("x"); }), {"0 or 1"}));
}

TEST(Safetensors, ReplacesAFileAndLeavesNothingElse) {
  const Folder folder;
  mu::save_safetensors(folder / "t", {{"x", mu::zeros<100>()}});
  mu::save_safetensors(folder / "t", {{"y", mu::zeros<2>()}});
  EXPECT_EQ(folder.files(), 1u);
  EXPECT_TRUE(mu::load_safetensors(folder / "t").contains("y"));
}

TEST(Safetensors, AFailedSaveKeepsTheOldFile) {
  const Folder folder;
  mu::save_safetensors(folder / "t", {{"x", mu::zeros<2>()}});
  const auto x = mu::zeros<2>();
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::save_safetensors(folder / "t", {{"a", x}, {"a", x}}); }), {"distinct", "'a'"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] {
                    mu::save_safetensors(folder / "t", {{"\xff", x}});
                  }),
                  {"names and metadata must be UTF-8"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::save_safetensors(folder / "t", {{"", x}}); }), {"not empty"}));
  EXPECT_EQ(folder.files(), 1u);
  EXPECT_TRUE(mu::load_safetensors(folder / "t").contains("x"));
}

TEST(Safetensors, ASaveThatFailsAtTheEndLeavesNothing) {
  const Folder folder;
  std::filesystem::create_directory(folder / "taken");
  const auto text = text_of_error<mu::FileError>([&] { mu::save_safetensors(folder / "taken", {{"x", mu::zeros<2>()}}); });
  EXPECT_TRUE(has(text, {"[save_safetensors] cannot rename to: ", "taken"}));
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Safetensors, WideElementsComeFirst) {
  const Folder folder;
  mu::save_safetensors(folder / "t", {{"b", mu::tensor<bool, 1>({true})}, {"f", mu::zeros<3>()}, {"d", mu::zeros<double, 1>()}});
  const mu::Safetensors file(folder / "t");
  EXPECT_STREQ(file[0].name, "d");
  EXPECT_STREQ(file[1].name, "f");
  EXPECT_STREQ(file[2].name, "b");
}

TEST(Safetensors, SayWhyAFileCannotBeWritten) {
  const Folder folder;
  const auto text = text_of_error<mu::FileError>([&] { mu::save_safetensors(folder / "no/such/t", {{"x", mu::zeros<2>()}}); });
  EXPECT_TRUE(has(text, {"[save_safetensors] cannot create: ", "no/such/t", "No such file"}));
}

TEST(Safetensors, WhatIsNoRegularFileIsRefused) {
  const Folder folder;
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::Safetensors f(folder / "absent"); }), {"cannot open", "absent", "No such file"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::Safetensors f(folder / ""); }), {"must be a regular file"}));
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::Safetensors f(folder / "fifo"); }), {"must be a regular file"}));
}

TEST(Safetensors, TypedReadingNamesBothSides) {
  const Folder folder;
  mu::save_safetensors(folder / "t", {{"w", mu::zeros<2, 3>()}});
  const auto file = mu::load_safetensors(folder / "t");
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<3, 2>("w"); }), {"F32 (2, 3)", "asked was F32 (3, 2)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<double, 2, 3>("w"); }), {"F32 (2, 3)", "F64 (2, 3)"}));
  constexpr mu::Dim<"n"> n;
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<n, 2>("w"); }), {"F32 (2, 3)", "asked was F32 (n, 2)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<n, n>("w"); }), {"F32 (2, 3)", "asked was F32 (n, n)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.get<2, 3>("v"); }), {"no tensor of that name", "'v'"}));
}

TEST(Safetensors, LyingHeaders) {
  EXPECT_TRUE(has(refused("abc"), {"8 bytes of header length", "3 bytes"}));
  EXPECT_TRUE(has(refused(std::string(8, '\xff')), {"header must fit the file", "18446744073709551615"}));
  EXPECT_TRUE(has(refused(std::string("\x05\0\0\0\0\0\0\0{}", 10)), {"header must fit the file", "says 5"}));
  EXPECT_TRUE(has(refused("{", ""), {"well-formed JSON"}));
  EXPECT_TRUE(has(refused("[]", ""), {"JSON object", "array"}));
  EXPECT_TRUE(has(refused(" {}", ""), {"nothing may stand before", "' {}'"}));
  EXPECT_TRUE(has(refused("\xEF\xBB\xBF{}", ""), {"nothing may stand before", "'\\xef\\xbb\\xbf{'"}));
  EXPECT_TRUE(has(refused(std::string(100000, '['), ""), {"well-formed JSON"}));
  EXPECT_TRUE(has(refused("{\"\xff\":1}", ""), {"well-formed JSON"}));
  EXPECT_TRUE(has(refused(R"({"x":3})", ""), {"'x' has none"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", four), {"no such element type", "F31"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":3,"shape":[1],"data_offsets":[0,4]}})", four), {"no such element type"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","data_offsets":[0,4]}})", four), {"'shape'", "'x' has none"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", four), {"not negative", "-1"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})", four), {"whole"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", four), {"at most 8 axes"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", ""), {"fit the memory"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[0,9223372036854775808],"data_offsets":[0,0]}})", ""), {"fit the memory"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":3,"data_offsets":[0,4]}})", four), {"a shape must be a list", "'x' has 3"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", four),
                  {"the bytes must be as many as shape and element type need", "needs 8, has [0, 4)"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}})", four), {"has [4, 0)"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", four), {"two numbers"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", eight), {"begins at 4, expected 0"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", ""), {"needs 4 bytes, has 0"}));
  EXPECT_TRUE(has(refused(R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", eight), {"needs 4 bytes, has 8"}));
  const std::string x = R"("x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})",
                    y = R"("y":{"dtype":"F32","shape":[1],"data_offsets":[0,4]})";
  EXPECT_TRUE(has(refused("{" + x + "," + y + "}", four), {"neither overlap", "expected 4"}));
  EXPECT_TRUE(has(refused("{" + x + "," + x + "}", four), {"'x' twice"}));
  EXPECT_TRUE(has(refused(R"({"__metadata__":{"a":1}})", ""), {"metadata must be text"}));
  EXPECT_TRUE(has(refused(R"({"__metadata__":[]})", ""), {"__metadata__ must be an object"}));
}

TEST(Safetensors, AHugeHeaderIsNotRead) {
  const Folder folder;
  const auto path = folder.write("t", std::string("\x00\xe2\xf5\x05\0\0\0\0", 8));  // 100,000,256
  std::filesystem::resize_file(path, 100'000'264);
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::Safetensors f(path); }), {"at most 100000000 bytes", "has 100000256"}));
}

TEST(Safetensors, TypesThatMushinLacksAreListedButNotRead) {
  const Folder folder;
  const auto path = folder.write("t", with_header(R"({"x":{"dtype":"U16","shape":[2],"data_offsets":[0,4]}})", four));
  const mu::Safetensors file(path);
  EXPECT_STREQ(file[0].dtype, "U16");
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)file.read("x"); }), {"no such element type", "U16"}));
}

TEST(Safetensors, ABoolIsZeroOrOne) {
  const Folder folder;
  const auto path = folder.write("t", with_header(R"({"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", std::string("\1\2", 2)));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)mu::Safetensors(path).read("x"); }), {"0 or 1"}));
}

namespace {
/// Reads everything there is; true when nothing was wrong.
bool reads(const std::string& path) {
  try {
    const mu::Safetensors file(path);
    for (std::size_t i = 0; i < file.size(); ++i) (void)file.read(file[i].name);
    return true;
  } catch (const mu::FileError&) {
    return false;
  }
}
std::string small_file(const Folder& folder) {
  mu::save_safetensors(folder / "good", {{"a", mu::tensor<2>({1, 2})}, {"b.c", mu::tensor<std::int64_t, 1>({3})}}, {{"k", "v"}});
  return mushin::test::bytes_of_file(folder / "good");
}
}  // namespace

TEST(Safetensors, NoTruncationIsTakenForAFile) {
  const Folder folder;
  const auto good = small_file(folder);
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(reads(folder.write("cut", good.substr(0, n)))) << n << " bytes";
  EXPECT_TRUE(reads(folder.write("cut", good)));
}

TEST(Safetensors, DamageIsAFileErrorOrHarmless) {
  const Folder folder;
  const auto good = small_file(folder);
  std::mt19937_64 random(1);
  int refused_files = 0;
  for (int i = 0; i < 500; ++i) {
    auto bad = good;
    for (auto n = 1 + random() % 3; n > 0; --n) {
      const auto at = random() % bad.size();
      const auto what = random() % 3;
      if (what == 0)
        bad[at] = static_cast<char>(random());
      else if (what == 1)
        bad.erase(at, 1 + random() % 4);
      else
        bad.insert(at, 1, "0123456789{}[]\",:-"[random() % 18]);
      if (bad.empty()) bad.push_back(32);
    }
    refused_files += !reads(folder.write("damaged", bad));
  }
  EXPECT_GT(refused_files, 250);
}
