#pragma once
// Einstein's summation as permutations, reductions, elementwise and matrix products, written once for both algebras, as in
// compositions.hpp.
#include "mushin/tensor/ops/diagonal.hpp"
#include "mushin/tensor/ops/einsum.hpp"
#include "mushin/tensor/ops/matmul.hpp"
#include "mushin/tensor/ops/pointwise.hpp"
#include "mushin/tensor/ops/reduce.hpp"
#include "mushin/tensor/ops/shape.hpp"

namespace mushin::core::compositions {

using Letters = rules::Subscripts::Term;

/// A value and the letters of its axes, each of them once.
template <class H>
struct Lettered {
  H value;
  Letters letters;
};

/// Axes in the order of `to`, which holds the same letters.
template <class H>
H ordered(const Lettered<H>& a, const Letters& to) {
  unsigned order[max_rank + 1];
  bool same = true;
  for (unsigned i = 0; i < to.rank; ++i) {
    order[i] = static_cast<unsigned>(a.letters.find(to.letter[i]));
    same = same && order[i] == i;
  }
  return same ? a.value : permute(a.value, order);
}

/// The diagonal of axes that one letter names.
template <class H>
Lettered<H> without_repetitions(H value, Letters letters) {
  for (unsigned j = 1; j < letters.rank; ++j) {
    const auto i = static_cast<unsigned>(letters.find(letters.letter[j]));
    if (i == j) continue;
    unsigned order[max_rank], next = 0;
    Letters rest;
    for (unsigned k = 0; k < letters.rank; ++k)
      if (k != i && k != j) order[next++] = k, rest.push(letters.letter[k]);
    order[next++] = i, order[next] = j;
    rest.push(letters.letter[j]);
    value = diagonal(permute(value, order), 0);
    letters = rest;
    j = 0;
  }
  return {value, letters};
}

/// Summed over the letters that nobody wants.
template <class H, class Wanted>
Lettered<H> summed(const Lettered<H>& a, Wanted wanted) {
  unsigned axes = 0;
  Letters rest;
  for (unsigned i = 0; i < a.letters.rank; ++i)
    if (wanted(a.letters.letter[i]))
      rest.push(a.letters.letter[i]);
    else
      axes |= 1u << i;
  if (axes == 0) return a;
  H total = sum(a.value, axes, false);
  // Sums of small integers are wider than the operands.
  if (total.type() != a.value.type()) total = cast(total, a.value.type());
  return {total, rest};
}

/// Letters of `a` for which `f` holds, behind those of `to`.
template <class F>
Letters with(Letters to, const Letters& a, F f) {
  for (unsigned i = 0; i < a.rank; ++i)
    if (f(a.letter[i])) to.push(a.letter[i]);
  return to;
}

/// b over the letters of `all`, with 1 where it has no such letter.
template <class H>
H spread_over(const Lettered<H>& b, const Letters& all) {
  const Letters mine = with({}, all, [&](char c) { return b.letters.has(c); });
  const H turned = ordered(b, mine);
  Sizes to;
  for (unsigned i = 0, k = 0; i < all.rank; ++i) to.push(k < mine.rank && all.letter[i] == mine.letter[k] ? turned.sizes()[k++] : 1);
  return reshape(turned, to);
}

/// The sizes of `letters` as axes of their own, or as one.
template <class H>
void push_sizes(Sizes& to, const Lettered<H>& a, const Letters& letters, bool as_one) {
  std::int64_t n = 1;
  for (unsigned i = 0; i < letters.rank; ++i) {
    const std::int64_t size = a.value.sizes()[static_cast<unsigned>(a.letters.find(letters.letter[i]))];
    if (as_one)
      n *= size;
    else
      to.push(size);
  }
  if (as_one) to.push(n);
}

/// One batched matrix product: (shared, own of a, summed) x (shared, summed, own of b).
template <class H>
Lettered<H> multiplied(const Lettered<H>& a, const Lettered<H>& b, const Letters& shared, const Letters& gone) {
  const Letters own_a = with({}, a.letters, [&](char c) { return !b.letters.has(c); });
  const Letters own_b = with({}, b.letters, [&](char c) { return !a.letters.has(c); });
  const auto any = [](char) { return true; };
  const bool flat = shared.rank + 2 > max_rank;
  Sizes left, right, to;
  push_sizes(left, a, shared, flat), push_sizes(left, a, own_a, true), push_sizes(left, a, gone, true);
  push_sizes(right, b, shared, flat), push_sizes(right, b, gone, true), push_sizes(right, b, own_b, true);
  push_sizes(to, a, shared, false), push_sizes(to, a, own_a, false), push_sizes(to, b, own_b, false);
  const H x = reshape(ordered(a, with(with(shared, own_a, any), gone, any)), left);
  const H y = reshape(ordered(b, with(with(shared, gone, any), own_b, any)), right);
  return {reshape(matmul(x, y), to), with(with(shared, own_a, any), own_b, any)};
}

template <class H, class Wanted>
Lettered<H> joined(Lettered<H> a, Lettered<H> b, Wanted wanted) {
  a = summed(a, [&](char c) { return wanted(c) || b.letters.has(c); });
  b = summed(b, [&](char c) { return wanted(c) || a.letters.has(c); });
  const Letters shared = with({}, a.letters, [&](char c) { return b.letters.has(c) && wanted(c); });
  const Letters gone = with({}, a.letters, [&](char c) { return b.letters.has(c) && !wanted(c); });
  const unsigned both = shared.rank + gone.rank;
  check_rank("einsum", a.letters.rank + b.letters.rank - both - gone.rank);
  if (gone.rank != 0 && (a.letters.rank > both || b.letters.rank > both)) return multiplied(a, b, shared, gone);
  const Letters all = with(a.letters, b.letters, [&](char c) { return !a.letters.has(c); });
  return summed(Lettered<H>{mul(spread_over(a, all), spread_over(b, all)), all}, wanted);
}

template <class H>
H einsum(const H* operands, const rules::Subscripts& s) {
  const Sizes* sizes[rules::Subscripts::most];
  for (unsigned k = 0; k < s.count; ++k) sizes[k] = &operands[k].sizes();
  check_letters(s, sizes);
  Lettered<H> out = without_repetitions(operands[0], s.in[0]);
  for (unsigned k = 1; k < s.count; ++k)
    out = joined(out, without_repetitions(operands[k], s.in[k]), [&](char c) {
      bool later = s.out.has(c);
      for (unsigned l = k + 1; l < s.count; ++l) later = later || s.in[l].has(c);
      return later;
    });
  return ordered(summed(out, [&](char c) { return s.out.has(c); }), s.out);
}

}  // namespace mushin::core::compositions
