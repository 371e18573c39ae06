#include "mushin/tensor/shape_rules/slice.hpp"

using namespace mushin;
namespace rules = mushin::rules;
inline constexpr Dim<"batch"> batch;

static_assert(rules::slice_in_range(5, 0, 5) && rules::slice_in_range(5, 2, 2) && !rules::slice_in_range(5, 0, 6));
static_assert(!rules::slice_in_range(5, 3, 2) && !rules::slice_in_range(5, -1, 2));
static_assert(rules::slice_in_range(batch, 0, 100) && rules::slice_in_range(dyn, 3, 4) && !rules::slice_in_range(batch, 4, 3));
static_assert(rules::with_extent(Shape{2, 3}, 1, 7) == Shape{2, 7} && rules::with_extent(Shape{batch}, 0, dyn) == Shape{dyn});
