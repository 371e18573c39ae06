// Npy files: what is written is read, what NumPy may write is read, and no lie in a header gets past the reader.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "mushin/tensor.hpp"
#include "sample.hpp"
#include "support/files.hpp"

namespace mu = mushin;
using mushin::test::Folder;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

template <class T>
std::string bytes(std::initializer_list<T> values) {
  return {reinterpret_cast<const char*>(values.begin()), values.size() * sizeof(T)};
}
template <class T>
std::string big_endian(std::initializer_list<T> values) {
  std::string out = bytes(values);
  for (std::size_t i = 0; i < out.size(); i += sizeof(T))
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(i), out.begin() + static_cast<std::ptrdiff_t>(i + sizeof(T)));
  return out;
}

std::string npy(const std::string& dictionary, const std::string& data, unsigned version = 1) {
  std::string out("\x93NUMPY", 6);
  out += static_cast<char>(version);
  out += '\0';
  for (unsigned i = 0; i < (version == 1 ? 2 : 4); ++i) out += static_cast<char>(dictionary.size() >> 8 * i & 0xFF);
  return out + dictionary + data;
}
std::string npy_of(const std::string& descr, const std::string& shape, const std::string& data, const char* fortran = "False") {
  return npy("{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }", data);
}

std::string refused(const std::string& content) {
  const Folder folder;
  const auto path = folder.write("lie.npy", content);
  const auto text = text_of_error<mu::FileError>([&] { (void)mu::core::load_npy(path); });
  EXPECT_TRUE(has(text, {"[load_npy] ", path}));
  return text;
}

const std::string four(4, '\0'), eight(8, '\0');
inline constexpr mu::Dim<"batch"> batch;

}  // namespace

TEST(Npy, GivesBackWhatWasSaved) {
  const Folder folder;
  const auto path = folder / "t.npy";
  const auto f = mu::tensor<2, 3>({1, 2, 3, -0.0f, 5, std::numeric_limits<float>::infinity()});
  mu::save_npy(path, f);
  EXPECT_EQ((mu::load_npy<2, 3>(path).to_vector()), f.to_vector());
  const auto d = mu::tensor<double, 2>({0.1, -7});
  mu::save_npy(path, d);
  EXPECT_EQ((mu::load_npy<double, 2>(path).to_vector()), d.to_vector());
  const auto i = mu::tensor<std::int64_t, 3>({std::numeric_limits<std::int64_t>::min(), 0, 7});
  mu::save_npy(path, i);
  EXPECT_EQ((mu::load_npy<std::int64_t, 3>(path).to_vector()), i.to_vector());
  const auto b = mu::tensor<bool, 2, 2>({true, false, false, true});
  mu::save_npy(path, b);
  EXPECT_EQ((mu::load_npy<bool, 2, 2>(path).to_vector()), b.to_vector());
  mu::save_npy(path, mu::fill(4.5f));
  EXPECT_EQ(mu::load_npy(path).item(), 4.5f);
  mu::save_npy(path, mu::zeros<0, 4>());
  EXPECT_EQ((mu::load_npy<0, 4>(path).size()), 0);
  EXPECT_EQ(folder.files(), 1u);
}

TEST(Npy, EveryElementTypeThatNumPyHas) {
  const Folder folder;
  const auto path = folder / "t.npy";
  mushin::test::for_each_element_type([&]<class T>() {
    const auto x = mushin::test::sample<T>();
    if constexpr (std::same_as<T, mu::bf16>) {
      EXPECT_TRUE(
          has(text_of_error<mu::FileError>([&] { mu::save_npy(path, x); }), {"[save_npy] NumPy must have", path, "bf16", ".to<float>()"}));
    } else {
      mu::save_npy(path, x);
      EXPECT_EQ(mushin::test::bits((mu::load_npy<T, 4>(path)).raw()), mushin::test::bits(x.raw())) << mu::name_of(mu::dtype_of<T>);
    }
  });
}

TEST(Npy, WritesViewsAndPendingValues) {
  const Folder folder;
  mu::save_npy(folder / "t", mu::transpose(mu::tensor<2, 3>({1, 2, 3, 4, 5, 6})) + 1.0f);
  EXPECT_EQ((mu::load_npy<3, 2>(folder / "t").to_vector()), (std::vector<float>{2, 5, 3, 6, 4, 7}));
}

TEST(Npy, TheLayoutOnDiskIsNumPys) {
  const Folder folder;
  mu::save_npy(folder / "t", mu::tensor<2>({1, 2}));
  const auto written = mushin::test::bytes_of_file(folder / "t");
  std::string dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  dictionary.resize(128 - 10 - 1, ' ');
  EXPECT_EQ(written, npy(dictionary + "\n", bytes<float>({1, 2})).substr(0, written.size()));
  EXPECT_EQ((written.size() - 8) % 64, 0u);
  mu::save_npy(folder / "t", mu::fill<bool>(true));
  EXPECT_TRUE(has(mushin::test::bytes_of_file(folder / "t"), {"{'descr': '|b1', 'fortran_order': False, 'shape': (), }"}));
}

TEST(Npy, ReadsWhatOtherWritersMayWrite) {
  const Folder folder;
  const std::string data = bytes<float>({1, 2, 3, 4, 5, 6});
  const std::vector<float> values{1, 2, 3, 4, 5, 6};
  const char* plain = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  for (const unsigned version : {1u, 2u, 3u})
    EXPECT_EQ((mu::load_npy<2, 3>(folder.write("t", npy(plain, data, version))).to_vector()), values);
  for (const char* dictionary :
       {"{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"=f4\"}", "{'descr':'<f4','shape':(2L, 3L,),'fortran_order':False,}\n"})
    EXPECT_EQ((mu::load_npy<2, 3>(folder.write("t", npy(dictionary, data))).to_vector()), values) << dictionary;
  EXPECT_EQ((mu::load_npy<2, 3>(folder.write("t", npy_of(">f4", "(2, 3)", big_endian<float>({1, 2, 3, 4, 5, 6})))).to_vector()), values);
  EXPECT_EQ((mu::load_npy<std::int64_t, 1>(folder.write("t", npy_of(">i8", "(1,)", big_endian<std::int64_t>({-5})))).to_vector()),
            std::vector<std::int64_t>{-5});
}

TEST(Npy, FortranOrderIsTransposed) {
  const Folder folder;
  const std::string data = bytes<float>({1, 4, 2, 5, 3, 6});
  EXPECT_EQ((mu::load_npy<2, 3>(folder.write("t", npy_of("<f4", "(2, 3)", data, "True"))).to_vector()),
            (std::vector<float>{1, 2, 3, 4, 5, 6}));
  const auto deep = mu::load_npy<1, 3, 2>(folder.write("t", npy_of("<f4", "(1, 3, 2)", data, "True")));
  EXPECT_EQ(deep.to_vector(), (std::vector<float>{1, 5, 4, 3, 2, 6}));
  EXPECT_EQ((mu::load_npy<6>(folder.write("t", npy_of("<f4", "(6,)", data, "True"))).to_vector()), (std::vector<float>{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(mu::load_npy(folder.write("t", npy_of("<f4", "()", four, "True"))).item(), 0.0f);
}

TEST(Npy, NamedExtentsTakeTheSizeOfTheFile) {
  const Folder folder;
  mu::save_npy(folder / "t", mu::tensor<2, 3>({1, 2, 3, 4, 5, 6}));
  const auto x = mu::load_npy<batch, 3>(folder / "t");
  EXPECT_EQ(x.size(batch), 2);
  EXPECT_EQ(x(1, 2), 6.0f);
  EXPECT_EQ((mu::load_npy<mu::dyn, mu::dyn>(folder / "t").shape()[1]), 3);
}

TEST(Npy, TypedReadingNamesBothSides) {
  const Folder folder;
  const auto path = folder / "t.npy";
  mu::save_npy(path, mu::zeros<2, 3>());
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<3, 2>(path); }), {path, "float (2, 3)", "asked was float (3, 2)"}));
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<double, 2, 3>(path); }), {"float (2, 3)", "asked was double (2, 3)"}));
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<batch, 4>(path); }), {"float (2, 3)", "asked was float (batch, 4)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<batch, batch>(path); }), {"float (2, 3)", "float (batch, batch)"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<6>(path); }), {"float (2, 3)", "asked was float (6)"}));
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<double, 2>(folder.write("c", npy_of("<c8", "(2,)", eight + eight))); }),
          {"no such element type", "'<c8' (2)"}));
}

TEST(Npy, SaysWhyAFileCannotBeReadOrWritten) {
  const Folder folder;
  EXPECT_TRUE(
      has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<2>(folder / "absent"); }), {"[load_npy] cannot open", "No such file"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { (void)mu::load_npy<2>(folder / ""); }), {"must be a regular file"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { mu::save_npy(folder / "no/such/t", mu::zeros<2>()); }),
                  {"[save_npy] cannot create: ", "no/such/t", "No such file"}));
}

TEST(Npy, LyingHeaders) {
  EXPECT_TRUE(has(refused(""), {"at least 10 bytes", "has 0"}));
  EXPECT_TRUE(has(refused("PK\3\4 an archive"), {"must begin with \\x93NUMPY"}));
  EXPECT_TRUE(has(refused(std::string("\x93NUMPY\x04\0\0\0", 10)), {"1.0, 2.0 or 3.0", "has 4.0"}));
  EXPECT_TRUE(has(refused(std::string("\x93NUMPY\x01\x01\0\0", 10)), {"has 1.1"}));
  EXPECT_TRUE(has(refused(std::string("\x93NUMPY\x02\0\0\0\0", 11)), {"ended early", "11 bytes"}));
  EXPECT_TRUE(has(refused(std::string("\x93NUMPY\x01\0\xff\xff{}", 12)), {"header must fit the file", "says 65535"}));
  EXPECT_TRUE(has(refused(std::string("\x93NUMPY\x02\0\xff\xff\xff\xff{}", 14)), {"header must fit the file", "says 4294967295"}));
  EXPECT_TRUE(has(refused(npy(std::string(70000, ' '), "", 2)), {"at most 65536 bytes", "has 70000"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(2,)", four)), {"needs 8 bytes, has 4"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(1,)", eight)), {"'<f4' (1), which needs 4 bytes, has 8"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(4611686018427387904, 4)", "")), {"fit the memory", "4611686018427387904"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(0, 4294967296, 4294967296)", "")), {"fit the memory", "0, 4294967296, 4294967296"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(1,1,1,1,1,1,1,1,1)", four)), {"at most 8 axes"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([] { (void)mu::load_npy<bool, 2>(Folder().write("b", npy_of("|b1", "(2,)", "\1\2"))); }),
                  {"a bool must be stored as 0 or 1"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(99999999999999999999,)", "")), {"Python dictionary", "at byte"}));
}

TEST(Npy, DictionariesThatAreNone) {
  EXPECT_TRUE(has(refused(npy("", "")), {"Python dictionary", "at byte 0"}));
  EXPECT_TRUE(has(refused(npy("{}", "")), {"lacks some"}));
  EXPECT_TRUE(has(refused(npy("{'descr': '<f4', 'shape': ()}", four)), {"lacks some"}));
  EXPECT_TRUE(has(refused(npy("{'descr': '<f4', 'descr': '<f4'}", four)), {"once each", "'descr'"}));
  EXPECT_TRUE(has(refused(npy("{'more': 1}", "")), {"'more'"}));
  EXPECT_TRUE(has(refused(npy("{'descr: 1}", "")), {"Python dictionary"}));
  EXPECT_TRUE(has(refused(npy("{'descr': \xff\xfe}", "")), {"at byte 10: '\\xff\\xfe}'"}));
  EXPECT_TRUE(has(refused(npy("{'\xc3\x28': 1}", "")), {"'\\xc3('"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(3)", four)), {"Python dictionary"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(-1,)", four)), {"Python dictionary", "'-1,)"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "(1", four)), {"Python dictionary"}));
  EXPECT_TRUE(has(refused(npy_of("<f4", "()", four, "Maybe")), {"Python dictionary", "'Maybe"}));
  EXPECT_TRUE(has(refused(npy("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", four)), {"'x'"}));
}

TEST(Npy, TypesThatMushinLacks) {
  EXPECT_TRUE(has(refused(npy_of("<c8", "(1,)", eight)), {"no such element type", "'<c8' (1)"}));
  EXPECT_TRUE(has(refused(npy_of("|O", "(1,)", eight)), {"no such element type", "'|O'"}));
  EXPECT_TRUE(has(refused(npy_of("f4", "(1,)", four)), {"begin with its byte order", "'f4'"}));
  EXPECT_TRUE(has(refused(npy_of("", "(1,)", four)), {"begin with its byte order", "''"}));
  EXPECT_TRUE(has(refused(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': ()}", four)), {"structured element types"}));
}

TEST(Npy, ABoolIsZeroOrOne) { EXPECT_TRUE(has(refused(npy_of("|b1", "(2,)", std::string("\1\2", 2))), {"0 or 1"})); }

namespace {
/// Reads the file; true when nothing was wrong.
bool reads(const std::string& path) {
  try {
    mu::core::evaluate(mu::core::load_npy(path));
    return true;
  } catch (const mu::FileError&) {
    return false;
  }
}
}  // namespace

TEST(Npy, NoTruncationIsTakenForAFile) {
  const Folder folder;
  mu::save_npy(folder / "good", mu::tensor<2>({1, 2}));
  const auto good = mushin::test::bytes_of_file(folder / "good");
  for (std::size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(reads(folder.write("cut", good.substr(0, n)))) << n << " bytes";
  EXPECT_TRUE(reads(folder.write("cut", good)));
}

TEST(Npy, DamageIsAFileErrorOrHarmless) {
  const Folder folder;
  const auto good = npy_of("<i8", "(2, 1)", eight + eight);
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
        bad.insert(at, 1, "0123456789{}()',: <>|LTF"[random() % 24]);
      if (bad.empty()) bad.push_back(32);
    }
    refused_files += !reads(folder.write("damaged", bad));
  }
  EXPECT_GT(refused_files, 250);
}
