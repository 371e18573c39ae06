#include "mushin/tensor/shape_rules/broadcast.hpp"

using namespace mushin;
using namespace mushin::rules;
inline constexpr Dim<"batch"> batch;
inline constexpr Dim<"time"> steps;

static_assert(broadcasts(Shape{2, 3}, Shape{2, 3}) && broadcast(Shape{2, 3}, Shape{2, 3}) == Shape{2, 3});
static_assert(broadcasts(Shape{2, 3}, Shape{3}) && broadcast(Shape{2, 3}, Shape{3}) == Shape{2, 3});
static_assert(broadcasts(Shape{3}, Shape{2, 3}) && broadcast(Shape{3}, Shape{2, 3}) == Shape{2, 3});
static_assert(broadcast(Shape{2, 1}, Shape{1, 3}) == Shape{2, 3} && broadcast(Shape{}, Shape{2}) == Shape{2});
static_assert(broadcast(Shape{}, Shape{}) == Shape{} && broadcasts(Shape{}, Shape{}));
static_assert(broadcast(Shape{0}, Shape{1}) == Shape{0} && !broadcasts(Shape{0}, Shape{2}));
static_assert(!broadcasts(Shape{2, 3}, Shape{2}) && !broadcasts(Shape{2, 3}, Shape{4, 3}));

// Names are only themselves; dyn can be anything.
static_assert(broadcasts(Shape{batch, 3}, Shape{batch, 1}) && !broadcasts(Shape{batch}, Shape{steps}) &&
              !broadcasts(Shape{batch}, Shape{4}));
static_assert(broadcast(Shape{batch, 3}, Shape{1, 3}) == Shape{batch, 3} && broadcast(Shape{dyn}, Shape{batch}) == Shape{batch});
static_assert(broadcast(Shape{dyn}, Shape{5}) == Shape{5} && broadcast(Shape{dyn}, Shape{1}) == Shape{dyn});

static_assert(broadcasts_to(Shape{3}, Shape{2, 3}) && broadcasts_to(Shape{1, 3}, Shape{batch, 3}) && broadcasts_to(Shape{}, Shape{}));
static_assert(!broadcasts_to(Shape{2, 3}, Shape{3}) && !broadcasts_to(Shape{3}, Shape{1}) && !broadcasts_to(Shape{batch}, Shape{4}));

// What is left to the run: everything but static sizes and written ones.
static_assert(equal_at_run_time(Shape{2, 3}, Shape{2, 3}) == 0 && equal_at_run_time(Shape{batch, 3}, Shape{3}) == 0);
static_assert(equal_at_run_time(Shape{batch, 3}, Shape{batch, 3}) == 2 && equal_at_run_time(Shape{batch, 3}, Shape{1, 3}) == 0);
static_assert(equal_at_run_time(Shape{dyn, dyn}, Shape{4, batch}) == 3);

// One name on axes that do not face each other.
static_assert(crossed_names(Shape{batch, 1}, Shape{1, batch}).count == 1);
static_assert(crossed_names(Shape{batch, 1}, Shape{1, batch}).at[0].a == 0 && crossed_names(Shape{batch, 1}, Shape{1, batch}).at[0].b == 1);
static_assert(crossed_names(Shape{batch, 3}, Shape{batch, 3}).count == 0 && crossed_names(Shape{batch}, Shape{steps}).count == 0);
static_assert(shared_names(Shape{batch, steps}, Shape{steps, batch}).count == 2 && shared_names(Shape{2}, Shape{2}).count == 0);
static_assert(repeated_names(Shape{batch, 2, batch}).count == 1 && repeated_names(Shape{batch, steps}).count == 0);

static_assert(refines(Shape{batch, 3}, Shape{32, 3}) && refines(Shape{dyn}, Shape{batch}) && refines(Shape{3}, Shape{dyn}));
static_assert(!refines(Shape{3}, Shape{4}) && !refines(Shape{3}, Shape{3, 1}));
