#pragma once
#include "mushin/tensor/text.hpp"

// What a compile error shows below its sentence: the rule with both operands, as `inner_extents_match<"(batch, 784)", "(100, 10)">`.
// Never true: named only where a shape rule's predicate has said no.
namespace mushin {
template <text A, text B>
inline constexpr bool extents_broadcast = false;
template <text A, text B>
inline constexpr bool inner_extents_match = false;
template <text A, text B>
inline constexpr bool batch_extents_broadcast = false;
template <text A, text B>
inline constexpr bool element_counts_match = false;
template <text A, text B>
inline constexpr bool extents_refine = false;
template <text A, text B>
inline constexpr bool sizes_can_be_told = false;
template <text A, text Axes>
inline constexpr bool axes_within = false;
template <text A, text Axes>
inline constexpr bool permutes_all_axes = false;
template <text A, text Range>
inline constexpr bool range_within = false;
template <text A, text B>
inline constexpr bool extents_join = false;
template <text A, text Parts>
inline constexpr bool divides_evenly = false;
template <text A, text Count>
inline constexpr bool count_within = false;
template <text A, text Indices>
inline constexpr bool index_extents_match = false;
template <text A, text B>
inline constexpr bool extents_end_with = false;
template <text X, text W>
inline constexpr bool channels_fit = false;
template <text X, text Window>
inline constexpr bool window_lies_within = false;
template <text Letter, text A, text B>
inline constexpr bool letter_extents_match = false;
template <text A>
inline constexpr bool letters_name_axes = false;
template <text A>
inline constexpr bool axis_is_one = false;
template <text A>
inline constexpr bool matrix_is_square = false;
template <text Shape>
inline constexpr bool names_have_sizes = false;
template <class A>
inline constexpr bool has_gradient_rule = false;
}  // namespace mushin
