// The first byte chooses how the rest is read.
#include "mushin/nn/data/csv.hpp"

#include "input.hpp"
#include "mushin/tensor/error.hpp"

namespace data = mushin::data;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const mushin::fuzz::Input input(bytes + 1, size - 1);
  data::CsvOptions options;
  options.header = bytes[0] & 1;
  options.separator = bytes[0] & 2 ? '\t' : ',';
  options.missing = static_cast<data::Missing>((bytes[0] >> 2) % 3);
  const auto tried = [](auto use) {
    try {
      use();
    } catch (const mushin::FileError&) {
    }
  };
  tried([&] {
    const data::Csv table(input.path(), options);
    if (options.header && static_cast<std::int64_t>(table.names().size()) != table.columns()) __builtin_trap();
    for (std::int64_t c = 0; c < table.columns() && c < 20; ++c) {
      // Whatever is a row has all of its fields.
      for (std::int64_t r = 0; r < table.rows() && r < 20; ++r) (void)table.text(r, c);
      tried([&] { (void)table.column(c); });
      tried([&] { (void)table.numbers<std::int64_t>(c, 0); });
      tried([&] {
        if (table.classes(c, table.categories(c)).shape()[0] != table.rows()) __builtin_trap();
      });
    }
  });
  return 0;
}
