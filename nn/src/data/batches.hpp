#pragma once
// One batch of an epoch: which samples it has, and what is told when it can't be made.
#include <vector>

#include "mushin/nn/data/loader.hpp"

namespace mushin::data {

/// The samples' numbers in the order of the epoch.
std::vector<std::int64_t> order_of(const detail::Epoch::Plan&);
std::int64_t batches_in(const LoaderOptions&, std::int64_t samples);

/// Batch `number`. What the dataset throws comes out with the number of the sample that is to blame in its text (SampleError). ShapeError
/// where a tensor has not as many rows as there are samples.
std::vector<core::Array> make_batch(const detail::Epoch::Plan&, const std::vector<std::int64_t>& order, std::int64_t number);

}  // namespace mushin::data
