// Optional ops of the boundary in its required ones, for devices that refuse them. Written with core ops alone.
#pragma once
#include "mushin/tensor/ops/sort.hpp"

namespace mushin::core {

enum class Scan { sum, product };
/// In log2(n) passes over the array, each adding (multiplying) what lies 1, 2, 4, … elements away. The bracketing is that of a tree.
Array decomposed_scan(const Array&, unsigned axis, Scan, bool reverse);

/// The first `k` in order, their values and indices. Of fewer than 256, an element's place is the number of those that come before it: n
/// comparisons for each of n elements, in one pass without memory for them. More go through log2(n)^2 / 2 layers of a sorting network, each
/// a few passes over all.
Sorted decomposed_sort(const Array&, unsigned axis, std::int64_t k, bool descending);

}  // namespace mushin::core
