#include "mushin/tensor/shape_rules/reshape.hpp"

using namespace mushin;
namespace rules = mushin::rules;
inline constexpr Dim<"batch"> batch;
inline constexpr Dim<"time"> steps;

static_assert(rules::same_count(Shape{2, 6}, Shape{3, 4}) && !rules::same_count(Shape{2, 6}, Shape{5}));
static_assert(rules::same_count(Shape{}, Shape{1}) && rules::same_count(Shape{0, 3}, Shape{0}) && !rules::same_count(Shape{}, Shape{2}));
static_assert(rules::same_count(Shape{batch, 784}, Shape{batch, 28, 28}) && rules::same_count(Shape{batch, 6}, Shape{6, batch}));
static_assert(!rules::same_count(Shape{batch, 6}, Shape{steps, 6}) && !rules::same_count(Shape{batch, 6}, Shape{6}));
static_assert(!rules::same_count(Shape{6}, Shape{batch}) && !rules::same_count(Shape{batch, batch}, Shape{batch}));
static_assert(rules::same_count(Shape{dyn, 6}, Shape{batch}) && rules::same_count(Shape{6}, Shape{dyn}));

static_assert(rules::at_most_one_open(Shape{batch, 6}, Shape{batch, 6}) && rules::at_most_one_open(Shape{batch, 6}, Shape{dyn}));
static_assert(!rules::at_most_one_open(Shape{dyn, 6}, Shape{batch, dyn}) && rules::at_most_one_open(Shape{batch, dyn}, Shape{batch, dyn}));

static_assert(rules::flatten(Shape{2, 3, 4}) == Shape{2, 12} && rules::flatten(Shape{batch, 28, 28}) == Shape{batch, 784});
static_assert(rules::flatten(Shape{2}) == Shape{2, 1} && rules::flatten(Shape{2, batch, 3}) == Shape{2, dyn} &&
              rules::flatten(Shape{2, batch}) == Shape{2, batch});

static_assert(rules::squeeze(Shape{2, 1, 3}, 1) == Shape{2, 3} && rules::squeezable(Shape{2, 1}, 1) && !rules::squeezable(Shape{2, 1}, 0));
static_assert(rules::squeezable(Shape{dyn}, 0) && !rules::squeezable(Shape{batch}, 0));
static_assert(rules::unsqueeze(Shape{2, 3}, 0) == Shape{1, 2, 3} && rules::unsqueeze(Shape{2, 3}, 2) == Shape{2, 3, 1} &&
              rules::unsqueeze({}, 0) == Shape{1});
static_assert(rules::append(Shape{2}, batch) == Shape{2, batch});
