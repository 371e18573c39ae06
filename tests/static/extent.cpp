#include "mushin/tensor/extent.hpp"

#include "mushin/tensor/shape.hpp"

using namespace mushin;
inline constexpr Dim<"batch"> batch;
inline constexpr Dim<"time"> steps;

namespace other_file {
inline constexpr Dim<"batch"> batch;
}

// What an extent can be.
static_assert(extent{3}.is_static() && !extent{3}.is_named() && !extent{3}.is_dyn());
static_assert(extent{0}.is_static());
static_assert(extent{batch}.is_named() && !extent{batch}.is_static() && !extent{batch}.is_dyn());
static_assert(dyn.is_dyn() && !dyn.is_named());
static_assert(extent{-1}.is_negative() && !extent{-1}.is_dyn() && extent{-7} == extent{-1});
static_assert(extent{std::size_t{3}} == extent{3} && extent{3L} == extent{3});

// A name is its text.
static_assert(extent{batch} == extent{other_file::batch} && extent{batch} != extent{steps} && extent{batch} != dyn);
static_assert(std::same_as<decltype(batch = 32), SizedDim<"batch">> && (batch = 32).size == 32);

// Arithmetic.
static_assert(extent{2} * 3 == 6 && extent{2} + 3 == 5 && extent{5} - 2 == 3);
static_assert(extent{batch} * 1 == batch && 1 * extent{batch} == batch && extent{batch} + 0 == batch && extent{batch} - 0 == batch);
static_assert(extent{batch} * 2 == dyn && extent{batch} + 1 == dyn && extent{batch} - 1 == dyn && dyn * 2 == dyn);

static_assert(may_equal(3, 3) && !may_equal(3, 4) && may_equal(dyn, 4) && may_equal(batch, dyn));
static_assert(may_equal(batch, batch) && !may_equal(batch, steps) && !may_equal(batch, 4));
static_assert(better_known(dyn, batch) == batch && better_known(4, dyn) == 4);

// Shapes.
static_assert(Shape{}.rank == 0 && Shape{2, batch}.rank == 2 && Shape{2, batch}.from_end(0) == batch);
static_assert(Shape{2, batch} == Shape{2, batch} && Shape{2, batch} != Shape{2, steps} && Shape{2} != Shape{2, 1});
static_assert(Shape{2, batch}.find(batch) == 1 && Shape{2, batch}.find(steps) == -1);
static_assert(Shape{2, 3}.is_static() && !Shape{2, batch}.is_static() && !Shape{dyn}.is_static() && Shape{}.is_static());

constexpr bool same_text(const text<128>& a, const char* b) {
  for (char c : a.chars) {
    if (c != *b) return false;
    if (c == 0) return true;
    ++b;
  }
  return false;
}
static_assert(same_text(spell(Shape{}), "()") && same_text(spell(Shape{0}), "(0)"));
static_assert(same_text(spell(Shape{batch, 784, dyn}), "(batch, 784, ?)"));
