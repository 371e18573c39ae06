#include "mushin/tensor/shape_rules/matmul.hpp"

using namespace mushin;
namespace rules = mushin::rules;
inline constexpr Dim<"batch"> batch;
inline constexpr Dim<"time"> steps;

static_assert(rules::matmul(Shape{2, 3}, Shape{3, 4}) == Shape{2, 4} && rules::matmul_inner_matches(Shape{2, 3}, Shape{3, 4}));
static_assert(!rules::matmul_inner_matches(Shape{2, 3}, Shape{4, 3}) && !rules::matmul_inner_matches(Shape{2, batch}, Shape{steps, 3}));
static_assert(rules::matmul_inner_matches(Shape{2, batch}, Shape{batch, 3}) && rules::matmul_inner_matches(Shape{2, dyn}, Shape{7, 3}));

// A 1-D operand is a row or a column; its axis is dropped.
static_assert(rules::matmul(Shape{3}, Shape{3}) == Shape{} && rules::matmul_inner_matches(Shape{3}, Shape{3}));
static_assert(rules::matmul(Shape{3}, Shape{3, 4}) == Shape{4} && rules::matmul(Shape{2, 3}, Shape{3}) == Shape{2});
static_assert(rules::matmul(Shape{5, 2, 3}, Shape{3}) == Shape{5, 2} && rules::matmul(Shape{3}, Shape{5, 3, 4}) == Shape{5, 4});
static_assert(!rules::matmul_inner_matches(Shape{3}, Shape{4}) && !rules::matmul_has_axes(Shape{}, Shape{3}) &&
              rules::matmul({}, Shape{3}) == Shape{});

// Leading axes broadcast.
static_assert(rules::matmul(Shape{8, 1, 2, 3}, Shape{4, 3, 5}) == Shape{8, 4, 2, 5});
static_assert(rules::matmul(Shape{batch, 2, 3}, Shape{3, 5}) == Shape{batch, 2, 5});
static_assert(rules::matmul_batch_broadcasts(Shape{8, 1, 2, 3}, Shape{4, 3, 5}));
static_assert(!rules::matmul_batch_broadcasts(Shape{2, 2, 3}, Shape{4, 3, 5}) &&
              rules::matmul_batch_broadcasts(Shape{2, 3}, Shape{4, 3, 5}));

static_assert(rules::matmul_batch_equal_at_run_time(Shape{batch, 2, 3}, Shape{batch, 3, 4}) == 4);
static_assert(rules::matmul_batch_equal_at_run_time(Shape{batch, 2, 3}, Shape{3, 4}) == 0);
static_assert(rules::matmul_batch_equal_at_run_time(Shape{4, 2, 3}, Shape{4, 3, 4}) == 0);
