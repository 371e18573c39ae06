#include "mushin/nn/data/text.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "data/indices.hpp"
#include "data/stream.hpp"

namespace mushin::data {
namespace {

template <class... A>
[[noreturn]] void misfit(fmt::format_string<A...> form, A&&... values) {
  throw ShapeError(fmt::format(form, std::forward<A>(values)...).c_str());
}

constexpr char32_t none = 0xFFFFFFFF;

/// The code point at `at`, which moves behind it; `none` where there is no valid one, and `at` stays.
char32_t next_point(std::string_view text, std::size_t& at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const unsigned more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : first >> 3 == 30 ? 3 : 4;
  if (more == 4 || text.size() - at <= more) return none;
  char32_t point = more == 0 ? first : first & (0x3Fu >> more);
  for (unsigned i = 1; i <= more; ++i) {
    const auto byte = static_cast<unsigned char>(text[at + i]);
    if (byte >> 6 != 2) return none;
    point = point << 6 | (byte & 0x3Fu);
  }
  constexpr char32_t least[] = {0, 0x80, 0x800, 0x10000};
  if (point < least[more] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000)) return none;
  at += 1 + more;
  return point;
}

void append(std::string& out, char32_t point) {
  const auto byte = [](char32_t bits) { return static_cast<char>(static_cast<unsigned char>(bits)); };
  const auto rest = [&](unsigned shift) { return byte(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80)
    out += byte(point);
  else if (point < 0x800)
    out += {byte(0xC0 | point >> 6), rest(0)};
  else if (point < 0x10000)
    out += {byte(0xE0 | point >> 12), rest(6), rest(0)};
  else
    out += {byte(0xF0 | point >> 18), rest(12), rest(6), rest(0)};
}

/// `use(point, where it begins)` for each; ShapeError where the text isn't UTF-8.
template <class Use>
void each_point(std::string_view text, Use use) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    if (point == none) misfit("[Vocabulary] a text must be UTF-8: byte {} of {} isn't", begin, text.size());
    use(point, begin);
  }
}

}  // namespace

std::string read_text(FileName path, std::int64_t max_bytes) {
  std::string text = Stream("read_text", path.text).read_all(max_bytes);
  for (std::size_t at = 0; at < text.size();)
    if (next_point(text, at) == none)
      refuse("[read_text] a text must be UTF-8: {}, line {} has a byte {:02x}", path.text,
             1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'), static_cast<unsigned char>(text[at]));
  return text;
}

Vocabulary::Vocabulary(std::string_view text) {
  std::vector<bool> seen(0x110000);
  each_point(text, [&](char32_t point, std::size_t) { seen[point] = true; });
  for (char32_t point = 0; point < seen.size(); ++point)
    if (seen[point]) points_ += point;
}

std::string Vocabulary::characters() const {
  std::string out;
  for (const char32_t point : points_) append(out, point);
  return out;
}

std::vector<std::int64_t> Vocabulary::encode(std::string_view text) const {
  std::vector<std::int64_t> out;
  out.reserve(text.size());
  each_point(text, [&](char32_t point, std::size_t at) {
    const auto found = std::lower_bound(points_.begin(), points_.end(), point);
    if (found == points_.end() || *found != point)
      misfit("[Vocabulary] a character must be one of the {} it has: U+{:04X} at byte {} isn't", size(), static_cast<std::uint32_t>(point),
             at);
    out.push_back(found - points_.begin());
  });
  return out;
}

std::string Vocabulary::decode(const std::vector<std::int64_t>& numbers) const {
  std::string out;
  for (const auto n : numbers) {
    if (n < 0 || n >= size()) misfit("[Vocabulary] there must be a character of that number: {}, it has {}", n, size());
    append(out, points_[static_cast<std::size_t>(n)]);
  }
  return out;
}

void Vocabulary::check_size(std::int64_t size) const {
  if (size != this->size())
    misfit("[Vocabulary] a text must have as many characters as the program says: {} asked for, it has {}", size, this->size());
}

namespace detail {

Windows::Windows(std::vector<std::int64_t> numbers, std::int64_t length, std::int64_t step)
    : numbers_(std::move(numbers)), length_(length), step_(step) {
  const auto have = static_cast<std::int64_t>(numbers_.size());
  if (step < 1) misfit("[TextWindows] a step is at least 1: {}", step);
  if (have <= length) misfit("[TextWindows] a text must have a window and one character more: it has {}, a window {}", have, length);
  count_ = (have - length - 1) / step + 1;
}

core::Array Windows::get(Indices which, std::int64_t ahead) const {
  check_indices("TextWindows", which, count_);
  std::vector<std::int64_t> values;
  values.reserve(static_cast<std::size_t>(which.size() * length_));
  for (const auto i : which) {
    const auto begin = numbers_.begin() + i * step_ + ahead;
    values.insert(values.end(), begin, begin + length_);
  }
  return core::from_values({which.size(), length_}, dtype::i64, values.data());
}

}  // namespace detail
}  // namespace mushin::data
