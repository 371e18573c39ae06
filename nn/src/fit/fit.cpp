#include "mushin/nn/fit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>

#include "fit/interrupt.hpp"
#include "fit/log.hpp"
#include "fit/saved.hpp"
#include "mushin/autograd/ops/pointwise.hpp"
#include "mushin/nn/optimizers/clip.hpp"
#include "mushin/nn/progress.hpp"
#include "mushin/tensor/core/random_state.hpp"
#include "mushin/tensor/error.hpp"

namespace mushin::nn::detail {

FitTask::~FitTask() = default;

std::string not_finite(const core::Array& a) {
  std::vector<double> values(static_cast<std::size_t>(a.sizes().count()));
  core::read_all(core::cast(a, dtype::f64), values.data());
  const auto found = std::find_if_not(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
  if (found == values.end()) return {};
  std::string at;
  std::int64_t i = found - values.begin();
  for (unsigned axis = a.rank(); axis-- > 0; i /= a.sizes()[axis])
    at = fmt::format("{}{}{}", i % a.sizes()[axis], at.empty() ? "" : ", ", at);
  return fmt::format("{} at ({})", *found, at);
}

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void check(bool good, const std::string& rule) {
  if (!good) throw Error(("[fit] " + rule).c_str());
}

void check_settings(const FitSettings& s) {
  check(s.epochs >= 0, fmt::format(".epochs must not be negative: {}", s.epochs));
  check(s.log_steps >= 0, fmt::format(".log_steps must not be negative: {}", s.log_steps));
  check(s.checkpoint_steps >= 0, fmt::format(".checkpoint_steps must not be negative: {}", s.checkpoint_steps));
  check(!s.checkpoint.empty() || (!s.resume && s.checkpoint_steps == 0),
        ".resume and .checkpoint_steps need a folder: .checkpoint is empty");
  check(s.metrics.empty() || s.validates, fmt::format(".metrics are of the validation: give .validate for {}", fmt::join(s.metrics, ", ")));
  check(s.monitor.empty() || std::count(s.metrics.begin(), s.metrics.end(), s.monitor) == 1,
        fmt::format(".monitor must be one of the metrics: '{}' of '{}'", s.monitor, fmt::join(s.metrics, "', '")));
  if (s.early_stop)
    check(s.early_stop->patience > 0, fmt::format(".early_stop needs a patience of one epoch at least: {}", s.early_stop->patience));
  if (s.early_stop)
    check(s.early_stop->min_delta >= 0, fmt::format(".early_stop's min_delta must not be negative: {}", s.early_stop->min_delta));
  check(!s.schedule || !s.plateau, "both .schedule and .plateau set the learning rate: give one of them");
  check(s.clip_norm >= 0 && s.clip_value >= 0,
        fmt::format(".clip_norm and .clip_value must not be negative: {} and {}", s.clip_norm, s.clip_value));
}

/// Values of the buffers: what a forward pass may change.
class Buffers {
 public:
  Buffers(const Parameters& parameters, const Parameters& state) {
    for (const auto& s : state)
      if (std::none_of(parameters.begin(), parameters.end(),
                       [&s](const Parameter& p) { return p.leaf.traced().node() == s.leaf.traced().node(); }))
        leaves_.push_back(s.leaf.alias());
  }
  void note() {
    values_.clear();
    for (const auto& leaf : leaves_) values_.push_back(leaf.traced().value());
  }
  void forget() { values_.clear(); }
  void bring_back() {
    for (std::size_t i = 0; i < leaves_.size(); ++i) leaves_[i].set(values_[i]);
  }

 private:
  std::vector<core::Leaf> leaves_;
  std::vector<core::Array> values_;
};

/// nn::eval until it ends, also by an error.
class Evaluating {
 public:
  explicit Evaluating(FitTask& task) : task_(task) { task_.set_training(false); }
  Evaluating(const Evaluating&) = delete;
  Evaluating& operator=(const Evaluating&) = delete;
  ~Evaluating() { task_.set_training(true); }

 private:
  FitTask& task_;
};

class Loop {
 public:
  Loop(FitTask& task, Optimizer& optimizer, const Parameters& parameters, const Parameters& state, const FitSettings& settings)
      : task_(task), optimizer_(optimizer), settings_(settings), parts_{state, optimizer, settings, task}, buffers_(parameters, state) {}

  History run();

 private:
  std::string file(const char* name) const { return settings_.checkpoint + "/" + name; }
  void resume();
  bool begin_epoch();
  void step();
  double learn(const FitForward&);
  bool run_epoch();
  void finish_epoch();
  void validate(EpochRecord&);
  double monitored(const EpochRecord&) const;
  bool better(double value, double than, double by) const;
  std::int64_t best_epoch(double min_delta) const;
  FitPlace here() const;
  void save(const char* name, const FitPlace& place) const {
    if (!settings_.checkpoint.empty()) save_fit(file(name), parts_, place, history_);
  }

  FitTask& task_;
  Optimizer& optimizer_;
  const FitSettings& settings_;
  FitParts parts_;
  Buffers buffers_;
  History history_;
  FitPlace at_;
  double begun_ = 0, lr_ = 0;
  std::optional<FitLog> log_;
  std::optional<Interrupts> interrupts_;
};

History Loop::run() {
  check_settings(settings_);
  history_.metrics = settings_.metrics;
  if (!settings_.checkpoint.empty()) make_folder(settings_.checkpoint);
  if (settings_.resume && std::filesystem::exists(file("last.safetensors"))) resume();
  history_.best = best_epoch(0);
  log_.emplace(settings_.log_dir, history_);
  interrupts_.emplace(settings_.interruptible);
  task_.set_training(true);
  optimizer_.zero_grad();
  while (static_cast<std::int64_t>(history_.epochs.size()) < settings_.epochs) {
    const auto done = static_cast<std::int64_t>(history_.epochs.size());
    if (settings_.early_stop && done - best_epoch(settings_.early_stop->min_delta) >= settings_.early_stop->patience) {
      history_.end = FitEnd::stopped_early;
      break;
    }
    if (interrupts_->asked() || !run_epoch()) {
      history_.end = FitEnd::interrupted;
      break;
    }
  }
  return std::move(history_);
}

void Loop::resume() {
  at_ = load_fit(file("last.safetensors"), parts_, history_);
  if (!task_.has_position())
    for (std::size_t e = 0; e < history_.epochs.size(); ++e) task_.begin(), task_.leave();
  core::set_random_state(at_.random);
}

/// To the first batch that was not seen. Its making may draw random numbers, as it did in the run that was cut off: after those before.
bool Loop::begin_epoch() {
  if (task_.has_position() || at_.batches == 0) return task_.begin();
  bool more = task_.begin();
  for (std::int64_t i = 1; more && i < at_.batches; ++i) more = task_.next();
  core::set_random_state(at_.random);
  return more && task_.next();
}

FitPlace Loop::here() const {
  FitPlace place = at_;
  place.seconds += now() - begun_;
  place.random = core::random_state();
  if (task_.has_position()) place.range = task_.position();
  return place;
}

double Loop::learn(const FitForward& f) {
  double loss;
  core::read_one("fit", core::cast(f.loss.value(), dtype::f64), nullptr, &loss);
  if (!std::isfinite(loss)) return loss;
  buffers_.forget();
  GradScaler* const scaler = settings_.scaler;
  core::backward(scaler ? core::mul(f.loss, core::literal(scaler->scale(), f.loss.type())) : f.loss, false);
  if (scaler) scaler->unscale(optimizer_);
  // Those that the step uses, and that are unscaled: what the optimiser doesn't have gathers gradients that nobody zeroes.
  if (settings_.clip_norm > 0) clip_grad_norm(optimizer_.parameters(), settings_.clip_norm);
  if (settings_.clip_value > 0) clip_grad_value(optimizer_.parameters(), settings_.clip_value);
  if (!scaler)
    optimizer_.step();
  else if (!scaler->step(optimizer_))
    ++at_.skipped;
  if (scaler) scaler->update();
  optimizer_.zero_grad();
  return loss;
}

void Loop::step() {
  const core::RandomDraw random = core::random_state();
  buffers_.note();
  const FitForward forward = task_.forward();
  lr_ = optimizer_.groups() ? optimizer_.lr() : 0;
  const double loss = learn(forward);
  if (!std::isfinite(loss)) {
    buffers_.bring_back();
    core::set_random_state(random);
    const std::string blamed = task_.blame();
    throw Error(fmt::format("[fit] the loss must be finite: {} in epoch {}, step {} of it{}", loss, history_.epochs.size() + 1,
                            at_.batches + 1, blamed.empty() ? "" : ": " + blamed)
                    .c_str());
  }
  ++at_.steps, ++at_.batches;
  at_.samples += forward.samples;
  at_.loss += loss * static_cast<double>(forward.samples);
  if (settings_.schedule && settings_.schedule_each == Each::step) settings_.schedule->step();
  if (settings_.log_steps > 0 && at_.steps % settings_.log_steps == 0) log_->step(at_.steps, loss, lr_);
}

/// False when it was interrupted before its end.
bool Loop::run_epoch() {
  begun_ = now();
  const std::string title = fmt::format("epoch {}/{}", history_.epochs.size() + 1, settings_.epochs);
  std::optional<Progress> progress;
  if (settings_.progress) progress.emplace(settings_.progress, title.c_str(), std::max<std::int64_t>(task_.batches(), 0));
  if (progress && at_.batches > 0) progress->advance(at_.batches, at_.loss / static_cast<double>(std::max<std::int64_t>(at_.samples, 1)));
  for (bool more = begin_epoch(); more;) {
    const double before = at_.loss;
    const std::int64_t samples = at_.samples;
    step();
    if (progress) progress->advance(1, (at_.loss - before) / static_cast<double>(std::max<std::int64_t>(at_.samples - samples, 1)));
    const bool stop = interrupts_->asked(), due = settings_.checkpoint_steps > 0 && at_.steps % settings_.checkpoint_steps == 0;
    // As it is before the next batch is made.
    const std::optional<FitPlace> place = stop || due ? std::optional(here()) : std::nullopt;
    more = task_.next();
    if (more && place) save("last.safetensors", *place);
    if (more && stop) {
      task_.leave();
      return false;
    }
  }
  task_.leave();
  progress.reset();
  finish_epoch();
  return true;
}

void Loop::validate(EpochRecord& record) {
  const Evaluating evaluating(task_);
  const FitSums sums = task_.validate();
  check(sums.samples > 0, fmt::format("the validation data must have a sample: after epoch {} there was none", record.epoch));
  const auto samples = static_cast<double>(sums.samples);
  record.validation_loss = sums.loss / samples;
  for (const double m : sums.metrics) record.metrics.push_back(m / samples);
}

void Loop::finish_epoch() {
  EpochRecord record{.epoch = static_cast<std::int64_t>(history_.epochs.size()) + 1, .steps = at_.steps};
  check(at_.samples > 0, fmt::format("the training data must have a sample: in epoch {} there was none", record.epoch));
  record.loss = at_.loss / static_cast<double>(at_.samples);
  record.lr = lr_;
  if (settings_.validates) validate(record);
  if (settings_.schedule && settings_.schedule_each == Each::epoch) settings_.schedule->step();
  if (settings_.plateau) settings_.plateau->step(monitored(record));
  record.skipped = at_.skipped;
  record.seconds = at_.seconds + (now() - begun_);
  history_.epochs.push_back(record);
  history_.best = best_epoch(0);
  at_ = {.steps = at_.steps};
  begun_ = now();
  if (history_.best == record.epoch) save("best.safetensors", here());
  save("last.safetensors", here());
  log_->epoch(record, history_.metrics);
  if (settings_.on_epoch) settings_.on_epoch(record);
}

double Loop::monitored(const EpochRecord& record) const {
  if (settings_.monitor.empty()) return record.validation_loss.value_or(record.loss);
  const auto found = std::find(settings_.metrics.begin(), settings_.metrics.end(), settings_.monitor);
  return record.metrics[static_cast<std::size_t>(found - settings_.metrics.begin())];
}

/// NaN is not better than anything.
bool Loop::better(double value, double than, double by) const { return settings_.maximize ? value > than + by : value < than - by; }

std::int64_t Loop::best_epoch(double min_delta) const {
  std::int64_t best = 0;
  double value = settings_.maximize ? -HUGE_VAL : HUGE_VAL;
  for (const auto& e : history_.epochs)
    if (better(monitored(e), value, min_delta)) best = e.epoch, value = monitored(e);
  return best;
}

}  // namespace

History run_fit(FitTask& task, Optimizer& optimizer, Parameters parameters, Parameters state, const FitSettings& settings) {
  return Loop(task, optimizer, parameters, state, settings).run();
}

}  // namespace mushin::nn::detail
