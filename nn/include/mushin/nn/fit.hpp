#pragma once
#include "mushin/nn/fit/task.hpp"

namespace mushin::nn {

/// What a module gives for a batch: all of its tensors but the last, the target, are inputs.
template <class Net, class Batch>
auto predict(const Net& net, const Batch& batch) {
  static_assert(std::tuple_size_v<Batch> > 1, "[fit] a batch must be a tuple of inputs and a target: (x, y)");
  return [&]<std::size_t... I>(std::index_sequence<I...>) { return net(std::get<I>(batch)...); }
  (std::make_index_sequence<std::tuple_size_v<Batch> - 1>{});
}
/// The type of a batch's target: its last tensor.
template <class Batch>
using target_of = std::tuple_element_t<std::tuple_size_v<Batch> - 1, Batch>;
/// The same without a graph: constants.
template <class Net, class Batch>
auto predict_constants(const Net& net, const Batch& batch) {
  return no_grad([&] { return predict(net, batch); });
}
/// The type of what predict_constants gives.
template <class Net, class Batch>
using prediction_of = decltype(predict_constants(std::declval<const Net&>(), std::declval<const Batch&>()));

/// The options of a training, for whoever wants to name them.
template <class Net, class Range>
using FitOptionsOf = FitOptions<detail::batch_in<Range>, prediction_of<Net, detail::batch_in<Range>>, target_of<detail::batch_in<Range>>>;

namespace detail {

template <class Batch>
inline constexpr std::size_t inputs_of = std::tuple_size_v<Batch> - 1;

/// The position of a range that can tell it and take it back.
template <class Range>
concept Resumable = requires(Range& range, const Range& read) {
  range.restore(read.state());
};

/// `state.tensor()`, and back: what data::Loader gives.
template <class State>
inline constexpr bool told_by_tensor = requires(const State& s) {
  State{s.tensor()};
};

template <class Net, class Range, class Loss>
class FitOf final : public FitTask {
  using Batch = batch_in<Range>;
  using Options = FitOptionsOf<Net, Range>;
  using Iterator = decltype(std::begin(std::declval<Range&>()));

 public:
  FitOf(Net& net, Range& range, const Loss& loss, const Options& options) : net_(net), range_(range), loss_(loss), options_(options) {}

  void set_training(bool training) override { training ? nn::train(net_) : nn::eval(net_); }
  std::int64_t batches() const override {
    if constexpr (requires { std::size(range_); })
      return static_cast<std::int64_t>(std::size(range_));
    else
      return -1;
  }
  bool begin() override {
    at_.emplace(std::begin(range_));
    return *at_ != std::end(range_);
  }
  bool next() override {
    ++*at_;
    return *at_ != std::end(range_);
  }
  void leave() override { at_.reset(); }

  FitForward forward() override {
    auto&& batch = **at_;
    auto loss = loss_(predict(net_, batch), std::get<inputs_of<Batch>>(batch));
    return {core::Traced(loss.raw()), samples_of(batch)};
  }

  std::string blame() const override {
    std::string out;
    std::size_t i = 0;
    const auto look = [&](const auto& tensor) {
      if (const std::string found = not_finite(tensor.raw()); out.empty() && !found.empty())
        out = (i < inputs_of<Batch> ? "input " + std::to_string(i + 1) : "the target") + (" has " + found);
      ++i;
    };
    auto&& batch = **at_;
    std::apply([&](const auto&... tensor) { (look(tensor), ...); }, batch);
    return out;
  }

  FitSums validate() override {
    FitSums sums;
    sums.metrics.resize(options_.metrics.size());
    options_.validate.each([&](const Batch& batch) {
      const auto& target = std::get<inputs_of<Batch>>(batch);
      const auto prediction = predict_constants(net_, batch);
      const auto loss = no_grad([&] { return loss_(prediction, target); });
      const auto weight = static_cast<double>(samples_of(batch));
      sums.samples += samples_of(batch);
      sums.loss += weight * static_cast<double>(loss.item());
      for (std::size_t m = 0; m < sums.metrics.size(); ++m) sums.metrics[m] += weight * options_.metrics[m](prediction, target);
    });
    return sums;
  }

  bool has_position() const override { return Resumable<Range>; }
  StateDict position() const override {
    if constexpr (Resumable<Range>) {
      const auto state = std::as_const(range_).state();
      using State = std::remove_const_t<decltype(state)>;
      if constexpr (std::same_as<State, StateDict>)
        return state;
      else if constexpr (told_by_tensor<State>)
        return {{"state", state.tensor().raw()}};
      else
        return state_of_bytes(&state, sizeof state);
    }
    return {};
  }
  void restore([[maybe_unused]] const StateDict& saved) override {
    if constexpr (Resumable<Range>) {
      auto state = std::as_const(range_).state();
      using State = decltype(state);
      static_assert(std::same_as<State, StateDict> || told_by_tensor<State> || std::is_trivially_copyable_v<State>,
                    "[fit] the state of a range must be a StateDict, be made of its tensor(), or be trivially copyable");
      if constexpr (std::same_as<State, StateDict>)
        state = saved;
      else if constexpr (told_by_tensor<State>)
        state = State{decltype(state.tensor()){only_value(saved, state.tensor().raw())}};
      else
        bytes_of_state(saved, &state, sizeof state);
      range_.restore(state);
    }
  }

 private:
  static std::int64_t samples_of(const Batch& batch) {
    const auto& shape = std::get<0>(batch).shape();
    return shape.rank ? shape[0] : 1;
  }

  Net& net_;
  Range& range_;
  const Loss& loss_;
  const Options& options_;
  std::optional<Iterator> at_;
};

}  // namespace detail

/// Trains a module: `nn::fit(net, train, loss, opt, {.epochs = 5, .validate = test, .progress = stderr});`
///
/// `train`: a range of batches, tuples (x, y) or (x1, x2, …, y) of tensors with the samples along their first axis, that is gone through
/// once an epoch. `loss(net(x…), y)`: a scalar, the mean over the batch. Each step is the loss, its backward pass, clipping, `opt.step()`
/// and `opt.zero_grad()`; it waits for the loss. With `.scaler` the backward pass is of the scaled loss, and a step whose gradients
/// overflowed is left out: it counts as a step, for schedules too, and in `EpochRecord::skipped`. For narrow products an nn::autocast has
/// to live during the call. Validation runs after each epoch, after nn::eval(net), and records no graph; training
/// after nn::train(net), and so the module is left.
///
/// With `.checkpoint`, a file holds all that the next step depends on: parameters, buffers, optimiser, schedule, scaler, random numbers,
/// place in the range. `.resume = true` goes on from there, bit for bit, also from within an epoch. A range that has `state()` and
/// `restore(state)` is restored; another one is begun as often as it was, and what was seen of the epoch is passed over. nn::load(net,
/// file) reads the module alone. `.epochs` counts those before as well, and so does the History.
///
/// SIGINT (Ctrl-C) ends the training after the step, with a checkpoint if there is to be one, and the History says so; a second one does
/// what it did before. Errors come out as they are; Error when options make no sense, there is no batch, or the loss is not finite: the
/// last is told with its epoch and step, and what of the batch isn't finite, and then the module and the random numbers are as they were
/// before the step. FileError when a file cannot be written (the one before is kept), or the checkpoint is of something else: one error
/// with all differences.
template <Module Net, class Range, class Loss>
History fit(Net& net, Range&& train, const Loss& loss, Optimizer& opt, FitOptionsOf<Net, std::remove_reference_t<Range>> options = {}) {
  using Batch = detail::batch_in<Range>;
  using L = decltype(loss(predict(net, std::declval<const Batch&>()), std::declval<const target_of<Batch>&>()));
  static_assert(TensorLike<L> && L::extents.rank == 0, "[fit] the loss must be a scalar: the mean over the batch");
  static_assert(!Constant<L>, "[fit] the loss must come from the network's parameters: a constant has no gradient");
  std::vector<std::string> names;
  for (const auto& metric : options.metrics) names.push_back(metric.name());
  const detail::FitSettings settings{.epochs = options.epochs,
                                     .validates = static_cast<bool>(options.validate),
                                     .metrics = std::move(names),
                                     .progress = options.progress,
                                     .log_dir = options.log_dir,
                                     .log_steps = options.log_steps,
                                     .checkpoint = options.checkpoint,
                                     .checkpoint_steps = options.checkpoint_steps,
                                     .resume = options.resume,
                                     .early_stop = options.early_stop,
                                     .monitor = options.monitor,
                                     .maximize = options.maximize,
                                     .schedule = options.schedule,
                                     .schedule_each = options.schedule_each,
                                     .plateau = options.plateau,
                                     .scaler = options.scaler,
                                     .clip_norm = options.clip_norm,
                                     .clip_value = options.clip_value,
                                     .interruptible = options.interruptible,
                                     .on_epoch = options.on_epoch};
  detail::FitOf<Net, std::remove_reference_t<Range>, Loss> task(net, train, loss, options);
  return detail::run_fit(task, opt, parameters(net), state(net), settings);
}

}  // namespace mushin::nn
