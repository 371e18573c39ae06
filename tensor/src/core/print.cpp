#include "mushin/tensor/print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace mushin::core {

namespace {

constexpr std::int64_t abbreviate_above = 1000, edge = 3, line_width = 75;
constexpr int most_digits = 8;

/// Which indices of each axis are shown.
struct Shown {
  std::vector<std::int64_t> at[max_rank];
  bool gap[max_rank] = {};

  explicit Shown(const Sizes& sizes) {
    const bool abbreviated = sizes.count() > abbreviate_above;
    for (unsigned axis = 0; axis < sizes.rank; ++axis) {
      gap[axis] = abbreviated && sizes[axis] > 2 * edge;
      for (std::int64_t i = 0; i < sizes[axis]; ++i)
        if (gap[axis] && i == edge)
          i = sizes[axis] - edge - 1;
        else
          at[axis].push_back(i);
    }
  }
};

template <class T>
T read(const void* element) {
  T value;
  std::memcpy(&value, element, sizeof value);
  return value;
}

double as_double(const void* element, dtype type) {
  switch (type) {
    case dtype::f32:
      return static_cast<double>(read<float>(element));
    case dtype::f16:
      return static_cast<double>(read<f16>(element));
    case dtype::bf16:
      return static_cast<double>(read<bf16>(element));
    default:
      return read<double>(element);
  }
}

std::string spell_integer(const void* element, dtype type) {
  switch (type) {
    case dtype::b8:
      return read<unsigned char>(element) != 0 ? "true" : "false";
    case dtype::i8:
      return fmt::format("{}", static_cast<int>(read<std::int8_t>(element)));
    case dtype::u8:
      return fmt::format("{}", static_cast<int>(read<std::uint8_t>(element)));
    case dtype::i32:
      return fmt::format("{}", read<std::int32_t>(element));
    default:
      return fmt::format("{}", read<std::int64_t>(element));
  }
}

/// Whether a text means `value`, read as an element.
bool reads_back(const std::string& text, double value, dtype type) {
  const double read = std::strtod(text.c_str(), nullptr);
  switch (type) {
    case dtype::f32:
      return std::strtof(text.c_str(), nullptr) == static_cast<float>(value);
    case dtype::f16:
      return f16(read) == f16(value);
    case dtype::bf16:
      return bf16(read) == bf16(value);
    default:
      return read == value;
  }
}

std::string spell_float(double value, bool scientific, int digits) {
  return scientific ? fmt::format("{:#.{}e}", value, digits) : fmt::format("{:#.{}f}", value, digits);
}

/// The fewest digits behind the point whose text reads back as `value`; at most 8.
int digits_needed(double value, dtype type, bool scientific) {
  for (int digits = 0; digits < most_digits; ++digits) {
    const std::string s = spell_float(value, scientific, digits);
    if (reads_back(s, value, type)) return digits;
  }
  return most_digits;
}

/// NumPy's choice: scientific where fixed notation would be long or lose digits.
bool wants_scientific(const std::vector<double>& values) {
  double greatest = 0, least = HUGE_VAL;
  for (double v : values)
    if (std::isfinite(v) && v != 0) greatest = std::max(greatest, std::abs(v)), least = std::min(least, std::abs(v));
  return greatest != 0 && (greatest >= 1e8 || least < 1e-4 || greatest / least > 1000);
}

/// Floats with their points below each other; NaN and infinities to the right. Fixed notation leaves out zeros at the end.
std::vector<std::string> spell_floats(const std::vector<double>& values, dtype type) {
  const bool scientific = wants_scientific(values);
  int digits = 0;
  for (double v : values)
    if (std::isfinite(v)) digits = std::max(digits, digits_needed(v, type, scientific));
  std::vector<std::string> out;
  std::size_t before = 0;
  for (double v : values) {
    out.push_back(std::isfinite(v) ? spell_float(v, scientific, digits) : std::isnan(v) ? "nan" : v > 0 ? "inf" : "-inf");
    if (std::isfinite(v)) before = std::max(before, out.back().find('.'));
  }
  for (std::string& s : out) {
    const std::size_t point = s.find('.');
    if (point == std::string::npos) continue;
    for (std::size_t i = s.size() - 1; !scientific && i > point && s[i] == '0'; --i) s[i] = ' ';
    s.insert(0, before - point, ' ');
  }
  return out;
}

/// Writes nested rows of cells, which come in row-major order.
class Layout {
 public:
  Layout(const Shown& shown, unsigned rank, const std::vector<std::string>& cells) : shown_(shown), rank_(rank), cells_(cells) {
    for (const std::string& c : cells) width_ = std::max(width_, c.size());
  }

  std::string text() {
    if (rank_ == 0)
      put_cell();
    else
      put_axis(0);
    return std::move(out_);
  }

 private:
  void put_cell() {
    const std::string& cell = cells_[next_++];
    out_.append(width_ - cell.size(), ' ').append(cell);
  }

  void put_row() {
    const unsigned axis = rank_ - 1;
    std::size_t line = out_.rfind('\n') + 1;
    auto separate = [&](std::size_t width) {
      if (out_.size() - line + 1 + width > static_cast<std::size_t>(line_width)) {
        line = out_.size() + 1;
        out_.append("\n").append(rank_, ' ');
      } else if (out_.back() != '[') {
        out_ += ' ';
      }
    };
    const auto n = static_cast<std::int64_t>(shown_.at[axis].size());
    for (std::int64_t i = 0; i < n; ++i) {
      if (shown_.gap[axis] && i == edge) separate(3), out_ += "...";
      separate(width_), put_cell();
    }
  }

  void put_axis(unsigned axis) {
    out_ += '[';
    if (axis + 1 == rank_) {
      put_row();
    } else {
      const auto n = static_cast<std::int64_t>(shown_.at[axis].size());
      const std::string separator = std::string(rank_ - 1 - axis, '\n') + std::string(axis + 1, ' ');
      for (std::int64_t i = 0; i < n; ++i) {
        if (i > 0) out_ += separator;
        if (shown_.gap[axis] && i == edge) out_ += "..." + separator;
        put_axis(axis + 1);
      }
    }
    out_ += ']';
  }

  const Shown& shown_;
  unsigned rank_;
  const std::vector<std::string>& cells_;
  std::size_t width_ = 0, next_ = 0;
  std::string out_;
};

/// The shown elements, row-major, `bytes_of(type)` each.
std::vector<unsigned char> read_shown(const Array& a, const Shown& shown) {
  const std::size_t bytes = bytes_of(a.type());
  std::vector<unsigned char> out;
  if (a.sizes().count() <= abbreviate_above) {
    out.resize(bytes * static_cast<std::size_t>(a.sizes().count()) + 1);
    read_all(a, out.data());
    return out;
  }
  std::size_t place[max_rank] = {};
  for (;;) {
    std::int64_t index[max_rank];
    for (unsigned i = 0; i < a.rank(); ++i) index[i] = shown.at[i][place[i]];
    out.resize(out.size() + bytes);
    read_one("print", a, index, out.data() + out.size() - bytes);
    unsigned axis = a.rank();
    while (axis > 0 && ++place[axis - 1] == shown.at[axis - 1].size()) place[--axis] = 0;
    if (axis == 0) return out;
  }
}

}  // namespace

Text::Text(const char* begin, std::size_t size) : data_(new char[size]), size_(size) { std::memcpy(data_, begin, size); }
Text::~Text() { delete[] data_; }

Text spell_values(const Array& a) {
  const Sizes& sizes = a.sizes();
  std::string out = "[]";
  if (sizes.count() > 0) {
    const Shown shown(sizes);
    const std::vector<unsigned char> elements = read_shown(a, shown);
    std::size_t count = 1;
    for (unsigned i = 0; i < sizes.rank; ++i) count *= shown.at[i].size();
    std::vector<std::string> cells;
    std::vector<double> floats;
    for (std::size_t i = 0; i < count; ++i) {
      const unsigned char* element = elements.data() + i * bytes_of(a.type());
      if (is_float(a.type()))
        floats.push_back(as_double(element, a.type()));
      else
        cells.push_back(spell_integer(element, a.type()));
    }
    if (is_float(a.type())) cells = spell_floats(floats, a.type());
    out = Layout(shown, sizes.rank, cells).text();
  }
  out += fmt::format(" {} ({})", name_of(a.type()), fmt::join(sizes.at, sizes.at + sizes.rank, ", "));
  return Text(out.data(), out.size());
}

}  // namespace mushin::core
