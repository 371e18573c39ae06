// CSV files: what they hold as tensors, and every way in which they can be wrong.
#include "mushin/nn/data/csv.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "support/files.hpp"

namespace mu = mushin;
namespace data = mu::data;
using mushin::test::Folder;
using mushin::test::has;
using mushin::test::text_of_error;

namespace {

using Floats = std::vector<float>;
using Numbers = std::vector<std::int64_t>;

const std::string flowers =
    "length,width,\"kind, of it\",count\n"
    "5.1, 3.5 ,setosa,10\n"
    "\n"
    "-6.25e1,+2,\"versi \"\"color\"\"\", 20\r\n"
    "7,.5,setosa,30";

std::string refused(const std::string& text, auto use, data::CsvOptions options = {}) {
  const Folder folder;
  const auto path = folder.write("f.csv", text);
  const auto error = text_of_error<mu::FileError>([&] { use(data::Csv{path, options}); });
  EXPECT_TRUE(has(error, {"[Csv] ", path}));
  return error;
}
std::string refused(const std::string& text, data::CsvOptions options = {}) {
  return refused(
      text, [](const data::Csv&) {}, options);
}

}  // namespace

TEST(Csv, ReadsColumnsByNameAndByNumber) {
  const Folder folder;
  for (const auto& path :
       {folder.write("f.csv", flowers), folder.write("bom.csv", "\xEF\xBB\xBF" + flowers), folder.write_gz("f.csv.gz", flowers)}) {
    const data::Csv table{path};
    EXPECT_EQ(table.rows(), 3);
    EXPECT_EQ(table.columns(), 4);
    EXPECT_EQ(table.names(), (std::vector<std::string>{"length", "width", "kind, of it", "count"}));
    EXPECT_EQ(table.text(1, 2), "versi \"color\"");
    EXPECT_EQ(table.text(0, "width"), "3.5");
    const mu::Tensor<float, mu::batch, 3> x = table.numbers("width", "length", 1);
    EXPECT_EQ(x.to_vector(), (Floats{3.5f, 5.1f, 3.5f, 2, -62.5f, 2, 0.5f, 7, 0.5f}));
    const mu::Tensor<std::int64_t, mu::batch> count = table.column<std::int64_t>(std::string("count"));
    EXPECT_EQ(count.to_vector(), (Numbers{10, 20, 30}));
    const mu::Tensor<double, mu::batch, 2> both = table.block<2, double>("length");
    EXPECT_EQ(both.to_vector(), (std::vector<double>{5.1, 3.5, -62.5, 2, 7, 0.5}));
  }
}

TEST(Csv, CategoriesBecomeClasses) {
  const Folder folder;
  const data::Csv table{folder.write("f.csv", flowers)};
  EXPECT_EQ(table.categories(2), (std::vector<std::string>{"setosa", "versi \"color\""}));
  const mu::Tensor<std::int64_t, mu::batch> y = table.classes<2>("kind, of it");
  EXPECT_EQ(y.to_vector(), (Numbers{0, 1, 0}));
  EXPECT_EQ(table.classes(2, {"x", "versi \"color\"", "setosa"}).to_vector(), (Numbers{2, 1, 2}));
  EXPECT_TRUE(has(refused(flowers, [](const auto& t) { t.template classes<3>(2); }),
                  {"as many categories as the program says: 3 asked for", "has 2: \"setosa\", \"versi"}));
  EXPECT_EQ(text_of_error<mu::FileError>([&] {
              table.classes(2, {"x", "setosa", "x"});
            }),
            "[Csv] each category must be named once: \"x\", \"setosa\", \"x\"");
  EXPECT_TRUE(has(refused(flowers, [](const auto& t) { t.classes(2, {"setosa"}); }),
                  {"one of those given", "line 4, column 2 (\"kind, of it\") has \"versi \"color\"\"", "given were \"setosa\""}));
}

TEST(Csv, WithoutAHeaderAndWithOtherSeparators) {
  const Folder folder;
  const data::Csv table{folder.write("f.tsv", "1\t2\t\n3\t\t5\n"), {.header = false, .separator = '\t', .missing = data::Missing::nan}};
  EXPECT_EQ(table.rows(), 2);
  EXPECT_TRUE(table.names().empty());
  const auto x = table.block<3>(0).to_vector();
  EXPECT_TRUE(std::isnan(x[2]) && std::isnan(x[4]));
  EXPECT_EQ(x[0] + x[1] + x[3] + x[5], 11);
  EXPECT_EQ(data::Csv(folder.write("one", "a\n1\n \n2\n")).rows(), 2);
  EXPECT_EQ(data::Csv(folder.write("none", "a,b")).numbers("b").shape()[0], 0);
  EXPECT_EQ(data::Csv(folder.write("lines", "a\n\"x\ny\"\n")).text(0, 0), "x\ny");
}

TEST(Csv, MissingFields) {
  const std::string text = "a,b\n1,2\nNA,3\n,4\n5,\"NA\"\n";
  EXPECT_TRUE(has(refused(text, [](const auto& t) { t.column("a"); }), {"a number must not be missing", "line 3, column 0 (\"a\")"}));
  EXPECT_TRUE(has(refused(text, [](const auto& t) { t.categories("a"); }), {"a category must not be missing", "line 3, column 0"}));
  const Folder folder;
  const auto path = folder.write("f.csv", text);
  const data::Csv table{path, {.missing = data::Missing::nan}};
  const auto a = table.column<double>("a").to_vector();
  EXPECT_EQ(a[0] + a[3], 6);
  EXPECT_TRUE(std::isnan(a[1]) && std::isnan(a[2]));
  EXPECT_TRUE(
      has(refused(text, [](const auto& t) { t.template column<int>("a"); }, {.missing = data::Missing::nan}), {"must not be missing"}));
  EXPECT_EQ(data::Csv(path, {.missing = data::Missing::drop_row}).column("a").to_vector(), (Floats{1, 5}));
  EXPECT_EQ(data::Csv(path, {.missing = data::Missing::drop_row, .missing_texts = {"3"}}).categories("b"),
            (std::vector<std::string>{"2", "NA"}));
  EXPECT_EQ(table.categories("b"), (std::vector<std::string>{"2", "3", "4", "NA"}));  // in quotes it is a text
}

TEST(Csv, NumbersThatAreNone) {
  const auto bad = [](const char* field) {
    return refused(std::string("x,n\n1,2\n3,") + field + "\n", [](const auto& t) { t.column("n"); });
  };
  EXPECT_TRUE(has(bad("abc"), {"a number is expected", "line 3, column 1 (\"n\") has \"abc\", for float"}));
  for (const char* field : {"1.5x", "0x10", "--1", "+-1", "+", "1 2", "\" \"", "1e"})
    EXPECT_TRUE(has(bad(field), {"a number is expected"})) << field;
  for (const char* field : {"1e39", "-1e999"}) EXPECT_TRUE(has(bad(field), {"a number must fit its type"})) << field;
  EXPECT_TRUE(has(bad("\x1b[31m aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), {"\"?[31m aaaa", "…"}));
  const auto refused_as = [&](auto type, const char* field) {
    return refused(std::string("n\n") + field + "\n", [](const auto& t) { t.template column<decltype(type)>(0); });
  };
  EXPECT_TRUE(has(refused_as(std::int8_t{}, "128"), {"must fit its type", "\"128\", for int8"}));
  EXPECT_TRUE(has(refused_as(std::uint8_t{}, "-1"), {"must fit its type"}));
  EXPECT_TRUE(has(refused_as(std::int64_t{}, "9223372036854775808"), {"must fit its type"}));
  EXPECT_TRUE(has(refused_as(std::int32_t{}, "1.0"), {"a number is expected"}));
  const Folder folder;
  const data::Csv good{folder.write("f", "a\n9223372036854775807\n-9223372036854775808\n")};
  EXPECT_EQ(good.column<std::int64_t>(0).to_vector(), (Numbers{INT64_MAX, INT64_MIN}));
  const auto special = data::Csv(folder.write("g", "a\nnan\n-inf\n1e-30\n")).column<double>(0).to_vector();
  EXPECT_TRUE(std::isnan(special[0]) && special[1] == -INFINITY && special[2] == 1e-30);
}

TEST(Csv, BrokenFiles) {
  EXPECT_TRUE(has(refused("a,b\n1,2\n\n1,2,3\n"), {"as many fields as the first", "line 4 has 3, the first has 2"}));
  EXPECT_TRUE(has(refused("a,b\n1\n"), {"line 2 has 1, the first has 2"}));
  EXPECT_TRUE(has(refused("a,b\n1,\"2\n3,4\n"), {"a quoted field must have an end", "line 2, column 1 (\"b\")"}));
  EXPECT_TRUE(has(refused("a,b\n\"1\n2\",3\n4,\"5\" 6\n"), {"must end behind its closing quote", "line 4, column 1"}));
  EXPECT_TRUE(has(refused(std::string("a\n1\n2\0\n", 7)), {"line 3 has a byte of zero"}));
  for (const char* nothing : {"", "\n \r\n", "\xEF\xBB\xBF"}) EXPECT_TRUE(has(refused(nothing), {"must have a line"}));
  EXPECT_TRUE(has(refused("a,b\n1,2\n", {.max_bytes = 7}), {"not be larger than allowed", "more than 7 bytes"}));
  EXPECT_EQ(text_of_error<mu::FileError>([] {
              const Folder f;
              data::Csv(f.write("a", "a,b\n1,2\n"), {.max_bytes = 8});
            }),
            "no error");
  EXPECT_TRUE(has(refused("a\n", {.separator = '"'}), {"a separator must not be"}));
  EXPECT_TRUE(has(text_of_error<mu::FileError>([] { data::Csv("/no/such.csv"); }), {"[Csv] cannot open: /no/such.csv: No such file"}));
}

TEST(Csv, ColumnsThatAreNotThere) {
  const std::string text = "a,b,a\n1,2,3\n";
  EXPECT_TRUE(has(refused(text, [](const auto& t) { t.numbers("b", "c"); }), {"a column of that name: \"c\"", "has \"a\", \"b\", \"a\""}));
  EXPECT_TRUE(has(refused(text, [](const auto& t) { t.numbers("a"); }), {"a name must be that of one column", "has \"a\" twice"}));
  for (const int n : {-1, 3})
    EXPECT_TRUE(has(refused(text, [&](const auto& t) { t.numbers(n); }),
                    {"there must be a column of that number, from 0: " + std::to_string(n), "has 3 columns"}));
  EXPECT_TRUE(has(refused(text, [](const auto& t) { t.template block<3>(1); }), {"3 from column 1 on", "has 3"}));
  EXPECT_TRUE(has(refused(text, [](const auto& t) { t.numbers("a"); }, {.header = false}), {"without a header has no names"}));
  const Folder folder;
  const data::Csv table{folder.write("f", text)};
  EXPECT_TRUE(has(text_of_error<mu::ShapeError>([&] { table.text(1, 0); }), {"[Csv] there must be a row of that number: 1", "has 1"}));
}
