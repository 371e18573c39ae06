#pragma once
#include <optional>
#include <utility>

#include "mushin/nn/data/dataset.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::data {

/// How batches are made.
struct LoaderOptions {
  std::int64_t batch = 32;                           ///< samples in a batch
  bool shuffle = false;                              ///< another order in every epoch
  std::optional<std::uint64_t> seed = std::nullopt;  ///< of the order and of random transforms; none: drawn from the default generator when
                                                     ///< the loader is made, if it shuffles
  bool drop_last = false;                            ///< leave out a last, smaller batch
  int prefetch = 2;                                  ///< batches prepared ahead by other threads; 0: none, and no thread
  int workers = 1;                                   ///< the threads; more of them make at least as many batches ahead
};

/// What a dataset threw that is no error of mushin's, with the sample's number in front; the exception itself is nested
/// (std::rethrow_if_nested).
class MUSHIN_API SampleError : public Error {
 public:
  using Error::Error;
};

/// Where a loader is in its epochs: plain numbers, so that whoever trains can save them. `tensor()` goes into any file of tensors.
struct LoaderState {
  std::uint64_t seed = 0;                   ///< of the order
  std::uint64_t epoch = 0;                  ///< that is under way, or else comes next
  std::int64_t batches = 0;                 ///< of it that were given out
  std::int64_t samples = 0, batch = 0;      ///< of the data set, and in a batch, when the state was taken
  bool shuffle = false, drop_last = false;  ///< as the options were

  LoaderState() = default;
  /// ShapeError unless the numbers are those of `tensor()`.
  MUSHIN_API explicit LoaderState(const Tensor<std::int64_t, 7>&);
  MUSHIN_API Tensor<std::int64_t, 7> tensor() const;
  bool operator==(const LoaderState&) const = default;
};

namespace detail {

/// Prepares batch `which` of `dataset` into `out`.
using Make = void (*)(const void* dataset, Indices which, core::Array* out);

/// One pass over a dataset: the compiled side of Loader. Batches come in order; what a worker throws comes out of next().
class MUSHIN_API Epoch {
 public:
  struct Plan {
    const void* dataset;
    Make make;
    std::int64_t samples;
    unsigned tensors;  // of a batch
    LoaderOptions options;
    std::uint64_t seed;
    std::int64_t begin;  // the first batch's number
  };
  /// ShapeError where there would be no batch.
  explicit Epoch(const Plan&);
  Epoch(Epoch&& other) noexcept : run_(std::exchange(other.run_, nullptr)) {}
  Epoch& operator=(Epoch&& other) noexcept {
    std::swap(run_, other.run_);
    return *this;
  }
  /// Ends the workers, in the middle of an epoch as well.
  ~Epoch();

  /// The next batch's tensors; false when there is none left.
  bool next(core::Array* out);

 private:
  struct Run;
  Run* run_;
};

/// ShapeError unless batch, prefetch and workers make sense. The seed that was given or one from the default generator.
MUSHIN_API std::uint64_t check_options(const LoaderOptions&);
MUSHIN_API std::uint64_t seed_of_epoch(std::uint64_t seed, std::uint64_t epoch);
/// ShapeError unless `state` is that of a loader with these options and as many samples.
MUSHIN_API void check_state(const LoaderState& state, const LoaderOptions&, std::int64_t samples);

}  // namespace detail

/// The batches of a dataset: `for (auto [x, y] : data::Loader(train, {.batch = 128, .shuffle = true}))`.
/// Each loop over it is an epoch: every sample once, the last batch smaller where the count doesn't divide (unless drop_last).
/// Order: that of the dataset, or shuffled by seed and epoch, the same on every machine and for any number of workers. Batches are prepared
/// ahead by other threads; an exception there comes out of the loop behind the batches before it, with the sample's number in its text, and
/// leaving the loop early ends the threads. ShapeError where an epoch would have no batch. The dataset must outlive the loader, and the
/// loader must not move while a loop runs over it.
template <Dataset D>
class Loader {
 public:
  using Batch = BatchOf<D>;  ///< what the iterator gives: a tuple of tensors
  class Iterator;
  struct End {};  ///< the end of an epoch

  Loader(const D& dataset, LoaderOptions options) : dataset_(&dataset), options_(options), seed_(detail::check_options(options)) {}
  Loader(const D&&, LoaderOptions) = delete;  // the dataset must outlive the loader: give it a name

  /// Starts an epoch, or goes on with the restored one.
  Iterator begin() { return Iterator{*this}; }
  End end() const { return {}; }

  /// Batches in an epoch.
  std::int64_t size() const {
    const std::int64_t n = dataset_->size();
    return options_.drop_last ? n / options_.batch : (n + options_.batch - 1) / options_.batch;
  }
  /// Epochs begun.
  std::uint64_t epochs() const { return epochs_; }

  /// Where the (last begun) loop is. Within it the batch that it has now counts as given out: ask when you are done with it. From the end
  /// of a loop on it is the beginning of the next epoch; a loop that was left by `break` or an exception is where it was left.
  LoaderState state() const {
    LoaderState out;
    out.seed = seed_, out.epoch = epochs_ - under_way_, out.batches = given_;
    out.samples = dataset_->size(), out.batch = options_.batch, out.shuffle = options_.shuffle, out.drop_last = options_.drop_last;
    return out;
  }
  /// The next loop gives the batches that are left of the state's epoch (none, if only its end was), and those behind it the epochs that
  /// follow: bit for bit those of the loader whose state it was. ShapeError when its samples, batch, shuffle or drop_last differ.
  void restore(const LoaderState& state) {
    detail::check_state(state, options_, dataset_->size());
    seed_ = state.seed, epochs_ = state.epoch, given_ = state.batches, under_way_ = false, restored_ = true;
  }

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
  /// The next epoch.
  detail::Epoch start() {
    const std::int64_t begin = restored_ ? given_ : 0;
    detail::Epoch epoch{{dataset_, make, dataset_->size(), tensors, options_, detail::seed_of_epoch(seed_, epochs_), begin}};
    ++epochs_, given_ = begin, under_way_ = true, restored_ = false;
    return epoch;
  }

  const D* dataset_;
  LoaderOptions options_;
  std::uint64_t seed_, epochs_ = 0;
  std::int64_t given_ = 0;                     // batches of the epoch that is under way, or else to be left out of the next
  bool under_way_ = false, restored_ = false;  // the last begun epoch isn't at its end; the next one is a restored state's
};

/// Reads batches in turn; moves, does not copy.
template <Dataset D>
class Loader<D>::Iterator {
 public:
  using value_type = Batch;
  using difference_type = std::int64_t;

  explicit Iterator(Loader& loader) : loader_(&loader), epoch_(loader.start()) { ++*this; }
  Batch operator*() const { return typed(std::make_index_sequence<tensors>{}); }
  Iterator& operator++() {
    more_ = epoch_.next(raw_);
    loader_->given_ = more_ ? loader_->given_ + 1 : 0;
    loader_->under_way_ = more_;
    return *this;
  }
  void operator++(int) { ++*this; }
  bool operator==(End) const { return !more_; }

 private:
  template <std::size_t... I>
  Batch typed(std::index_sequence<I...>) const {
    return Batch{std::tuple_element_t<I, Batch>{raw_[I]}...};
  }

  Loader* loader_;
  detail::Epoch epoch_;
  core::Array raw_[tensors];
  bool more_ = false;
};

}  // namespace mushin::data
