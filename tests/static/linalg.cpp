#include "mushin/tensor/shape_rules/linalg.hpp"

using namespace mushin;
using namespace mushin::rules;
inline constexpr Dim<"batch"> batch;
inline constexpr Dim<"n"> n;

static_assert(square(Shape{3, 3}) && square(Shape{batch, n, n}) && square(Shape{3, dyn}));
static_assert(!square(Shape{3, 4}) && !square(Shape{n, 3}) && !square(Shape{batch, n}) && !square(Shape{3}) && !square(Shape{}));
static_assert(lesser(3, 5) == extent{3} && lesser(5, 3) == extent{3} && lesser(n, n) == extent{n} && lesser(n, 3) == dyn);
static_assert(left_factor(Shape{batch, 5, 3}) == Shape{batch, 5, 3} && right_factor(Shape{batch, 5, 3}) == Shape{batch, 3, 3});
static_assert(left_factor(Shape{3, 5}) == Shape{3, 3} && right_factor(Shape{3, 5}) == Shape{3, 5});
static_assert(left_factor(Shape{n, 5}) == Shape{n, dyn} && singular_values(Shape{2, 3, 5}) == Shape{2, 3});
static_assert(eigenvalues(Shape{batch, n, n}) == Shape{batch, n} && eigenvalues(Shape{3, dyn}) == Shape{3});
static_assert(tall(Shape{5, 3}) && tall(Shape{3, 3}) && !tall(Shape{3, 5}) && tall(Shape{n, 5}));
