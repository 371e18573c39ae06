#include "mushin/nn/data/loader.hpp"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <numeric>
#include <thread>
#include <vector>

#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/random.hpp"

namespace mushin::data::detail {
namespace {

/// splitmix64: small, and the same everywhere, which std::shuffle is not.
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

/// Uniform in [0, n). Lemire's multiplication; its bias is below n / 2^64.
std::uint64_t below(std::uint64_t n, std::uint64_t& state) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(next_random(state)) * n >> 64);
}

std::vector<std::int64_t> order_of(const Epoch::Plan& plan) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(plan.samples));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::uint64_t state = plan.seed;
  if (plan.options.shuffle)
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[below(i, state)]);
  return order;
}

using Tensors = std::vector<core::Array>;

}  // namespace

struct Epoch::Run {
  explicit Run(const Plan& p) : plan(p), order(order_of(p)) {
    if (plan.options.prefetch > 0) worker = std::thread([this] { prepare_all(); });
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() {
    if (!worker.joinable()) return;
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    room.notify_one();
    worker.join();
  }

  bool prepare(std::int64_t number, Tensors& out) const {
    const std::int64_t begin = number * plan.options.batch, left = plan.samples - begin;
    if (left <= 0 || (plan.options.drop_last && left < plan.options.batch)) return false;
    out.resize(plan.tensors);
    plan.make(plan.dataset, {order.data() + begin, left < plan.options.batch ? left : plan.options.batch}, out.data());
    return true;
  }

  void prepare_all() {
    std::exception_ptr thrown;
    try {
      Tensors batch;
      for (std::int64_t i = 0; prepare(i, batch); ++i)
        if (!put(std::move(batch))) return;
    } catch (...) {
      thrown = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex);
      failure = std::move(thrown);
      done = true;
    }
    ready.notify_one();
  }

  bool put(Tensors batch) {
    {
      std::unique_lock lock(mutex);
      room.wait(lock, [this] { return stop || waiting.size() < static_cast<std::size_t>(plan.options.prefetch); });
      if (stop) return false;
      waiting.push_back(std::move(batch));
    }
    ready.notify_one();
    return true;
  }

  bool take(Tensors& out) {
    if (!worker.joinable()) return prepare(taken++, out);
    {
      std::unique_lock lock(mutex);
      ready.wait(lock, [this] { return done || !waiting.empty(); });
      if (waiting.empty()) {
        if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
        return false;
      }
      out = std::move(waiting.front());
      waiting.pop_front();
    }
    room.notify_one();
    return true;
  }

  const Plan plan;
  const std::vector<std::int64_t> order;
  std::int64_t taken = 0;

  std::mutex mutex;
  std::condition_variable ready, room;
  std::deque<Tensors> waiting;
  std::exception_ptr failure;
  bool done = false, stop = false;
  std::thread worker;  // last: it uses all of the above
};

Epoch::Epoch(const Plan& plan) : run_(new Run(plan)) {}
Epoch::~Epoch() { delete run_; }

bool Epoch::next(core::Array* out) {
  Tensors batch;
  const bool more = run_->take(batch);
  // Past the end the iterator holds nothing: the last batch's memory is free again.
  for (unsigned i = 0; i < run_->plan.tensors; ++i) out[i] = more ? std::move(batch[i]) : core::Array{};
  return more;
}

std::uint64_t check_options(const LoaderOptions& options) {
  if (options.batch < 1) throw ShapeError(fmt::format("[Loader] a batch has at least one sample: .batch = {}", options.batch).c_str());
  if (options.prefetch < 0) throw ShapeError(fmt::format("[Loader] prefetch is not negative: .prefetch = {}", options.prefetch).c_str());
  if (options.seed) return *options.seed;
  if (!options.shuffle) return 0;
  std::int64_t drawn = 0;
  core::read_all(core::randint({}, 0, std::int64_t{1} << 62), &drawn);
  return static_cast<std::uint64_t>(drawn);
}

std::uint64_t seed_of_epoch(std::uint64_t seed, std::uint64_t epoch) {
  std::uint64_t state = seed ^ epoch * 0xD1342543DE82EF95u;
  return next_random(state);
}

}  // namespace mushin::data::detail
