#include "data/csv_scan.hpp"

#include <charconv>
#include <cmath>
#include <limits>

namespace mushin::data {

std::size_t CsvScan::behind_blanks(std::size_t at) const {
  while (at < content_.size() && is_blank(content_[at])) ++at;
  return at;
}

bool CsvScan::find_row() {
  for (;;) {
    const std::size_t next = behind_blanks(at_);
    if (next == content_.size()) return false;
    if (content_[next] != '\n') return true;
    at_ = next + 1, ++line_;
  }
}

/// At the character that ends a field: past it. True for a separator.
bool CsvScan::end_of_field(std::size_t at) {
  if (at == content_.size()) {
    at_ = at;
    return false;
  }
  at_ = at + 1;
  const bool row_ends = content_[at] == '\n';
  line_ += row_ends;
  return !row_ends;
}

/// The text from behind its quote on; `at_` is left behind the closing one.
std::string_view CsvScan::quoted(std::size_t begin) {
  unescaped_.clear();
  for (std::size_t part = begin;;) {
    const std::size_t quote = content_.find('"', part);
    if (quote == std::string_view::npos) {
      rule_ = "a quoted field must have an end";
      return {};
    }
    at_ = quote + 1;
    const bool is_quote = at_ < content_.size() && content_[at_] == '"';
    if (!is_quote && part == begin) return content_.substr(begin, quote - begin);  // the usual one: as it stands
    unescaped_ += content_.substr(part, quote - part + is_quote);
    if (!is_quote) return unescaped_;
    part = quote + 2;
  }
}

bool CsvScan::field(CsvField& out) {
  const std::size_t begin = behind_blanks(at_);
  out.quoted = begin < content_.size() && content_[begin] == '"';
  if (!out.quoted) {
    std::size_t end = begin;
    while (end < content_.size() && content_[end] != separator_ && content_[end] != '\n') ++end;
    std::size_t last = end;
    while (last > begin && is_blank(content_[last - 1])) --last;
    out.text = content_.substr(begin, last - begin);
    return end_of_field(end);
  }
  out.text = quoted(begin + 1);
  if (rule_) return false;
  for (const char c : content_.substr(begin, at_ - begin)) line_ += c == '\n';
  const std::size_t end = behind_blanks(at_);
  if (end < content_.size() && content_[end] != separator_ && content_[end] != '\n') {
    rule_ = "a quoted field must end behind its closing quote";
    return false;
  }
  return end_of_field(end);
}

namespace {

constexpr const char* no_number = "a number is expected";

template <class T>
const char* parse(std::string_view text, void* to) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  using Read = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;
  Read value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) return no_number;
  if constexpr (std::is_floating_point_v<T>) {
    const T rounded = static_cast<T>(value);
    if (error != std::errc{} || (std::isinf(rounded) && !std::isinf(value))) return "a number must fit its type";
    *static_cast<T*>(to) = rounded;
  } else {
    if (error != std::errc{} || value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max())
      return "a number must fit its type";
    *static_cast<T*>(to) = static_cast<T>(value);
  }
  return nullptr;
}

}  // namespace

const char* parse_number(std::string_view text, dtype type, void* to) {
  switch (type) {
    case dtype::f32:
      return parse<float>(text, to);
    case dtype::f64:
      return parse<double>(text, to);
    case dtype::i8:
      return parse<std::int8_t>(text, to);
    case dtype::u8:
      return parse<std::uint8_t>(text, to);
    case dtype::i32:
      return parse<std::int32_t>(text, to);
    case dtype::i64:
      return parse<std::int64_t>(text, to);
    default:
      return "a number must have a type that CSV has";
  }
}

}  // namespace mushin::data
