#include "fit/log.hpp"

#include <fmt/format.h>

namespace mushin::nn::detail {
namespace {

/// A field of a table (RFC 4180).
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

std::string header(const std::vector<std::string>& metrics) {
  std::string out = "epoch,steps,loss,validation_loss";
  for (const auto& name : metrics) out += ',' + quoted(name);
  return out + ",lr,seconds\n";
}

/// Numbers with as many digits as bring the same number back; no validation, no number.
std::string row(const EpochRecord& e) {
  std::string out = fmt::format("{},{},{},", e.epoch, e.steps, e.loss);
  if (e.validation_loss) out += fmt::format("{}", *e.validation_loss);
  for (const double m : e.metrics) out += fmt::format(",{}", m);
  return out + fmt::format(",{},{:.3f}\n", e.lr, e.seconds);
}

}  // namespace

FitLog::FitLog(const std::string& folder, const History& before) {
  if (folder.empty()) return;
  make_folder(folder);
  std::string rows = header(before.metrics);
  for (const auto& e : before.epochs) rows += row(e);
  table_.emplace(folder + "/log.csv", rows);
  events_.emplace(folder);
}

void FitLog::epoch(const EpochRecord& e, const std::vector<std::string>& metrics) {
  if (!table_) return;
  table_->write(row(e));
  std::vector<Scalar> scalars{{"epoch/loss", e.loss}, {"epoch/lr", e.lr}};
  if (e.validation_loss) scalars.push_back({"epoch/validation_loss", *e.validation_loss});
  for (std::size_t m = 0; m < e.metrics.size(); ++m) scalars.push_back({"epoch/" + metrics[m], e.metrics[m]});
  events_->add(e.epoch, scalars);
}

void FitLog::step(std::int64_t step, double loss, double lr) {
  if (events_) events_->add(step, {{"step/loss", loss}, {"step/lr", lr}});
}

}  // namespace mushin::nn::detail
