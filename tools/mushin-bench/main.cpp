// mushin-bench: the same work on every backend, side by side.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <regex>

#include "measure.hpp"
#include "page.hpp"
#include "results.hpp"
#include "spawn.hpp"

namespace bench {
namespace {

struct Options {
  std::string suite = "peers", filter = ".*", json, html;
  std::vector<std::string> backends, curves;
  double min_time = 0.5;
  int repeats = 3, threads = 0;
  bool list = false;
  // of a process that measures
  std::string workload, backend;
};

constexpr const char* startup_name = "startup";
constexpr double value_tolerance = 1e-4;

std::vector<Workload> chosen(const Options& o) {
  const std::regex filter(o.filter);
  auto all = o.suite == "ops" ? op_workloads() : peer_workloads();
  std::erase_if(all, [&](const Workload& w) { return !std::regex_search(w.name, filter); });
  return all;
}
bool startup_chosen(const Options& o) { return o.suite == "peers" && std::regex_search(startup_name, std::regex(o.filter)); }

std::vector<Backend> backends(const Options& o) {
  std::vector<Backend> out;
  const auto add = [&out](mu::Device d) {
    std::string version = mu::version();
    for (const auto& p : mu::plugins())
      if (p.state == mu::plugin_state::loaded && std::string(p.name) == d.plugin()) version = p.version;
    out.push_back({d.name(), d.description(), version, d.host_memory()});
  };
  if (o.backends.empty())
    for (const auto& d : mu::devices()) add(d);
  for (const auto& name : o.backends) add(mu::device(name.c_str()));
  return out;
}

/// One run of one workload in a process of its own.
nlohmann::json run_apart(const std::string& workload, const std::string& backend, double min_time) {
  const auto done = run_self({"measure", "--workload", workload, "--on", backend, "--min-time", fmt::format("{}", min_time)});
  if (done.status == 0) return nlohmann::json::parse(done.output);
  return {{"error", done.errors.empty() ? fmt::format("ended with status {}", done.status) : done.errors}};
}
nlohmann::json start_apart(const std::string& backend) {
  const auto done = run_self({"first-result", "--on", backend});
  if (done.status != 0) return {{"error", done.errors}};
  const double first = std::strtod(done.output.c_str(), nullptr), rss = std::strtod(done.output.c_str() + done.output.find('\n'), nullptr);
  return {{"check", first}, {"min_s", done.first_line_s}, {"median_s", done.first_line_s}, {"samples", 1}, {"peak_rss_mib", rss}};
}

/// In processes of their own: a child's peak memory begins with its parent's.
std::map<std::string, Limits> limits_apart(const std::vector<Backend>& backends) {
  std::map<std::string, Limits> limits;
  for (const Backend& b : backends) {
    const std::string key = b.host_memory ? "" : b.name;
    if (limits.contains(key)) continue;
    const auto done = run_self(b.host_memory ? std::vector<std::string>{"limits"} : std::vector<std::string>{"limits", "--on", b.name});
    if (done.status == 0) {
      limits[key] = Limits::from(nlohmann::json::parse(done.output));
    } else {
      limits[key].device = b.name;
      limits[key].error = done.errors.empty() ? fmt::format("ended with status {}", done.status) : done.errors;
    }
  }
  return limits;
}

/// Of the host, unless `device` names another with memory of its own.
Limits limits_here(const std::string& device) {
  if (device.empty() || mu::device(device.c_str()).host_memory()) return measure_limits();
  return measure_limits(mu::device(device.c_str()));
}

void add_run(Result& result, const nlohmann::json& run) {
  if (run.contains("error"))
    result.error = run["error"];
  else
    result.add(run);
}

/// Repeats take turns between the backends, so that a disturbance meets all of them.
Report compare(const Options& o) {
  Report report{describe_machine(), backends(o), {}, {}};
  report.limits = limits_apart(report.backends);
  const auto take_turns = [&](Row row, int repeats, auto run) {
    std::fprintf(stderr, "%s\n", row.name.c_str());
    for (int i = 0; i < repeats; ++i)
      for (const auto& b : report.backends) add_run(row.by_backend[b.name], run(b.name));
    report.rows.push_back(std::move(row));
  };
  for (const Workload& w : chosen(o))
    take_turns({w.name, w.what, w.flop, w.bytes, w.written, w.type, {}}, o.repeats,
               [&](const std::string& backend) { return run_apart(w.name, backend, o.min_time / o.repeats); });
  if (startup_chosen(o))
    take_turns({startup_name, "process start to the first result", 0, 0, 0, mu::dtype::f32, {}}, 7 * o.repeats, start_apart);
  return report;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw std::runtime_error(fmt::format("[mushin-bench] cannot write {}", path));
}

int compare_and_report(const Options& o) {
  std::vector<Curve> curves;
  for (const auto& path : o.curves) curves.push_back(read_curve(path));
  const Report report = compare(o);
  fmt::print("{}", report.table());
  if (!o.json.empty()) write(o.json, report.json().dump(1) + "\n");
  if (!o.html.empty()) write(o.html, page(report, curves));
  const bool failed = std::any_of(report.rows.begin(), report.rows.end(), [](const Row& row) {
    return std::any_of(row.by_backend.begin(), row.by_backend.end(), [](const auto& r) { return !r.second.error.empty(); });
  });
  return failed ? 1 : 0;
}

bool near(double value, double expected) { return expected != 0 && std::abs(value - expected) <= value_tolerance * std::abs(expected); }

/// The values of every workload on every backend against those of other frameworks.
int verify(const Options& o) {
  int wrong = 0;
  for (const Workload& w : chosen(o))
    for (const auto& b : backends(o)) {
      const auto run = run_apart(w.name, b.name, 0);
      if (run.contains("error")) {
        fmt::print("{:<24} {:<10} failed: {}\n", w.name, b.name, run["error"].get<std::string>());
        ++wrong;
        continue;
      }
      const auto agrees = [&](const char* key, double expected, double other) {
        if (!run.contains(key)) return;
        const double value = run[key];
        const bool ok = near(value, expected) || near(value, other);
        fmt::print("{:<24} {:<10} {:<8} {:<12.7g} expected {:<12.7g} {}\n", w.name, b.name, key, value, expected, ok ? "ok" : "WRONG");
        wrong += !ok;
      };
      agrees(w.training ? "loss_1" : "check", w.expected.first, w.expected.first);
      agrees("loss_10", w.expected.tenth, w.expected.other_tenth);
    }
  return wrong == 0 ? 0 : 1;
}

int measure_here(const Options& o) {
  mu::set_default_device(o.backend.c_str());
  for (const auto& all : {peer_workloads(), op_workloads()})
    for (const Workload& w : all)
      if (w.name == o.workload) {
        fmt::print("{}\n", measure(w, {o.min_time}).dump());
        return 0;
      }
  throw std::runtime_error(fmt::format("[mushin-bench] there is no workload {}", o.workload));
}

int first_result_here(const Options& o) {
  mu::set_default_device(o.backend.c_str());
  fmt::print("{}\n", first_result());
  std::fflush(stdout);
  fmt::print("{}\n", peak_rss_mib());
  return 0;
}

int list(const Options& o) {
  for (const Workload& w : chosen(o)) fmt::print("{:<24} {}\n", w.name, w.what);
  if (startup_chosen(o)) fmt::print("{:<24} process start to the first result\n", startup_name);
  return 0;
}

int run(int argc, char** argv) {
  Options o;
  CLI::App app{"Times the same work on every backend, side by side."};
  app.set_version_flag("--version", mu::version());
  const auto choice = [&o](CLI::App& to) {
    to.add_option("--filter", o.filter, "workloads whose name matches this regular expression");
    to.add_option("--backend", o.backends, "these backends (all)")->delimiter(',');
  };
  choice(app);
  app.add_option("--suite", o.suite, "peers: workloads of other frameworks; ops: one for each family of ops")
      ->check(CLI::IsMember({"peers", "ops"}));
  app.add_option("--json", o.json, "write the results to this file");
  app.add_option("--html", o.html, "write a page with comparison and training curves to this file");
  app.add_option("--curve", o.curves, "a training run for the page, as the examples write it (several)");
  app.add_option("--min-time", o.min_time, "seconds of measuring for each workload and backend")->check(CLI::PositiveNumber);
  app.add_option("--repeats", o.repeats, "runs of each, taking turns")->check(CLI::Range(1, 1000));
  app.add_option("--threads", o.threads, "threads of mushin (MUSHIN_THREADS)")->check(CLI::Range(1, 1024));
  app.add_flag("--list", o.list, "print the workloads' names");
  auto* verify_command = app.add_subcommand("verify", "compare values, not times, with those of other frameworks");
  choice(*verify_command);
  auto* measure_command = app.add_subcommand("measure", "one workload in this process")->group("");
  measure_command->add_option("--workload", o.workload)->required();
  measure_command->add_option("--on", o.backend)->required();
  measure_command->add_option("--min-time", o.min_time);
  auto* limits_command = app.add_subcommand("limits", "what this machine can do at best, as JSON");
  limits_command->add_option("--on", o.backend, "what this device shows at best");
  auto* first_command = app.add_subcommand("first-result", "the smallest program")->group("");
  first_command->add_option("--on", o.backend)->required();
  CLI11_PARSE(app, argc, argv);
  if (o.threads > 0) setenv("MUSHIN_THREADS", std::to_string(o.threads).c_str(), 1);
  if (measure_command->parsed()) return measure_here(o);
  if (limits_command->parsed()) {
    fmt::print("{}\n", limits_here(o.backend).json().dump());
    return 0;
  }
  if (first_command->parsed()) return first_result_here(o);
  if (o.list) return list(o);
  return verify_command->parsed() ? verify(o) : compare_and_report(o);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  try {
    return bench::run(argc, argv);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 2;
  }
}
