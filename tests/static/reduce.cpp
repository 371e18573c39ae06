#include "mushin/tensor/shape_rules/reduce.hpp"

using namespace mushin;
using namespace mushin::rules;
inline constexpr Dim<"batch"> batch;

constexpr Shape a{batch, 3, 4};

// Axes: -1 is the last, none means all.
static_assert(axis_in_range(a, 0) && axis_in_range(a, 2) && axis_in_range(a, -3) && !axis_in_range(a, 3) && !axis_in_range(a, -4));
static_assert(axis(a, -1) == 2 && axis(a, 1) == 1 && !axis_in_range(Shape{}, 0));
static_assert(axes_mask(a, Axes{}) == 7 && axes_mask(a, Axes{0, -1}) == 5 && axes_mask(Shape{}, Axes{}) == 0);
static_assert(axes_in_range(a, Axes{0, -1}) && !axes_in_range(a, Axes{0, 3}) && axes_in_range(Shape{}, Axes{}));
static_assert(axes_distinct(a, Axes{0, 1}) && !axes_distinct(a, Axes{1, 1}) && !axes_distinct(a, Axes{2, -1}));

static_assert(reduce(a, 2, false) == Shape{batch, 4} && reduce(a, 2, true) == Shape{batch, 1, 4});
static_assert(reduce(a, 7, false) == Shape{} && reduce(a, 7, true) == Shape{1, 1, 1} && reduce(a, 0, false) == a);
static_assert(reduces_something(a, 7) && !reduces_something(Shape{0, 3}, 1) && reduces_something(Shape{0, 3}, 2));
