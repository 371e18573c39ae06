#include "mushin/tensor/shape_rules/arrange.hpp"

using namespace mushin;
namespace rules = mushin::rules;
inline constexpr Dim<"batch"> batch;

static_assert(rules::joins(Shape{2, 3}, Shape{5, 3}, 0) && !rules::joins(Shape{2, 3}, Shape{5, 3}, 1) &&
              !rules::joins(Shape{2}, Shape{2, 3}, 0));
static_assert(rules::joins(Shape{batch, 3}, Shape{batch, 1}, 1) && !rules::joins(Shape{batch, 3}, Shape{4, 3}, 1));
static_assert(rules::joins(Shape{dyn, 3}, Shape{4, 3}, 1) && rules::stacks(Shape{}, Shape{}) && !rules::stacks(Shape{2}, Shape{3}));
static_assert(rules::concat(0, Shape{2, 3}, Shape{5, 3}, Shape{1, 3}) == Shape{8, 3} && rules::concat(0, Shape{2, 3}) == Shape{2, 3});
static_assert(rules::concat(0, Shape{batch, 3}, Shape{batch, 3}) == Shape{dyn, 3} &&
              rules::concat(1, Shape{dyn, 3}, Shape{4, 3}) == Shape{4, 6});
static_assert(rules::stack(Shape{2, 3}, 0, 4) == Shape{4, 2, 3} && rules::stack(Shape{2, 3}, 2, 4) == Shape{2, 3, 4});

static_assert(rules::splits(6, 3) && !rules::splits(6, 4) && !rules::splits(6, 0) && !rules::splits(6, -1) && rules::splits(batch, 5));
static_assert(rules::split(Shape{2, 6}, 1, 3) == Shape{2, 2} && rules::split(Shape{batch}, 0, 2) == Shape{dyn});
static_assert(rules::split(Shape{batch}, 0, 1) == Shape{batch});

static_assert(rules::pad(Shape{2, 3}, rules::pads<1, 2>(Shape{2, 3})) == Shape{2, 6});
static_assert(rules::pad(Shape{2, 3}, rules::pads<1, 2, 0, 4>(Shape{2, 3})) == Shape{5, 7});
static_assert(rules::pad(Shape{batch, 3}, rules::pads<>(Shape{batch, 3})) == Shape{batch, 3});
static_assert(rules::pad(Shape{batch}, rules::pads<0, 1>(Shape{batch})) == Shape{dyn});
static_assert(rules::tile<2>(Shape{2, 3}) == Shape{2, 6} && rules::tile<2, 1>(Shape{batch, 3}) == Shape{dyn, 3});
static_assert(rules::tile<4, 1, 2>(Shape{3}) == Shape{4, 1, 6} && rules::tile<3, 1>(Shape{batch}) == Shape{3, batch} &&
              rules::tile<>(Shape{}) == Shape{});
static_assert(rules::at(Shape{batch, 3}, 0) == Shape{3} && rules::at(Shape{2, 3, 4}, 1) == Shape{2, 4});
