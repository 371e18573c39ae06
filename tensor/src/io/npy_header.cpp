#include "io/npy_header.hpp"

#include <bit>

#include "io/refuse.hpp"
#include "io/text.hpp"
#include "io/types.hpp"

static_assert(std::endian::native == std::endian::little, "npy files are written little endian");

namespace mushin::io {
namespace {

/// The type behind the sign of the byte order.
std::optional<dtype> type_named(std::string_view descr) {
  for (const auto& t : type_names)
    if (t.npy && descr.substr(1) == t.npy + 1) return t.type;
  return std::nullopt;
}

/// The few words of Python that a header is written in.
class Dictionary {
 public:
  Dictionary(const Origin& origin, std::string_view text) : origin_(origin), text_(text) {}

  NpyHeader parse() {
    expect('{');
    while (!taken('}')) {
      const std::string_view key = string();
      expect(':');
      value_of(key);
      if (!taken(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size()) unexpected();
    if (found_ != 7) refuse("[{}] the header must have descr, fortran_order and shape: {} lacks some", origin_.op, origin_.where);
    return header_;
  }

 private:
  void value_of(std::string_view key) {
    constexpr std::string_view keys[] = {"descr", "fortran_order", "shape"};
    unsigned k = 0;
    while (k < 3 && key != keys[k]) ++k;
    if (k == 3 || found_ >> k & 1u)
      refuse("[{}] the header must have descr, fortran_order and shape, once each: {} has {}", origin_.op, origin_.where, escaped(key));
    found_ |= 1u << k;
    if (k == 0) descr();
    if (k == 1) header_.fortran = boolean();
    if (k == 2) shape();
  }

  void descr() {
    skip_space();
    if (at_ < text_.size() && text_[at_] == '[')
      refuse("[{}] structured element types are not read: {} has {}", origin_.op, origin_.where, escaped(text_.substr(at_)));
    const std::string_view name = string();
    constexpr std::string_view orders = "<>=|";
    if (name.size() < 2 || orders.find(name[0]) == std::string_view::npos)
      refuse("[{}] an element type must begin with its byte order: {} has {}", origin_.op, origin_.where, escaped(name));
    header_.descr = name;
    header_.type = type_named(name);
    header_.swapped = name[0] == '>';
  }

  bool boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    unexpected();
  }

  void shape() {
    expect('(');
    unsigned count = 0;
    while (!taken(')')) {
      push_extent(origin_, header_.sizes, number());
      ++count;
      if (taken(',')) continue;
      if (count == 1) unexpected();  // `(3)` is a number, no tuple
      expect(')');
      break;
    }
  }

  std::uint64_t number() {
    skip_space();
    const std::size_t begin = at_;
    std::uint64_t n = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
      if (__builtin_mul_overflow(n, 10u, &n) || __builtin_add_overflow(n, static_cast<unsigned>(text_[at_] - '0'), &n)) unexpected();
    if (at_ == begin) unexpected();
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2 wrote long integers so
    return n;
  }

  std::string_view string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') unexpected();
    const std::size_t begin = ++at_, end = text_.find(quote, begin);
    if (end == std::string_view::npos) unexpected();
    at_ = end + 1;
    return text_.substr(begin, end - begin);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t' || text_[at_] == '\r')) ++at_;
  }
  bool taken(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!taken(c)) unexpected();
  }
  [[noreturn]] void unexpected() {
    refuse("[{}] the header must be a Python dictionary: {} is none at byte {}: {}", origin_.op, origin_.where, at_,
           escaped(text_.substr(std::min(at_, text_.size()))));
  }

  const Origin& origin_;
  std::string_view text_;
  std::size_t at_ = 0;
  unsigned found_ = 0;  // bit k: key k
  NpyHeader header_;
};

}  // namespace

NpyHeader parse_npy_dictionary(const Origin& origin, std::string_view dictionary) { return Dictionary(origin, dictionary).parse(); }

const char* npy_name(dtype type) {
  for (const auto& t : type_names)
    if (t.type == type) return t.npy;
  return nullptr;
}

std::string spell_npy_header(const Origin& origin, dtype type, const core::Sizes& sizes) {
  const char* name = npy_name(type);
  if (!name)
    refuse("[{}] NumPy must have the element type: {} would have {}, convert it with .to<float>()", origin.op, origin.where, name_of(type));
  std::string shape;
  for (unsigned i = 0; i < sizes.rank; ++i) shape += fmt::format("{}{}", sizes[i], i + 1 < sizes.rank ? ", " : sizes.rank == 1 ? "," : "");
  std::string text = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", name, shape);
  constexpr std::size_t before = 10, step = 64;  // magic, version and length come before; the data begins at a multiple of 64
  text.resize((before + text.size() + 1 + step - 1) / step * step - before - 1, ' ');
  text += '\n';
  std::string out("\x93NUMPY\x01\0", 8);
  out += static_cast<char>(text.size() & 0xFF);
  out += static_cast<char>(text.size() >> 8);
  return out + text;
}

}  // namespace mushin::io
