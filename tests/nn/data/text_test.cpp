// Texts as numbers: vocabularies, windows, and what is no text.
#include "mushin/nn/data/text.hpp"

#include <gtest/gtest.h>

#include "mushin/nn/data/loader.hpp"
#include "support/files.hpp"

namespace mu = mushin;
namespace data = mu::data;
using mushin::test::Folder;
using mushin::test::has;
using mushin::test::text_of_error;
using Numbers = std::vector<std::int64_t>;

TEST(Text, CharactersHaveTheOrderOfUnicode) {
  const std::string text = "h\u00e9llo\n\U0001F600\u20AC h";
  const data::Vocabulary v{text};
  EXPECT_EQ(v.size(), 8);
  EXPECT_EQ(v.characters(), "\n hlo\u00e9\u20AC\U0001F600");
  EXPECT_EQ(v.encode(text), (Numbers{2, 5, 3, 3, 4, 0, 7, 6, 1, 2}));
  EXPECT_EQ(v.decode(v.encode(text)), text);
  EXPECT_EQ(data::Vocabulary(v.characters()).encode(text), v.encode(text));
  v.check_size(8);
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { v.check_size(65); }), {"[Vocabulary]", "65 asked for, it has 8"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { v.encode("hll\u00f8"); }), {"[Vocabulary]", "one of the 8", "U+00F8 at byte 3"}));
  for (const std::int64_t n : {-1, 8})
    EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { v.decode({n}); }), {"[Vocabulary]", std::to_string(n) + ", it has 8"}));
  EXPECT_EQ(data::Vocabulary("").size(), 0);
}

TEST(Text, WhatIsNoUtf8) {
  const Folder folder;
  EXPECT_EQ(data::read_text(folder.write("good", "a\n\U0010FFFF")), "a\n\U0010FFFF");
  EXPECT_EQ(data::read_text(folder.write_gz("packed.gz", "abc")), "abc");
  for (const char* bad :
       {"\x80", "\xC3", "\xC3(", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xE2\x82"}) {
    const auto path = folder.write("bad", std::string("one\ntwo ") + bad);
    EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { data::read_text(path); }), {"[read_text] a text must be UTF-8", path, "line 2"}))
        << bad;
    EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::Vocabulary{bad}; }), {"[Vocabulary] a text must be UTF-8: byte 0"})) << bad;
  }
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { data::read_text(folder / "good", 5); }), {"[read_text]", "more than 5 bytes"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([&] { data::read_text(folder / "absent"); }), {"[read_text] cannot open", "absent"}));
}

TEST(Text, WindowsAndWhatComesNext) {
  const Numbers text{10, 11, 12, 13, 14, 15};
  const data::TextWindows<3> set{text};
  EXPECT_EQ(set.size(), 3);
  Numbers xs, ys;
  for (auto [x, y] : data::Loader(set, {.batch = 2})) {
    static_assert(std::same_as<decltype(x), mu::Tensor<std::int64_t, mu::batch, 3>>);
    for (auto v : x.to_vector()) xs.push_back(v);
    for (auto v : y.to_vector()) ys.push_back(v);
  }
  EXPECT_EQ(xs, (Numbers{10, 11, 12, 11, 12, 13, 12, 13, 14}));
  EXPECT_EQ(ys, (Numbers{11, 12, 13, 12, 13, 14, 13, 14, 15}));
  EXPECT_EQ((data::TextWindows<2>{text, 2}.size()), 2);
  EXPECT_EQ((data::TextWindows<2>{text, 3}.size()), 2);
  EXPECT_EQ((data::TextWindows<5>{text, 7}.size()), 1);
  const std::int64_t second[] = {1};
  EXPECT_EQ(std::get<0>(data::TextWindows<2>{text, 3}.get({second, 1})).to_vector(), (Numbers{13, 14}));
  const std::int64_t third[] = {3};
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { (void)set.get({third, 1}); }), {"[TextWindows]", "3, there are 3"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::TextWindows<6>{text}; }), {"[TextWindows]", "it has 6, a window 6"}));
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { data::TextWindows<2>(text, 0); }), {"[TextWindows]", "at least 1: 0"}));
}
