#include "mushin/nn/data/csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <span>

#include "data/csv_scan.hpp"
#include "data/shown.hpp"
#include "data/stream.hpp"

namespace mushin::data {
namespace {

constexpr const char* op = "Csv";

}  // namespace

Csv::Csv(FileName path, CsvOptions options) : path_(path.text), options_(std::move(options)) {
  const char s = options_.separator;
  if (s == '"' || s == '\n' || s == '\r') refuse("[{}] a separator must not be a quote or the end of a line: {}", op, path_);
  content_ = Stream(op, path.text).read_all(options_.max_bytes);
  if (content_.starts_with("\xEF\xBB\xBF")) content_.erase(0, 3);
  if (const auto zero = content_.find('\0'); zero != std::string::npos)
    refuse("[{}] the file must be text, in UTF-8 or ASCII: {}, line {} has a byte of zero", op, path_,
           1 + std::count(content_.begin(), content_.begin() + static_cast<std::ptrdiff_t>(zero), '\n'));
  find_rows();
}

void Csv::find_rows() {
  CsvScan scan(content_, options_.separator, 0, 1);
  CsvField field;
  for (bool first = true; scan.find_row(); first = false) {
    const Row row{scan.at(), scan.line()};
    const bool is_header = first && options_.header;
    bool whole = true;
    std::int64_t fields = 0;
    for (bool more = true; more;) {
      more = scan.field(field);
      if (scan.rule()) refuse("[{}] {}: {}", op, scan.rule(), place(row, fields));
      if (is_header) names_.emplace_back(field.text);
      whole &= !is_missing(field);
      ++fields;
    }
    if (first) columns_ = fields;
    if (fields != columns_)
      refuse("[{}] each line must have as many fields as the first: {}, line {} has {}, the first has {}", op, path_, row.line, fields,
             columns_);
    if (!is_header && (whole || options_.missing != Missing::drop_row)) rows_.push_back(row);
  }
  if (columns_ == 0) refuse("[{}] the file must have a line: {} is empty", op, path_);
}

bool Csv::is_missing(const CsvField& field) const {
  const auto& texts = options_.missing_texts;
  return !field.quoted && (field.text.empty() || std::find(texts.begin(), texts.end(), field.text) != texts.end());
}

std::int64_t Csv::find(CsvColumn column) const {
  if (!column.name) {
    if (column.number < 0 || column.number >= columns_)
      refuse("[{}] there must be a column of that number, from 0: {}, {} has {} columns", op, column.number, path_, columns_);
    return column.number;
  }
  if (names_.empty())
    refuse("[{}] a file read without a header has no names: {}, asked for {}", op, path_, shown(std::string_view(column.name)));
  const auto found = std::find(names_.begin(), names_.end(), column.name);
  if (found == names_.end())
    refuse("[{}] there must be a column of that name: {}, {} has {}", op, shown(std::string_view(column.name)), path_, shown(names_));
  if (std::find(found + 1, names_.end(), column.name) != names_.end())
    refuse("[{}] a name must be that of one column: {} has {} twice; say its number", op, path_, shown(*found));
  return found - names_.begin();
}

std::string Csv::place(const Row& row, std::int64_t column) const {
  const auto at = static_cast<std::size_t>(column);
  return fmt::format("{}, line {}, column {}{}", path_, row.line, column, at < names_.size() ? " (" + shown(names_[at]) + ")" : "");
}

/// `use(row's number, its place in `columns`, field, row)` for each of these columns, which are in order, of each row.
template <class Use>
void Csv::each(const std::int64_t* columns, std::size_t count, Use use) const {
  CsvField field;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    CsvScan scan(content_, options_.separator, rows_[r].begin, rows_[r].line);
    std::int64_t c = -1;
    for (std::size_t k = 0; k < count; ++k) {
      for (; c < columns[k]; ++c) scan.field(field);
      use(r, k, field, rows_[r]);
    }
  }
}

std::string Csv::text(std::int64_t row, CsvColumn column) const {
  const std::int64_t at = find(column);
  if (row < 0 || row >= rows())
    throw ShapeError(fmt::format("[{}] there must be a row of that number: {}, {} has {}", op, row, path_, rows()).c_str());
  const Row& begin = rows_[static_cast<std::size_t>(row)];
  CsvScan scan(content_, options_.separator, begin.begin, begin.line);
  CsvField field;
  for (std::int64_t c = 0; c <= at; ++c) scan.field(field);
  return std::string(field.text);
}

core::Array Csv::read_columns(const std::vector<std::int64_t>& columns, dtype type, bool two_axes) const {
  const std::size_t count = columns.size(), size = bytes_of(type);
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return columns[a] < columns[b]; });
  std::vector<std::int64_t> in_order;
  for (const auto k : order) in_order.push_back(columns[k]);

  std::vector<unsigned char> values(rows_.size() * count * size);
  each(in_order.data(), count, [&](std::size_t r, std::size_t k, const CsvField& field, const Row& row) {
    unsigned char* to = values.data() + (r * count + order[k]) * size;
    const bool missing = is_missing(field);
    if (missing && options_.missing == Missing::nan && type == dtype::f32)
      *reinterpret_cast<float*>(to) = std::numeric_limits<float>::quiet_NaN();
    else if (missing && options_.missing == Missing::nan && type == dtype::f64)
      *reinterpret_cast<double*>(to) = std::numeric_limits<double>::quiet_NaN();
    else if (missing)
      refuse("[{}] a number must not be missing: {}", op, place(row, in_order[k]));
    else if (const char* rule = parse_number(field.text, type, to))
      refuse("[{}] {}: {} has {}, for {}", op, rule, place(row, in_order[k]), shown(field.text), name_of(type));
  });
  core::Sizes sizes{rows()};
  if (two_axes) sizes.push(static_cast<std::int64_t>(count));
  return core::from_values(sizes, type, values.data());
}

core::Array Csv::read(const CsvColumn* columns, std::size_t count, dtype type, bool two_axes) const {
  std::vector<std::int64_t> numbers;
  for (const auto& column : std::span(columns, count)) numbers.push_back(find(column));
  return read_columns(numbers, type, two_axes);
}

core::Array Csv::read_block(CsvColumn first, std::int64_t count, dtype type) const {
  const std::int64_t begin = find(first);
  if (count > columns_ - begin)
    refuse("[{}] a block of columns must be within the file: {} from column {} on, {} has {}", op, count, begin, path_, columns_);
  std::vector<std::int64_t> numbers(static_cast<std::size_t>(count));
  std::iota(numbers.begin(), numbers.end(), begin);
  return read_columns(numbers, type, true);
}

std::vector<std::string> Csv::categories(CsvColumn column) const {
  const std::int64_t at = find(column);
  std::set<std::string, std::less<>> found;
  each(&at, 1, [&](std::size_t, std::size_t, const CsvField& field, const Row& row) {
    if (is_missing(field)) refuse("[{}] a category must not be missing: {}", op, place(row, at));
    if (!found.contains(field.text)) found.emplace(field.text);
  });
  return {found.begin(), found.end()};
}

core::Array Csv::read_classes(CsvColumn column, const std::vector<std::string>& names) const {
  const std::int64_t at = find(column);
  std::map<std::string_view, std::int64_t> numbers;
  for (const auto& name : names) numbers.emplace(name, static_cast<std::int64_t>(numbers.size()));
  if (numbers.size() != names.size()) refuse("[{}] each category must be named once: {}", op, shown(names));
  std::vector<std::int64_t> values;
  values.reserve(rows_.size());
  each(&at, 1, [&](std::size_t, std::size_t, const CsvField& field, const Row& row) {
    if (is_missing(field)) refuse("[{}] a category must not be missing: {}", op, place(row, at));
    const auto found = numbers.find(field.text);
    if (found == numbers.end())
      refuse("[{}] a category must be one of those given: {} has {}, given were {}", op, place(row, at), shown(field.text), shown(names));
    values.push_back(found->second);
  });
  return core::from_values({rows()}, dtype::i64, values.data());
}

std::vector<std::string> Csv::exactly(CsvColumn column, std::int64_t count) const {
  auto found = categories(column);
  if (static_cast<std::int64_t>(found.size()) != count)
    refuse("[{}] a column must have as many categories as the program says: {} asked for, {} has {}: {}", op, count, path_, found.size(),
           shown(found));
  return found;
}

}  // namespace mushin::data
