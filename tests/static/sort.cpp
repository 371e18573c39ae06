#include "mushin/tensor/shape_rules/sort.hpp"

using namespace mushin;
using namespace mushin::rules;
inline constexpr Dim<"batch"> batch;

static_assert(topk_in_range(5, 5) && topk_in_range(5, 0) && !topk_in_range(5, 6) && !topk_in_range(5, -1));
static_assert(topk_in_range(batch, 7) && topk_in_range(dyn, 7) && !topk_in_range(dyn, -1));
static_assert(topk(Shape{batch, 5}, 1, 2) == Shape{batch, 2} && topk(Shape{batch, 5}, 0, 2) == Shape{2, 5} &&
              topk(Shape{}, 0, 2) == Shape{});
