#pragma once
// The grammar of CSV, one field at a time.
#include <cstdint>
#include <string>
#include <string_view>

#include "mushin/tensor/dtype.hpp"

namespace mushin::data {

struct CsvField {
  std::string_view text;  // until the next field is read
  bool quoted;
};

class CsvScan {
 public:
  CsvScan(std::string_view content, char separator, std::size_t at, std::int64_t line)
      : content_(content), separator_(separator), at_(at), line_(line) {}

  /// Passes over blank lines; false where nothing is left.
  bool find_row();
  /// Reads a field and what ends it; true when the row goes on behind it. Where the grammar is broken, `rule()` is set.
  bool field(CsvField&);

  std::size_t at() const { return at_; }
  /// Where the next field begins; from 1.
  std::int64_t line() const { return line_; }
  /// The rule that is broken, or nullptr.
  const char* rule() const { return rule_; }

 private:
  bool is_blank(char c) const { return (c == ' ' || c == '\t' || c == '\r') && c != separator_; }
  std::size_t behind_blanks(std::size_t at) const;
  std::string_view quoted(std::size_t begin);
  bool end_of_field(std::size_t at);

  std::string_view content_;
  char separator_;
  std::size_t at_;
  std::int64_t line_;
  const char* rule_ = nullptr;
  std::string unescaped_;
};

/// `text` as a number of that type at `to`. The rule that it breaks, or nullptr.
const char* parse_number(std::string_view text, dtype, void* to);

}  // namespace mushin::data
