#include <fmt/format.h>

#include "data/batches.hpp"
#include "mushin/nn/data/loader.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::data {

LoaderState::LoaderState(const Tensor<std::int64_t, 7>& numbers) {
  const auto n = numbers.to_vector();
  if (n[1] < 0 || n[2] < 0 || n[3] < 0 || n[4] < 1 || (n[5] | n[6]) >> 1)
    throw ShapeError(fmt::format("[LoaderState] the numbers must be those of a loader: epoch {}, batches {}, samples {}, batch {}, "
                                 "shuffle {}, drop_last {}",
                                 n[1], n[2], n[3], n[4], n[5], n[6])
                         .c_str());
  seed = static_cast<std::uint64_t>(n[0]), epoch = static_cast<std::uint64_t>(n[1]), batches = n[2];
  samples = n[3], batch = n[4], shuffle = n[5] != 0, drop_last = n[6] != 0;
}

Tensor<std::int64_t, 7> LoaderState::tensor() const {
  const std::int64_t numbers[] = {
      static_cast<std::int64_t>(seed), static_cast<std::int64_t>(epoch), batches, samples, batch, shuffle, drop_last};
  return Tensor<std::int64_t, 7>{core::from_values({7}, dtype::i64, numbers)};
}

namespace detail {

void check_state(const LoaderState& state, const LoaderOptions& options, std::int64_t samples) {
  if (state.samples != samples || state.batch != options.batch || state.shuffle != options.shuffle || state.drop_last != options.drop_last)
    throw ShapeError(fmt::format("[Loader] a state must be of a loader like this one: it is of {} samples, .batch = {}, .shuffle = {}, "
                                 ".drop_last = {}; this one has {}, {}, {}, {}",
                                 state.samples, state.batch, state.shuffle, state.drop_last, samples, options.batch, options.shuffle,
                                 options.drop_last)
                         .c_str());
  const std::int64_t batches = batches_in(options, samples);
  if (state.batches < 0 || state.batches > batches)
    throw ShapeError(fmt::format("[Loader] a state must be within an epoch: it is behind batch {} of {}", state.batches, batches).c_str());
}

}  // namespace detail
}  // namespace mushin::data
