#pragma once
#include <concepts>
#include <string>
#include <type_traits>
#include <vector>

#include "mushin/nn/data/dataset.hpp"
#include "mushin/tensor/io/file_name.hpp"

namespace mushin::data {

struct CsvField;

/// What is done about a missing field.
enum class Missing {
  refuse,   ///< FileError where one is asked for
  nan,      ///< NaN in columns of floats; FileError in others
  drop_row  ///< rows with one are left out
};

/// How a table is read.
struct CsvOptions {
  bool header = true;                               ///< the first line has the columns' names
  char separator = ',';                             ///< between the values of a line
  Missing missing = Missing::refuse;                ///< what becomes of a value that isn't there
  std::vector<std::string> missing_texts = {"NA"};  ///< mean a missing field, as no text at all does; never in quotes
  std::int64_t max_bytes = std::int64_t{1} << 32;   ///< of the file, unpacked
};

/// A column by its name, or by its number from 0. Borrowed for the call.
struct CsvColumn {
  const char* name = nullptr;
  std::int64_t number = 0;

  CsvColumn(const char* text) : name(text) {}
  CsvColumn(const std::string& text) : name(text.c_str()) {}
  CsvColumn(std::integral auto n) : number(static_cast<std::int64_t>(n)) {}
};

/// A file of lines with as many fields each, plain or compressed by gzip: `data::Csv table{"iris.csv"}`.
/// Fields end at the separator. Blanks around a field don't belong to it; a field in double quotes may hold anything, with "" for a quote.
/// Lines end with LF or CR LF, blank lines are passed over, and a byte order mark as well. FileError, with file, line and column, for a
/// quote that doesn't end, a line with more or fewer fields than the first, a byte of zero, and a file that is empty or too large.
class MUSHIN_API Csv {
 public:
  explicit Csv(FileName, CsvOptions = {});

  /// How many lines with values, and how many values in each.
  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.size()); }
  /// How many values a line has.
  std::int64_t columns() const { return columns_; }
  /// The header's; empty without one.
  const std::vector<std::string>& names() const { return names_; }
  /// A field as it was written. ShapeError where there is no such row; FileError where there is no such column.
  std::string text(std::int64_t row, CsvColumn) const;

  /// Columns as numbers: `table.numbers("length", "width")` is a Tensor<float, batch, 2>. T: float, double or an integer type. FileError
  /// where a field is missing, not a number, or doesn't fit T; where there is no such column, or two of that name.
  template <class T = float, std::convertible_to<CsvColumn>... C>
  requires(sizeof...(C) > 0) Tensor < T, batch, static_cast<std::int64_t>(sizeof...(C))
  > numbers(const C&... columns) const {
    check_type<T>();
    const CsvColumn list[] = {columns...};
    return Tensor<T, batch, static_cast<std::int64_t>(sizeof...(C))>{read(list, sizeof...(C), dtype_of<T>, true)};
  }
  /// One column as numbers.
  template <class T = float>
  Tensor<T, batch> column(CsvColumn column) const {
    check_type<T>();
    return Tensor<T, batch>{read(&column, 1, dtype_of<T>, false)};
  }
  /// `Count` neighbouring columns from `first` on as numbers.
  template <std::int64_t Count, class T = float>
  Tensor<T, batch, Count> block(CsvColumn first) const {
    check_type<T>();
    return Tensor<T, batch, Count>{read_block(first, Count, dtype_of<T>)};
  }

  /// The different texts of a column, sorted by their bytes. FileError where one is missing.
  std::vector<std::string> categories(CsvColumn) const;
  /// For each row the number of its text among `names`. FileError for a text that isn't there.
  Tensor<std::int64_t, batch> classes(CsvColumn column, const std::vector<std::string>& names) const {
    return Tensor<std::int64_t, batch>{read_classes(column, names)};
  }
  /// For each row the number of its text among `categories(column)`. FileError unless there are `Count`.
  template <std::int64_t Count>
  Tensor<std::int64_t, batch> classes(CsvColumn column) const {
    return classes(column, exactly(column, Count));
  }

 private:
  struct Row {
    std::size_t begin;
    std::int64_t line;  // from 1
  };

  template <class T>
  static void check_type() {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>,
                  "[Csv] numbers are float, double or integers: cast them with .to<T>()");
  }
  void find_rows();
  bool is_missing(const CsvField&) const;
  std::int64_t find(CsvColumn) const;
  std::string place(const Row&, std::int64_t column) const;
  template <class Use>
  void each(const std::int64_t* columns, std::size_t count, Use) const;
  core::Array read(const CsvColumn*, std::size_t count, dtype, bool two_axes) const;
  core::Array read_block(CsvColumn first, std::int64_t count, dtype) const;
  core::Array read_columns(const std::vector<std::int64_t>&, dtype, bool two_axes) const;
  core::Array read_classes(CsvColumn, const std::vector<std::string>& names) const;
  std::vector<std::string> exactly(CsvColumn, std::int64_t count) const;

  std::string path_, content_;
  CsvOptions options_;
  std::int64_t columns_ = 0;
  std::vector<std::string> names_;
  std::vector<Row> rows_;
};

}  // namespace mushin::data
