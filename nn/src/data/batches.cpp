#include "data/batches.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <string>

#include "data/random.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::data {
namespace {

using Plan = detail::Epoch::Plan;
using Arrays = std::vector<core::Array>;

/// The first of several samples that can't be had by itself either; -1 when each can.
std::int64_t culprit(const Plan& plan, Indices which) {
  Arrays unused(plan.tensors);
  for (std::int64_t k = 0; k < which.size(); ++k) try {
      plan.make(plan.dataset, {which.first + k, 1, which.seed}, unused.data());
    } catch (...) {
      return which.first[k];
    }
  return -1;
}

std::string place_of(const Plan& plan, Indices which, std::int64_t number) {
  const std::int64_t sample = which.size() == 1 ? which.first[0] : culprit(plan, which);
  if (sample >= 0) return fmt::format("[Loader] sample {} of batch {}: ", sample, number);
  // Each alone can be had: all that is known is the batch.
  return fmt::format("[Loader] batch {}, samples {}: ", number, fmt::join(which.begin(), which.end(), ", "));
}

template <class E>
void throw_if(const std::exception& e, const std::string& text) {
  if (dynamic_cast<const E*>(&e)) throw E(text.c_str());
}

/// What is being handled, thrown again with its place in front. Mushin's own errors stay what they are.
[[noreturn]] void throw_again(const std::string& place) {
  std::string text = place + "an exception without a text";
  try {
    throw;
  } catch (const std::exception& e) {
    text = place + e.what();
    throw_if<FileError>(e, text);
    throw_if<ShapeError>(e, text);
    throw_if<DeviceError>(e, text);
    throw_if<OutOfMemory>(e, text);
    throw_if<PluginError>(e, text);
    throw_if<GraphError>(e, text);
    std::throw_with_nested(SampleError(text.c_str()));
  } catch (...) {
    std::throw_with_nested(SampleError(text.c_str()));
  }
}

std::string spell(const core::Sizes& sizes) { return fmt::format("({})", fmt::join(sizes.at, sizes.at + sizes.rank, ", ")); }

void check_rows(const Arrays& batch, std::int64_t rows, std::int64_t number) {
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (batch[i].rank() == 0 || batch[i].sizes()[0] != rows)
      throw ShapeError(
          fmt::format("[Loader] each tensor of a batch must have a row for each sample: tensor {} of batch {} is {}, for {} samples", i,
                      number, spell(batch[i].sizes()), rows)
              .c_str());
}

}  // namespace

std::vector<std::int64_t> order_of(const Plan& plan) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(plan.samples));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::uint64_t state = plan.seed;
  if (plan.options.shuffle)
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i, state)]);
  return order;
}

std::int64_t batches_in(const LoaderOptions& options, std::int64_t samples) {
  return samples / options.batch + (!options.drop_last && samples % options.batch != 0);
}

Arrays make_batch(const Plan& plan, const std::vector<std::int64_t>& order, std::int64_t number) {
  const std::int64_t begin = number * plan.options.batch;
  const Indices which{order.data() + begin, std::min(plan.options.batch, plan.samples - begin), plan.seed};
  Arrays batch(plan.tensors);
  try {
    plan.make(plan.dataset, which, batch.data());
  } catch (...) {
    throw_again(place_of(plan, which, number));
  }
  check_rows(batch, which.size(), number);
  return batch;
}

}  // namespace mushin::data
