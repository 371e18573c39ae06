// Optional ops of the boundary in its required ones, for devices that refuse them. Written with core ops alone.
#pragma once
#include "mushin/tensor/ops/conv.hpp"
#include "mushin/tensor/ops/pool.hpp"
#include "mushin/tensor/ops/sort.hpp"

namespace mushin::core {

enum class Scan { sum, product };
/// In log2(n) passes over the array, each adding (multiplying) what lies 1, 2, 4, … elements away. The bracketing is that of a tree.
Array decomposed_scan(const Array&, unsigned axis, Scan, bool reverse);

/// The first `k` in order, their values and indices. Of fewer than 256, an element's place is the number of those that come before it: n
/// comparisons for each of n elements, in one pass without memory for them. More go through log2(n)^2 / 2 layers of a sorting network, each
/// a few passes over all.
Sorted decomposed_sort(const Array&, unsigned axis, std::int64_t k, bool descending);

/// By matrix products with what lies under the kernel at each place, copied out: a kernel's elements times as much memory as x takes.
/// Float32 and float64, no operand empty.
Array decomposed_conv(ConvKind, const Array& a, const Array& b, const Sizes& to, const ConvWindow&, std::int64_t groups);

/// By reductions over a view of all windows; back by adding to where the elements are. No operand empty; `y`: the sizes of what is pooled.
Array decomposed_max_pool(const Array& x, const Sizes& y, const PoolWindow&);
Array decomposed_max_pool_backward(const Array& x, const Array& dy, const PoolWindow&);
Array decomposed_max_pool_take(const Array& x, const Array& g, const Sizes& y, const PoolWindow&);
/// Float32 and float64.
Array decomposed_avg_pool(const Array& x, const Sizes& y, const PoolWindow&);
Array decomposed_avg_pool_backward(const Array& dy, const Sizes& x, const PoolWindow&);

}  // namespace mushin::core
