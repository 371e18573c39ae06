#include "mushin/tensor/shape_rules/conv.hpp"
#include "mushin/tensor/shape_rules/pool.hpp"

using namespace mushin;
namespace rules = mushin::rules;
inline constexpr Dim<"batch"> batch;
inline constexpr Dim<"time"> steps;

// Sizes as PyTorch computes them.
static_assert(rules::conv(Shape{8, 3, 32, 32}, Shape{16, 3, 3, 3}, 1, 1, 1) == Shape{8, 16, 32, 32});
static_assert(rules::conv(Shape{8, 3, 224, 224}, Shape{64, 3, 7, 7}, 2, 3, 1) == Shape{8, 64, 112, 112});
static_assert(rules::conv(Shape{batch, 3, 9, 8}, Shape{4, 3, 3, 2}, PerAxis{2, 1}, PerAxis{1, 0}, PerAxis{2, 1}) == Shape{batch, 4, 4, 7});
static_assert(rules::conv(Shape{1, 2, 5, 6, 7}, Shape{3, 2, 2, 3, 4}, 1, 0, 1) == Shape{1, 3, 4, 4, 4});

// A name stays where its size does.
static_assert(rules::conv(Shape{batch, 4, steps}, Shape{6, 4, 3}, 1, 1, 1) == Shape{batch, 6, steps});
static_assert(rules::conv(Shape{batch, 4, steps}, Shape{6, 4, 5}, 1, 4, 2) == Shape{batch, 6, steps});
static_assert(rules::conv(Shape{batch, 4, steps}, Shape{6, 4, 3}, 1, 0, 1) == Shape{batch, 6, dyn});
static_assert(rules::conv(Shape{batch, 4, 9}, Shape{6, 4, dyn}, 1, 0, 1) == Shape{batch, 6, dyn});
static_assert(rules::conv_transpose(Shape{batch, 6, steps}, Shape{6, 4, 3}, 1, 1, 0, 1, 1) == Shape{batch, 4, steps});
static_assert(rules::conv_transpose(Shape{batch, 6, steps}, Shape{6, 4, 3}, 2, 1, 1, 1, 1) == Shape{batch, 4, dyn});

static_assert(rules::conv_has_axes(Shape{1, 2, 3}, Shape{4, 2, 1}) && !rules::conv_has_axes(Shape{1, 2, 3, 4}, Shape{4, 2, 1}));
static_assert(!rules::conv_has_axes(Shape{1, 2}, Shape{4, 2}) && !rules::conv_has_axes(Shape{1, 2, 3, 4, 5, 6}, Shape{1, 2, 3, 4, 5, 6}));
static_assert(rules::conv_channels_match(Shape{1, 6, 9}, Shape{4, 3, 1}, 2) &&
              !rules::conv_channels_match(Shape{1, 6, 9}, Shape{4, 6, 1}, 2));
static_assert(rules::conv_channels_match(Shape{1, dyn, 9}, Shape{4, 3, 1}, 2));
static_assert(rules::conv_groups_divide(Shape{1, 6, 9}, Shape{4, 3, 1}, 2) &&
              !rules::conv_groups_divide(Shape{1, 6, 9}, Shape{3, 3, 1}, 2));
static_assert(!rules::conv_groups_divide(Shape{1, 7, 9}, Shape{4, 3, 1}, 2) &&
              !rules::conv_groups_divide(Shape{1, 6, 9}, Shape{4, 3, 1}, 0));
static_assert(rules::conv_kernel_fits(Shape{1, 1, 3}, Shape{1, 1, 5}, 1, 1) &&
              !rules::conv_kernel_fits(Shape{1, 1, 3}, Shape{1, 1, 5}, 0, 1));
static_assert(!rules::conv_kernel_fits(Shape{1, 1, 3}, Shape{1, 1, 0}, 1, 1) &&
              !rules::conv_kernel_fits(Shape{1, 1, 4}, Shape{1, 1, 3}, 0, 2));

// What a transposed one gives, a plain one takes back.
static_assert(rules::conv_transpose(Shape{2, 6, 4, 7}, Shape{6, 2, 3, 2}, PerAxis{2, 1}, PerAxis{1, 0}, 0, PerAxis{2, 1}, 2) ==
              Shape{2, 4, 9, 8});
static_assert(rules::conv_transpose(Shape{1, 8, 7, 7}, Shape{8, 4, 3, 3}, 2, 1, 1, 1, 1) == Shape{1, 4, 14, 14});
constexpr Shape image{2, 3, 8, 8};
static_assert(rules::conv_transpose_more_fits(image, 1, 2, 1) && !rules::conv_transpose_more_fits(image, 2, 2, 1) &&
              rules::conv_transpose_more_fits(image, 2, 2, 3) && !rules::conv_transpose_more_fits(image, -1, 2, 1) &&
              rules::conv_transpose_more_fits(image, 1, PerAxis{2, 3}, 1) && !rules::conv_transpose_more_fits(image, 1, PerAxis{2, 1}, 1));
static_assert(!rules::conv_transpose_fits(Shape{1, 1, 1}, Shape{1, 1, 2}, 1, 1, 0, 1));

// Windows that reach beyond the padding begin in front of it.
static_assert(rules::pool(Shape{2, 3, 7, 8}, 2, 2, 0, 1, false) == Shape{2, 3, 3, 4});
static_assert(rules::pool(Shape{2, 3, 7, 8}, 2, 2, 0, 1, true) == Shape{2, 3, 4, 4});
static_assert(rules::pool(Shape{2, 3, 5}, 2, 3, 1, 1, true) == Shape{2, 3, 2} &&
              rules::pool(Shape{2, 3, 4}, 2, 3, 1, 1, true) == Shape{2, 3, 2});
static_assert(rules::pool(Shape{batch, 3, steps}, 3, 1, 1, 1, false) == Shape{batch, 3, steps});
static_assert(rules::pool_fits(Shape{2, 3, 2}, 3, 1, 1) && !rules::pool_fits(Shape{2, 3, 2}, 3, 0, 1) &&
              rules::pool_fits(Shape{2, 3, steps}, 3, 0, 1));
static_assert(rules::pool_padding_fits(image, 3, 1, 1) && !rules::pool_padding_fits(image, 3, 2, 1) &&
              rules::pool_padding_fits(image, 3, 2, 2) && rules::pool_padding_fits(image, PerAxis{2, 3}, 1, 1) &&
              !rules::pool_padding_fits(image, PerAxis{3, 1}, 1, 1));
static_assert(rules::adaptive_pool(Shape{batch, 3, 7, steps}, PerAxis{2, 1}) == Shape{batch, 3, 2, 1});

static_assert(rules::between(3, 1) && !rules::between(PerAxis{1, 0}, 1) && !rules::between(-1, 0));
static_assert(rules::fits_axes(Shape{1, 2, 3, 4}, 1) && rules::fits_axes(Shape{1, 2, 3, 4}, PerAxis{1, 2}) &&
              !rules::fits_axes(Shape{1, 2, 3}, PerAxis{1, 2}));
