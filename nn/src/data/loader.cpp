#include "mushin/nn/data/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "data/batches.hpp"
#include "data/random.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/random.hpp"

namespace mushin::data::detail {
namespace {

/// A batch that a worker has made, or why it couldn't.
struct Made {
  std::vector<core::Array> batch;
  std::exception_ptr failure;
  bool ready = false;
};

}  // namespace

/// Workers take the batches' numbers in turn and put what they make into the slot of that number; the reader takes slot after slot.
struct Epoch::Run {
  explicit Run(const Plan& p) : plan(p), order(order_of(p)), batches(batches_in(p.options, p.samples)), claimed(p.begin), taken(p.begin) {
    if (plan.options.prefetch == 0) return;
    slots.resize(static_cast<std::size_t>(std::max(plan.options.prefetch, plan.options.workers)));
    try {
      for (int i = 0; i < plan.options.workers; ++i) workers.emplace_back([this] { work(); });
    } catch (...) {  // the system has no more threads
      end();
      throw;
    }
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() { end(); }

  void end() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    room.notify_all();
    for (auto& worker : workers) worker.join();
  }

  Made& slot(std::int64_t number) { return slots[static_cast<std::size_t>(number) % slots.size()]; }
  Made make(std::int64_t number) const try { return {make_batch(plan, order, number), nullptr, true}; } catch (...) {
    return {{}, std::current_exception(), true};
  }

  void work() {
    for (;;) {
      std::int64_t number = 0;
      {
        std::unique_lock lock(mutex);
        room.wait(lock, [this] { return stop || claimed == batches || claimed - taken < static_cast<std::int64_t>(slots.size()); });
        if (stop || claimed == batches) return;
        number = claimed++;
      }
      Made made = make(number);
      {
        const std::lock_guard lock(mutex);
        if (made.failure) stop = true;  // the batches before are in somebody's hands already, those behind are not wanted
        slot(number) = std::move(made);
      }
      ready.notify_one();
    }
  }

  Made take() {
    if (workers.empty()) return made_of(make(taken));
    std::unique_lock lock(mutex);
    ready.wait(lock, [this] { return slot(taken).ready; });
    Made made = made_of(std::exchange(slot(taken), {}));
    lock.unlock();
    room.notify_one();
    return made;
  }
  /// What was taken; a failure is the last of its epoch.
  Made made_of(Made made) {
    taken = made.failure ? batches : taken + 1;
    return made;
  }

  const Plan plan;
  const std::vector<std::int64_t> order;
  const std::int64_t batches;
  std::vector<Made> slots;

  std::mutex mutex;
  std::condition_variable ready, room;
  std::int64_t claimed, taken;  // the next number for a worker, and for the reader
  bool stop = false;
  std::vector<std::thread> workers;
};

Epoch::Epoch(const Plan& plan) : run_(nullptr) {
  const auto& options = plan.options;
  if (plan.samples < 1) throw ShapeError(fmt::format("[Loader] a dataset must have a sample: it has {}", plan.samples).c_str());
  if (batches_in(options, plan.samples) == 0)
    throw ShapeError(
        fmt::format("[Loader] drop_last must leave a batch: .batch = {}, the dataset has {} samples", options.batch, plan.samples).c_str());
  run_ = new Run(plan);
}
Epoch::~Epoch() { delete run_; }

bool Epoch::next(core::Array* out) {
  Made made;
  if (run_->taken < run_->batches) made = run_->take();
  if (made.failure) std::rethrow_exception(made.failure);
  // Past the end the iterator holds nothing: the last batch's memory is free again.
  made.batch.resize(run_->plan.tensors);
  std::move(made.batch.begin(), made.batch.end(), out);
  return made.ready;
}

std::uint64_t check_options(const LoaderOptions& options) {
  if (options.batch < 1) throw ShapeError(fmt::format("[Loader] a batch has at least one sample: .batch = {}", options.batch).c_str());
  if (options.prefetch < 0) throw ShapeError(fmt::format("[Loader] prefetch is not negative: .prefetch = {}", options.prefetch).c_str());
  if (options.workers < 1) throw ShapeError(fmt::format("[Loader] there is at least one worker: .workers = {}", options.workers).c_str());
  if (options.seed) return *options.seed;
  if (!options.shuffle) return 0;
  std::int64_t drawn = 0;
  core::read_all(core::randint({}, 0, std::int64_t{1} << 62), &drawn);
  return static_cast<std::uint64_t>(drawn);
}

std::uint64_t seed_of_epoch(std::uint64_t seed, std::uint64_t epoch) { return seed_of_part(seed, epoch); }

}  // namespace mushin::data::detail
