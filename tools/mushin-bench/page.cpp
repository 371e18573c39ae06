#include "page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::array<const char*, 5> colours{"#2563eb", "#ea580c", "#16a34a", "#9333ea", "#525252"};
const char* colour(std::size_t i) { return colours[i % colours.size()]; }

constexpr const char* head = R"(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>mushin: report</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1f2937; background: #fff }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #e5e7eb }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums } th, td { padding: .25rem .6rem; text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #d1d5db } tbody tr:nth-child(even) { background: #f9fafb }
small, .what { color: #6b7280 } .best { font-weight: 600 } .error { color: #b91c1c; text-align: left } .key { display: inline-block; width: .8rem; height: .8rem; margin-right: .3rem }
svg { max-width: 100%; height: auto } svg text { font: 12px system-ui, sans-serif; fill: #374151 } dl { display: grid; grid-template-columns: max-content auto; gap: .1rem 1rem } dd { margin: 0 }
</style></head><body>
)";

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string legend(const std::vector<std::string>& names) {
  std::string out = "<p>";
  for (std::size_t i = 0; i < names.size(); ++i)
    out += fmt::format(R"(<span class="key" style="background:{}"></span>{} &nbsp; )", colour(i), escaped(names[i]));
  return out + "</p>\n";
}

std::string cell(const Row& row, const Result* r) {
  if (!r) return "<td>–</td>";
  if (!r->error.empty()) return fmt::format(R"(<td class="error">{}</td>)", escaped(r->error));
  if (r->min_s <= 0) return "<td>–</td>";
  const std::string rate = row.rate(*r);
  return fmt::format("<td{}>{} <small>{:.2f}×{}{}</small></td>", r->min_s == row.best() ? " class=\"best\"" : "", time_text(r->min_s),
                     r->min_s / row.best(), rate.empty() ? "" : "<br>", rate);
}

const Result* result_of(const Row& row, const Backend& b) {
  const auto found = row.by_backend.find(b.name);
  return found == row.by_backend.end() ? nullptr : &found->second;
}

std::string comparison_table(const Report& report) {
  std::string out = "<table><thead><tr><th>workload</th>";
  for (const Backend& b : report.backends) out += fmt::format("<th>{}</th>", escaped(b.name));
  out += "<th>peak memory</th><th>largest difference</th></tr></thead><tbody>\n";
  for (const Row& row : report.rows) {
    out += fmt::format(R"(<tr><td>{}<br><small>{}</small></td>)", escaped(row.name), escaped(row.what));
    double rss = 0;
    for (const Backend& b : report.backends) {
      const Result* r = result_of(row, b);
      out += cell(row, r);
      if (r) rss = std::max(rss, r->peak_rss_mib);
    }
    const double d = row.largest_difference();
    out += fmt::format("<td>{:.0f} MiB</td><td>{}</td></tr>\n", rss, d < 0 ? "–" : fmt::format("{:.1e}", d));
  }
  return out + "</tbody></table>\n";
}

/// Bars of each backend's speed, the fastest of a row being full length.
std::string comparison_bars(const Report& report) {
  constexpr int label = 190, length = 560, bar = 12, gap = 10;
  const int n = static_cast<int>(report.backends.size()), group = n * (bar + 2) + gap;
  std::string out = fmt::format(R"(<svg viewBox="0 0 {} {}" role="img" aria-label="speed of each backend">)", label + length + 110,
                                static_cast<int>(report.rows.size()) * group + gap);
  int y = gap;
  for (const Row& row : report.rows) {
    out += fmt::format(R"(<text x="0" y="{}">{}</text>)", y + group / 2, escaped(row.name));
    for (std::size_t i = 0; i < report.backends.size(); ++i, y += bar + 2) {
      const Result* r = result_of(row, report.backends[i]);
      if (!r || r->min_s <= 0) continue;
      const double width = length * row.best() / r->min_s;
      out += fmt::format(R"(<rect x="{}" y="{}" width="{:.1f}" height="{}" fill="{}"/><text x="{:.1f}" y="{}">{}</text>)", label, y, width,
                         bar, colour(i), label + width + 6, y + bar - 2, time_text(r->min_s));
    }
    y += gap;
  }
  return out + "</svg>\n";
}

/// One quantity of every run against the epoch.
std::string chart(const std::vector<Curve>& curves, const char* key, const char* title) {
  constexpr double left = 60, top = 30, width = 380, height = 220;
  double low = HUGE_VAL, high = -HUGE_VAL, last = 1;
  for (const Curve& c : curves)
    for (const auto& e : c.epochs) {
      low = std::min(low, e.at(key).get<double>()), high = std::max(high, e.at(key).get<double>());
      last = std::max(last, e.at("epoch").get<double>());
    }
  const double spread = high > low ? high - low : 1;
  low -= spread * 0.05, high = low + spread * 1.1;
  const auto x = [&](double epoch) { return left + width * (last > 1 ? (epoch - 1) / (last - 1) : 0.5); };
  const auto y = [&](double value) { return top + height * (high - value) / (high - low); };
  std::string out =
      fmt::format(R"(<svg viewBox="0 0 460 290" width="460" role="img" aria-label="{0}"><text x="{1}" y="18" font-weight="600">{0}</text>)",
                  title, left);
  for (int i = 0; i <= 4; ++i) {
    const double value = low + (high - low) * i / 4;
    out += fmt::format(
        R"(<line x1="{0}" x2="{1}" y1="{2:.1f}" y2="{2:.1f}" stroke="#e5e7eb"/><text x="{3}" y="{4:.1f}" text-anchor="end">{5:.3g}</text>)",
        left, left + width, y(value), left - 6, y(value) + 4, value);
  }
  for (int epoch = 1; epoch <= static_cast<int>(last); epoch += std::max(1, static_cast<int>(last) / 10))
    out += fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", x(epoch), top + height + 18, epoch);
  for (std::size_t i = 0; i < curves.size(); ++i) {
    std::string points;
    for (const auto& e : curves[i].epochs) {
      const double px = x(e.at("epoch")), py = y(e.at(key));
      points += fmt::format("{:.1f},{:.1f} ", px, py);
      out += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="3" fill="{}"/>)", px, py, colour(i));
    }
    out += fmt::format(R"(<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>)", points, colour(i));
  }
  return out + "</svg>\n";
}

std::string training(const std::vector<Curve>& curves) {
  if (curves.empty()) return {};
  std::vector<std::string> names;
  for (const Curve& c : curves) names.push_back(c.name);
  std::string out = "<h2>Training</h2>\n" + legend(names) + chart(curves, "train_loss", "training loss by epoch") +
                    chart(curves, "test_accuracy", "test accuracy by epoch");
  out += "<table><thead><tr><th>run</th><th>epoch</th><th>training loss</th><th>test accuracy</th><th>seconds</th></tr></thead><tbody>\n";
  for (const Curve& c : curves)
    for (const auto& e : c.epochs)
      out += fmt::format("<tr><td>{}</td><td>{}</td><td>{:.4f}</td><td>{:.4f}</td><td>{:.2f}</td></tr>\n", escaped(c.name),
                         e.at("epoch").get<int>(), e.at("train_loss").get<double>(), e.at("test_accuracy").get<double>(),
                         e.at("seconds").get<double>());
  return out + "</tbody></table>\n";
}

std::string about(const Report& report) {
  std::string out = "<h2>Machine</h2>\n<dl>";
  for (const auto& [key, value] : report.machine.items())
    out += fmt::format("<dt>{}</dt><dd>{}</dd>", escaped(key), escaped(value.is_string() ? value.get<std::string>() : value.dump()));
  for (const Backend& b : report.backends)
    out += fmt::format("<dt>backend {}</dt><dd>{} {}</dd>", escaped(b.name), escaped(b.version), escaped(b.description));
  return out + "</dl>\n";
}

}  // namespace

Curve read_curve(const std::string& path) {
  std::ifstream in(path);
  if (!in) throw std::runtime_error(fmt::format("[mushin-bench] cannot read {}", path));
  Curve curve{path.substr(path.find_last_of('/') + 1), {}};
  try {
    const auto file = nlohmann::json::parse(in);
    for (const char* key : {"name", "device"})
      if (file.is_object() && file.contains(key)) curve.name = file[key];
    curve.epochs = file.is_object() ? file.at("epochs") : file;
    if (!curve.epochs.is_array()) throw std::runtime_error("no list of epochs");
    for (const auto& e : curve.epochs)
      for (const char* key : {"epoch", "train_loss", "test_accuracy", "seconds"})
        if (!e.at(key).is_number()) throw std::runtime_error(fmt::format("\"{}\" isn't a number", key));
  } catch (const std::exception& e) {
    throw std::runtime_error(fmt::format("[mushin-bench] {} is no training curve: {}", path, e.what()));
  }
  return curve;
}

std::string page(const Report& report, const std::vector<Curve>& curves) {
  std::vector<std::string> names;
  for (const Backend& b : report.backends) names.push_back(b.name);
  return std::string(head) +
         "<h1>mushin</h1>\n<p class=\"what\">The same work on every backend. Times are minima of interleaved runs, each in a process of "
         "its own.</p>\n" +
         training(curves) + "<h2>Backends</h2>\n" + legend(names) + comparison_bars(report) + comparison_table(report) + about(report) +
         "</body></html>\n";
}

}  // namespace bench
