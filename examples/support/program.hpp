#pragma once
// What the mains of the examples have in common.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

/// Options of every program: what is computed on, and the random numbers.
template <class Options>
void add_common_options(CLI::App& app, Options& options) {
  app.add_option("--device", options.device, "where to compute: builtin, onednn, …");
  app.add_option("--seed", options.seed, "of all random numbers")->capture_default_str();
}

/// Reads the command line and calls `train`, whose result is the exit code; an error becomes a line on stderr, followed by `advice()`, and
/// exit code 1.
template <class Train, class Advice>
int run_program(CLI::App& app, int argc, char** argv, Train train, Advice advice) {
  CLI11_PARSE(app, argc, argv);
  try {
    return train();
  } catch (const std::exception& e) {
    const std::string more = advice();
    std::fprintf(stderr, "%s%s\n", e.what(), more.c_str());
    return 1;
  }
}
template <class Train>
int run_program(CLI::App& app, int argc, char** argv, Train train) {
  return run_program(app, argc, argv, train, [] { return std::string(); });
}
