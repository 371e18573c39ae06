#pragma once
#include "mushin/tensor/rejections.hpp"
#include "mushin/tensor/shape_rules/einsum.hpp"
#include "mushin/tensor/tensor.hpp"

namespace mushin::core {
/// ShapeError unless the axes of each letter have one size.
MUSHIN_API void check_letters(const rules::Subscripts&, const Sizes* const* operands);
/// ShapeError where a value would need more than 8 axes.
MUSHIN_API void check_rank(const char* op, unsigned rank);
/// `s.count` operands of one element type, one after the other: the first two, their result and the third, and so on.
MUSHIN_API Array einsum(const Array* operands, const rules::Subscripts& s);
}  // namespace mushin::core

namespace mushin {

namespace detail {
/// What a compile error shows of a letter.
constexpr text<2> spell_letter(char c) {
  text<2> out;
  out.chars[0] = c;
  return out;
}
}  // namespace detail

/// Einstein's summation: `einsum<"bij,bjk->bik">(a, b)`. The text names each axis of each tensor by a letter, and those of the result
/// behind the arrow; letters that the result lacks are summed over. Without an arrow the result has the letters that occur once, in
/// alphabetical order, as in NumPy. A letter that a term repeats is its diagonal. One element type, not bool, which is the result's too:
/// integers wrap; f16 and bf16 are summed in float, and each step rounds. Gradient: to each operand the einsum of the cotangent and the
/// others. Operands are joined from left to right, each pair as one batched matrix product where a letter of both is summed and either has
/// a letter of its own, else as an elementwise product. ShapeError where sizes that only the run knows disagree.
template <text S, TensorLike A, TensorLike... B>
auto einsum(const A& a, const B&... b) {
  static constexpr rules::Subscripts s = rules::subscripts(S);
  static_assert(s.fault != rules::SubscriptFault::character,
                "[einsum] the subscripts are letters, commas and one arrow, as in \"ij,jk->ik\"");
  static_assert(s.fault != rules::SubscriptFault::length, "[einsum] at most 8 terms, and 8 letters in each");
  static_assert(s.fault != rules::SubscriptFault::repeated, "[einsum] the result must not repeat a letter");
  static_assert(s.fault != rules::SubscriptFault::unknown, "[einsum] a letter of the result must occur in a term");
  static_assert((same_element_type<A, B> && ...), "[einsum] all tensors must have the same element type: cast with .to<T>()");
  static_assert(number_elements<A>, "[einsum] needs numbers, not bool: cast with .to<float>()");
  static_assert(s.count == 1 + sizeof...(B), "[einsum] give one tensor for each term; terms are separated by commas");
  if constexpr (s.count == 1 + sizeof...(B)) {
    static constexpr Shape operands[] = {A::extents, B::extents...};
    constexpr unsigned other = rules::term_of_other_rank(s, operands);
    constexpr rules::LetterClash clash = rules::letter_clash(s, operands);
    if constexpr (other < s.count)
      static_assert(letters_name_axes<spell(operands[other])>, "[einsum] a term must have one letter for each axis of its tensor");
    else if constexpr (clash.letter != 0)
      static_assert(letter_extents_match<detail::spell_letter(clash.letter), spell(operands[clash.operand]), spell(operands[clash.with])>,
                    "[einsum] axes of one letter must have equal extents");
    using Raw = detail::common_raw<A, B...>;
    const Raw parts[] = {Raw(a.raw()), Raw(b.raw())...};
    using core::einsum;
    return detail::made<typename A::element, rules::einsum(s, operands)>(einsum(parts, s));
  }
}

}  // namespace mushin
