#pragma once
#include "mushin/tensor/shape.hpp"

namespace mushin::rules {

/// What is wrong with subscripts, by their text alone.
enum class SubscriptFault : unsigned char { none, character, length, repeated, unknown };

/// `ij,jk->ik`, read: a letter for each axis of each operand, and of the result.
struct Subscripts {
  static constexpr unsigned most = 8;
  struct Term {
    char letter[max_rank + 1]{};
    unsigned rank = 0;

    constexpr int find(char c) const {
      for (unsigned i = 0; i < rank; ++i)
        if (letter[i] == c) return static_cast<int>(i);
      return -1;
    }
    constexpr bool has(char c) const { return find(c) >= 0; }
    constexpr bool push(char c) {
      if (rank == max_rank) return false;
      letter[rank++] = c;
      return true;
    }
  };
  Term in[most]{}, out{};
  unsigned count = 1;
  SubscriptFault fault = SubscriptFault::none;

  constexpr unsigned occurrences(char c) const {
    unsigned n = 0;
    for (unsigned k = 0; k < count; ++k)
      for (unsigned i = 0; i < in[k].rank; ++i) n += in[k].letter[i] == c;
    return n;
  }
};

namespace detail {
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Without an arrow: what occurs once, in alphabetical order (capitals first).
constexpr bool imply_output(Subscripts& s) {
  for (char c = 'A'; c <= 'z'; ++c)
    if (s.occurrences(c) == 1 && !s.out.push(c)) return false;
  return true;
}
constexpr SubscriptFault output_fault(const Subscripts& s) {
  for (unsigned i = 0; i < s.out.rank; ++i) {
    const char c = s.out.letter[i];
    if (s.out.find(c) != static_cast<int>(i)) return SubscriptFault::repeated;
    if (s.occurrences(c) == 0) return SubscriptFault::unknown;
  }
  return SubscriptFault::none;
}
}  // namespace detail

/// Spaces don't matter.
template <std::size_t N>
constexpr Subscripts subscripts(const text<N>& written) {
  Subscripts s;
  bool arrow = false;
  for (std::size_t i = 0; i + 1 < N; ++i) {
    const char c = written.chars[i];
    if (c == ' ') continue;
    if (c == '-' && written.chars[i + 1] == '>' && !arrow) {
      arrow = true, ++i;
    } else if (c == ',' && !arrow) {
      if (s.count == Subscripts::most) return s.fault = SubscriptFault::length, s;
      ++s.count;
    } else if (!detail::is_letter(c)) {
      return s.fault = SubscriptFault::character, s;
    } else if (!(arrow ? s.out : s.in[s.count - 1]).push(c)) {
      return s.fault = SubscriptFault::length, s;
    }
  }
  if (!arrow && !detail::imply_output(s)) return s.fault = SubscriptFault::length, s;
  s.fault = detail::output_fault(s);
  return s;
}

/// The first term that hasn't a letter for each axis; `count` when there is none.
constexpr unsigned term_of_other_rank(const Subscripts& s, const Shape* operands) {
  unsigned k = 0;
  while (k < s.count && s.in[k].rank == operands[k].rank) ++k;
  return k;
}

/// The extent of a letter, by the axis that says most.
constexpr extent extent_of(const Subscripts& s, const Shape* operands, char letter) {
  extent known = dyn;
  for (unsigned k = 0; k < s.count; ++k)
    for (unsigned i = 0; i < s.in[k].rank && i < operands[k].rank; ++i)
      if (s.in[k].letter[i] == letter && known.is_dyn()) known = operands[k][i];
  return known;
}

/// The first axis that cannot have the extent of its letter; letter 0 when there is none.
struct LetterClash {
  char letter = 0;
  unsigned operand = 0, with = 0;
};
constexpr LetterClash letter_clash(const Subscripts& s, const Shape* operands) {
  for (unsigned k = 0; k < s.count; ++k)
    for (unsigned i = 0; i < s.in[k].rank && i < operands[k].rank; ++i)
      for (unsigned l = 0; l <= k; ++l)
        for (unsigned j = 0; j < s.in[l].rank && j < operands[l].rank; ++j)
          if (s.in[k].letter[i] == s.in[l].letter[j] && !may_equal(operands[k][i], operands[l][j])) return {s.in[k].letter[i], l, k};
  return {};
}

constexpr Shape einsum(const Subscripts& s, const Shape* operands) {
  Shape out;
  for (unsigned i = 0; i < s.out.rank; ++i) out.push(extent_of(s, operands, s.out.letter[i]));
  return out;
}

}  // namespace mushin::rules
