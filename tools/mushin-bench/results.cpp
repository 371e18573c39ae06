#include "results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bench {

std::string time_text(double seconds) {
  struct Unit {
    double in_seconds;
    const char* name;
  };
  constexpr Unit units[] = {{1, "s"}, {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};
  for (const Unit& u : units)
    if (seconds >= u.in_seconds)
      return fmt::format("{:.{}f} {}", seconds / u.in_seconds,
                         seconds / u.in_seconds < 10    ? 2
                         : seconds / u.in_seconds < 100 ? 1
                                                        : 0,
                         u.name);
  return fmt::format("{:.2f} ns", seconds * 1e9);
}

void Result::add(const nlohmann::json& run) {
  for (const char* key : {"check", "loss_1", "loss_10"})
    if (run.contains(key)) values[key] = run[key];
  if (run.contains("sample")) sample = run["sample"].get<std::vector<float>>();
  peak_rss_mib = peak_rss_mib == 0 ? run["peak_rss_mib"].get<double>() : std::min(peak_rss_mib, run["peak_rss_mib"].get<double>());
  if (!run.contains("min_s")) return;
  const double least = run["min_s"], middle = run["median_s"];
  min_s = min_s == 0 ? least : std::min(min_s, least);
  median_s = median_s == 0 ? middle : std::min(median_s, middle);
  samples += run["samples"].get<std::int64_t>();
}

nlohmann::json Result::json() const {
  if (!error.empty()) return {{"error", error}};
  auto out = values.is_null() ? nlohmann::json::object() : values;
  out["peak_rss_mib"] = std::round(peak_rss_mib * 10) / 10;
  if (min_s > 0) out.update({{"min_s", min_s}, {"median_s", median_s}, {"samples", samples}});
  return out;
}

double Row::largest_difference() const {
  double worst = -1, scale = 1;
  for (const auto& [backend, r] : by_backend)
    for (float v : r.sample) scale = std::max(scale, std::abs(static_cast<double>(v)));
  for (auto a = by_backend.begin(); a != by_backend.end(); ++a)
    for (auto b = std::next(a); b != by_backend.end(); ++b) {
      const auto &x = a->second.sample, &y = b->second.sample;
      if (x.empty() || x.size() != y.size()) continue;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double d = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i])) / scale;
        worst = std::max(worst, std::isnan(d) ? HUGE_VAL : d);
      }
    }
  return worst;
}

double Row::best() const {
  double best = 0;
  for (const auto& [backend, r] : by_backend)
    if (r.min_s > 0 && (best == 0 || r.min_s < best)) best = r.min_s;
  return best;
}

std::string Row::rate(const Result& r) const {
  if (r.min_s <= 0) return {};
  if (flop > 0) return fmt::format("{:.0f} GFLOP/s", flop / r.min_s * 1e-9);
  if (bytes > 0) return fmt::format("{:.1f} GB/s", bytes / r.min_s * 1e-9);
  return {};
}

double Row::share(const Result& r, const Limits& limits) const {
  return r.min_s > 0 ? limits.least_time(flop, type, bytes, written) / r.min_s : 0;
}

const Limits& Report::limits_of(const std::string& backend) const {
  static const Limits unknown;
  const auto of_device = limits.find(backend), found = of_device == limits.end() ? limits.find("") : of_device;
  return found == limits.end() ? unknown : found->second;
}

nlohmann::json Report::json() const {
  nlohmann::json out{{"machine", machine}, {"backends", nlohmann::json::array()}, {"results", nlohmann::json::array()}};
  for (const Backend& b : backends) out["backends"].push_back({{"name", b.name}, {"description", b.description}, {"version", b.version}});
  for (const auto& [device, of] : limits) (device.empty() ? out["limits"] : out["device_limits"][device]) = of.json();
  for (const Row& row : rows)
    for (const auto& [backend, result] : row.by_backend) {
      auto entry = result.json();
      entry.update({{"workload", row.name}, {"backend", backend}});
      if (result.min_s > 0) {
        if (row.flop > 0) entry["gflop_per_s"] = row.flop / result.min_s * 1e-9;
        if (row.bytes > 0) entry["gb_per_s"] = row.bytes / result.min_s * 1e-9;
        entry["ratio_to_best"] = result.min_s / row.best();
        if (const double share = row.share(result, limits_of(backend)); share > 0) entry["share_of_limit"] = share;
      }
      if (const double d = row.largest_difference(); d >= 0) entry["largest_difference"] = d;
      out["results"].push_back(std::move(entry));
    }
  return out;
}

std::string Report::table() const {
  std::string out = fmt::format("{:<24}", "workload");
  for (const Backend& b : backends) out += fmt::format(" {:>11} {:>6} {:>14}{}", b.name, "ratio", "rate", limits.empty() ? "" : "  limit");
  out += fmt::format(" {:>10} {:>11}\n", "peak MiB", "difference");
  for (const Row& row : rows) {
    out += fmt::format("{:<24}", row.name);
    double rss = 0;
    std::string errors;
    for (const Backend& b : backends) {
      const auto found = row.by_backend.find(b.name);
      if (found == row.by_backend.end() || found->second.min_s <= 0) {
        out += fmt::format(" {:>11} {:>6} {:>14}", found != row.by_backend.end() && !found->second.error.empty() ? "failed" : "-", "", "");
        if (found != row.by_backend.end() && !found->second.error.empty())
          errors += fmt::format("    {}: {}\n", b.name, found->second.error);
        continue;
      }
      const Result& r = found->second;
      rss = std::max(rss, r.peak_rss_mib);
      out += fmt::format(" {:>11} {:>6.2f} {:>14}", time_text(r.min_s), r.min_s / row.best(), row.rate(r));
      if (!limits.empty()) out += fmt::format(" {:>5.0f}%", 100 * row.share(r, limits_of(b.name)));
    }
    const double d = row.largest_difference();
    out += fmt::format(" {:>10.0f} {:>11}\n{}", rss, d < 0 ? "" : fmt::format("{:.1e}", d), errors);
  }
  for (const auto& [device, of] : limits) out += of.text();
  return out;
}

}  // namespace bench
