#include "mushin/tensor/shape_rules/diagonal.hpp"

using namespace mushin;
namespace rules = mushin::rules;
inline constexpr Dim<"batch"> batch;

static_assert(rules::diagonal_size(3, 5, 0) == 3 && rules::diagonal_size(3, 5, 2) == 3 && rules::diagonal_size(3, 5, 4) == 1);
static_assert(rules::diagonal_size(3, 5, -2) == 1 && rules::diagonal_size(3, 5, 5) == 0 && rules::diagonal_size(3, 5, -9) == 0);
static_assert(rules::diagonal(Shape{batch, 3, 5}, 0) == Shape{batch, 3} && rules::diagonal(Shape{4, 4}, -1) == Shape{3});
static_assert(rules::diagonal(Shape{batch, batch}, 0) == Shape{batch} && rules::diagonal(Shape{batch, batch}, 1) == Shape{dyn});
static_assert(rules::diagonal(Shape{batch, 3}, 0) == Shape{dyn} && rules::trace(Shape{batch, 3, 3}) == Shape{batch} &&
              rules::trace(Shape{2, 2}) == Shape{});
