#include "fit/saved.hpp"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "checkpoint.hpp"
#include "mushin/tensor/error.hpp"
#include "mushin/tensor/ops/transfer.hpp"

namespace mushin::nn::detail {
namespace {

constexpr const char* optimizer_prefix = "optimizer.";
constexpr const char* range_prefix = "range.";
constexpr const char* scaler_prefix = "scaler.";
constexpr std::int64_t counts = 6, sums = 5;  // numbers in fit.counts and fit.sums
constexpr std::size_t fixed_columns = 6;      // of fit.history; the metrics follow

core::Array numbers(const std::vector<std::int64_t>& v) {
  return core::from_values({static_cast<std::int64_t>(v.size())}, dtype::i64, v.data());
}
core::Array numbers(const std::vector<double>& v) { return core::from_values({static_cast<std::int64_t>(v.size())}, dtype::f64, v.data()); }

core::Array table_of(const History& history) {
  std::vector<double> rows;
  for (const auto& e : history.epochs) {
    rows.insert(rows.end(),
                {static_cast<double>(e.epoch), static_cast<double>(e.steps), e.loss, e.validation_loss.value_or(NAN), e.lr, e.seconds});
    rows.insert(rows.end(), e.metrics.begin(), e.metrics.end());
  }
  const auto columns = static_cast<std::int64_t>(fixed_columns + history.metrics.size());
  return core::from_values({static_cast<std::int64_t>(history.epochs.size()), columns}, dtype::f64, rows.data());
}

std::vector<EpochRecord> records_of(const core::Array& table, bool validated) {
  const auto columns = static_cast<std::size_t>(table.sizes()[1]);
  std::vector<double> rows(static_cast<std::size_t>(table.sizes().count()));
  core::read_all(table, rows.data());
  std::vector<EpochRecord> out;
  for (auto row = rows.begin(); row != rows.end(); row += static_cast<std::ptrdiff_t>(columns)) {
    EpochRecord e{.epoch = static_cast<std::int64_t>(row[0]), .steps = static_cast<std::int64_t>(row[1]), .loss = row[2]};
    if (validated) e.validation_loss = row[3];
    e.lr = row[4];
    e.seconds = row[5];
    e.metrics.assign(row + fixed_columns, row + static_cast<std::ptrdiff_t>(columns));
    out.push_back(std::move(e));
  }
  return out;
}

/// The file's entries under a prefix, without it.
StateDict entries_of(const Safetensors& file, const std::string& prefix) {
  StateDict out;
  for (std::size_t i = 0; i < file.size(); ++i)
    if (const std::string name = file[i].name; name.rfind(prefix, 0) == 0)
      out.push_back({name.substr(prefix.size()), file.read(name.c_str())});
  return out;
}

/// Steps left out: in each epoch so far, and in the one that is going on.
core::Array skipped_of(const History& history, const FitPlace& place) {
  std::vector<std::int64_t> skipped;
  for (const auto& e : history.epochs) skipped.push_back(e.skipped);
  skipped.push_back(place.skipped);
  return numbers(skipped);
}
/// What is wrong with the scaler's entries; empty: nothing.
std::string wrong_with_scaler(const GradScaler* scaler, const StateDict& saved) {
  if (!scaler) return saved.empty() ? "" : "extra state of one";
  if (saved.empty()) return "missing its state";
  try {
    GradScaler(*scaler).load_state_dict(saved);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

/// One sentence of all that doesn't fit, part by part; when there is nothing, the range is where it was.
std::string wrong_with(const Safetensors& file, const FitParts& parts, const StateDict& optimizer, const StateDict& range) {
  std::string out;
  const auto say = [&out](const char* part, const std::string& clauses) {
    if (!clauses.empty()) out += fmt::format("{}{}: {}", out.empty() ? "" : "; ", part, clauses);
  };
  say("module", differences(file, parts.state, net_prefix));
  say("optimiser", parts.optimizer.differences(optimizer));
  const auto columns = static_cast<std::int64_t>(fixed_columns + parts.settings.metrics.size());
  for (std::size_t i = 0; i < file.size(); ++i)
    if (const auto e = file[i]; std::strcmp(e.name, "fit.history") == 0 && (e.sizes.rank != 2 || e.sizes[1] != columns))
      say("metrics", fmt::format("{} columns of numbers, wanted {}", e.sizes.rank == 2 ? e.sizes[1] : 0, columns));
  say("scaler", wrong_with_scaler(parts.settings.scaler, entries_of(file, scaler_prefix)));
  const bool tells = parts.task.has_position();
  if (tells && range.empty()) say("batches", "missing the place in their range");
  if (!tells && !range.empty()) say("batches", "extra place in a range that cannot be restored");
  if (!tells || range.empty()) return out;
  const StateDict before = parts.task.position();
  try {
    parts.task.restore(range);
  } catch (const Error& e) {
    say("batches", e.what());
  }
  if (!out.empty()) parts.task.restore(before);
  return out;
}

}  // namespace

void save_fit(const std::string& path, const FitParts& parts, const FitPlace& place, const History& history) {
  StateDict entries;
  for (const auto& p : parts.state) entries.push_back({net_prefix + p.name, p.leaf.traced().value()});
  for (auto& e : parts.optimizer.state_dict()) entries.push_back({optimizer_prefix + e.name, std::move(e.value)});
  for (const auto& e : place.range) entries.push_back({range_prefix + e.name, e.value});
  const auto& s = parts.settings;
  if (s.scaler) {
    for (auto& e : s.scaler->state_dict()) entries.push_back({scaler_prefix + e.name, std::move(e.value)});
    entries.push_back({"fit.skipped", skipped_of(history, place)});
  }
  entries.push_back({"fit.counts", numbers(std::vector<std::int64_t>{
                                       place.steps, place.batches, place.samples, s.schedule ? s.schedule->steps() : 0,
                                       std::bit_cast<std::int64_t>(place.random.key), std::bit_cast<std::int64_t>(place.random.counter)})});
  const auto plateau = s.plateau ? s.plateau->state() : std::array<double, 3>{};
  entries.push_back({"fit.sums", numbers(std::vector<double>{place.loss, place.seconds, plateau[0], plateau[1], plateau[2]})});
  entries.push_back({"fit.history", table_of(history)});
  std::vector<NamedTensor> tensors;
  for (const auto& e : entries) tensors.emplace_back(e.name.c_str(), e.value);
  save_safetensors(path, tensors, {{checkpoint_mark, "1"}});
}

FitPlace load_fit(const std::string& path, const FitParts& parts, History& history) {
  const Safetensors file(path);
  const char* mark = file.metadata(checkpoint_mark);
  if (!mark || std::strcmp(mark, "1") != 0) throw FileError(fmt::format("[fit] not a checkpoint of nn::fit: {}", path).c_str());
  const StateDict optimizer = entries_of(file, optimizer_prefix);
  FitPlace place;
  place.range = entries_of(file, range_prefix);
  if (const auto wrong = wrong_with(file, parts, optimizer, place.range); !wrong.empty())
    throw FileError(fmt::format("[fit] the checkpoint must be of this training: {}: {}", path, wrong).c_str());

  const auto count = file.get<std::int64_t, counts>("fit.counts").to_vector();
  const auto sum = file.get<double, sums>("fit.sums").to_vector();
  const core::Array table = file.get<double, dyn, dyn>("fit.history").raw();
  const auto skipped = parts.settings.scaler ? file.get<std::int64_t, dyn>("fit.skipped").to_vector() : std::vector<std::int64_t>();
  if (parts.settings.scaler && static_cast<std::int64_t>(skipped.size()) != table.sizes()[0] + 1)
    throw FileError(fmt::format("[fit] a checkpoint must count the steps left out of each epoch: {} counts for {} epochs in {}",
                                skipped.size(), table.sizes()[0], path)
                        .c_str());
  std::vector<core::Array> values = read_values(file, parts.state, net_prefix);

  parts.optimizer.load_state_dict(optimizer);
  Parameters state;
  for (const auto& p : parts.state) state.push_back({p.name, p.leaf.alias()});
  for (std::size_t i = 0; i < values.size(); ++i) state[i].leaf.value() = std::move(values[i]);
  const auto& s = parts.settings;
  if (s.schedule) s.schedule->resume(count[3]);
  if (s.plateau) s.plateau->restore({sum[2], sum[3], sum[4]});
  history.epochs = records_of(table, s.validates);
  if (s.scaler) {
    s.scaler->load_state_dict(entries_of(file, scaler_prefix));
    for (std::size_t e = 0; e < history.epochs.size(); ++e) history.epochs[e].skipped = skipped[e];
    place.skipped = skipped.back();
  }
  place.steps = count[0], place.batches = count[1], place.samples = count[2];
  place.random = {std::bit_cast<std::uint64_t>(count[4]), std::bit_cast<std::uint64_t>(count[5])};
  place.loss = sum[0], place.seconds = sum[1];
  return place;
}

StateDict state_of_bytes(const void* bytes, std::size_t size) {
  return {{"state", core::from_values({static_cast<std::int64_t>(size)}, dtype::u8, bytes)}};
}
core::Array only_value(const StateDict& state, const core::Array& like) {
  if (state.size() != 1 || state[0].value.sizes() != like.sizes() || state[0].value.type() != like.type())
    throw FileError(fmt::format("[fit] the place in the range must be told by one {}: it has {}", described(like),
                                state.empty() ? "nothing" : described(state[0].value))
                        .c_str());
  return state[0].value;
}
void bytes_of_state(const StateDict& state, void* bytes, std::size_t size) {
  core::read_all(only_value(state, state_of_bytes(bytes, size)[0].value), bytes);
}

}  // namespace mushin::nn::detail
