#include "mushin/tensor/shape_rules/index.hpp"

using namespace mushin;
namespace rules = mushin::rules;
inline constexpr Dim<"batch"> batch;
inline constexpr Dim<"time"> steps;

static_assert(rules::gather_matches(Shape{2, 3}, Shape{2, 7}, 1) && rules::gather_matches(Shape{2, 3}, Shape{7, 3}, 0));
static_assert(!rules::gather_matches(Shape{2, 3}, Shape{3, 7}, 1) && !rules::gather_matches(Shape{2, 3}, Shape{2}, 1));
static_assert(!rules::gather_matches(Shape{batch, 3}, Shape{steps, 1}, 1) && rules::gather_matches(Shape{batch, 3}, Shape{dyn, 1}, 1));
static_assert(rules::gather(Shape{batch, 3}, Shape{dyn, 1}, 1) == Shape{batch, 1} &&
              rules::gather(Shape{2, 3}, Shape{2, dyn}, 1) == Shape{2, dyn});
static_assert(rules::take(Shape{10, 3}, Shape{batch}) == Shape{batch, 3} && rules::take(Shape{10}, Shape{4}) == Shape{4});
static_assert(rules::take(Shape{10, 3}, Shape{2, batch}) == Shape{2, batch, 3} && rules::take(Shape{10, 3}, Shape{}) == Shape{3});
