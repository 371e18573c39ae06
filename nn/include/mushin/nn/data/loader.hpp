#pragma once
#include <optional>
#include <utility>

#include "mushin/nn/data/dataset.hpp"

namespace mushin::data {

struct LoaderOptions {
  std::int64_t batch = 32;                           // samples in a batch
  bool shuffle = false;                              // another order in every epoch
  std::optional<std::uint64_t> seed = std::nullopt;  // of the order; none: drawn from the default generator when the loader is made
  bool drop_last = false;                            // leave out a last, smaller batch
  int prefetch = 2;                                  // batches prepared ahead by another thread; 0: none, and no thread
};

namespace detail {

/// Prepares batch `which` of `dataset` into `out`.
using Make = void (*)(const void* dataset, Indices which, core::Array* out);

/// One pass over a dataset: the compiled side of Loader. Batches come in order; what the other thread throws comes out of next().
class MUSHIN_API Epoch {
 public:
  struct Plan {
    const void* dataset;
    Make make;
    std::int64_t samples;
    unsigned tensors;  // of a batch
    LoaderOptions options;
    std::uint64_t seed;
  };
  explicit Epoch(const Plan&);
  Epoch(Epoch&& other) noexcept : run_(std::exchange(other.run_, nullptr)) {}
  Epoch& operator=(Epoch&& other) noexcept {
    std::swap(run_, other.run_);
    return *this;
  }
  /// Ends the thread, in the middle of an epoch as well.
  ~Epoch();

  /// The next batch's tensors; false when there is none left.
  bool next(core::Array* out);

 private:
  struct Run;
  Run* run_;
};

/// ShapeError unless batch and prefetch make sense. The seed that was given or one from the default generator.
MUSHIN_API std::uint64_t check_options(const LoaderOptions&);
MUSHIN_API std::uint64_t seed_of_epoch(std::uint64_t seed, std::uint64_t epoch);

}  // namespace detail

/// The batches of a dataset: `for (auto [x, y] : data::Loader(train, {.batch = 128, .shuffle = true}))`.
/// Each loop over it is an epoch: every sample once, the last batch smaller where the count doesn't divide (unless drop_last).
/// Order: that of the dataset, or shuffled by seed and epoch, the same on every machine. Batches are prepared ahead by another thread;
/// an exception there comes out of the loop, and leaving the loop early ends the thread. The dataset must outlive the loader.
template <Dataset D>
class Loader {
 public:
  using Batch = BatchOf<D>;
  class Iterator;
  struct End {};

  Loader(const D& dataset, LoaderOptions options) : dataset_(&dataset), options_(options), seed_(detail::check_options(options)) {}
  Loader(const D&&, LoaderOptions) = delete;  // the dataset must outlive the loader: give it a name

  /// Starts an epoch.
  Iterator begin() { return Iterator{detail::Epoch{plan()}}; }
  End end() const { return {}; }

  /// Batches in an epoch.
  std::int64_t size() const {
    const std::int64_t n = dataset_->size();
    return options_.drop_last ? n / options_.batch : (n + options_.batch - 1) / options_.batch;
  }
  /// Epochs begun.
  std::uint64_t epochs() const { return epochs_; }

 private:
  static constexpr unsigned tensors = std::tuple_size_v<Batch>;

  static void make(const void* dataset, Indices which, core::Array* out) {
    std::apply(
        [out](const auto&... t) {
          unsigned i = 0;
          ((out[i++] = t.raw()), ...);
        },
        static_cast<const D*>(dataset)->get(which));
  }
  detail::Epoch::Plan plan() { return {dataset_, make, dataset_->size(), tensors, options_, detail::seed_of_epoch(seed_, epochs_++)}; }

  const D* dataset_;
  LoaderOptions options_;
  std::uint64_t seed_, epochs_ = 0;
};

/// Reads batches in turn; moves, does not copy.
template <Dataset D>
class Loader<D>::Iterator {
 public:
  using value_type = Batch;
  using difference_type = std::int64_t;

  explicit Iterator(detail::Epoch epoch) : epoch_(std::move(epoch)) { ++*this; }
  Batch operator*() const { return typed(std::make_index_sequence<tensors>{}); }
  Iterator& operator++() {
    more_ = epoch_.next(raw_);
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(End) const { return !more_; }

 private:
  template <std::size_t... I>
  Batch typed(std::index_sequence<I...>) const {
    return Batch{std::tuple_element_t<I, Batch>{raw_[I]}...};
  }

  detail::Epoch epoch_;
  core::Array raw_[tensors];
  bool more_ = false;
};

}  // namespace mushin::data
