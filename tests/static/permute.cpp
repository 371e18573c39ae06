#include "mushin/tensor/shape_rules/permute.hpp"

using namespace mushin;
namespace rules = mushin::rules;
using rules::Axes;
inline constexpr Dim<"batch"> batch;

static_assert(rules::permute(Shape{2, 3, batch}, Axes{2, 0, 1}) == Shape{batch, 2, 3});
static_assert(rules::permute(Shape{2, 3, batch}, Axes{-1, 0, 1}) == Shape{batch, 2, 3} && rules::permute({}, Axes{}) == Shape{});
static_assert(rules::is_permutation(Shape{2, 3}, Axes{1, 0}) && rules::is_permutation(Shape{2, 3}, Axes{-1, 0}));
static_assert(!rules::is_permutation(Shape{2, 3}, Axes{1, 1}) && !rules::is_permutation(Shape{2, 3}, Axes{-1, 1}));
static_assert(!rules::is_permutation(Shape{2, 3}, Axes{1}) && !rules::is_permutation(Shape{2, 3}, Axes{2, 0}));

static_assert(rules::transpose(Shape{2, 3}) == Shape{3, 2} && rules::transpose(Shape{batch, 2, 3}) == Shape{batch, 3, 2});
static_assert(rules::transpose(Shape{2}) == Shape{2});
