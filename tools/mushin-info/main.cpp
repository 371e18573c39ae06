#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "report.hpp"

namespace {

void print(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// Paths and a plugin's texts may hold any bytes.
void print(const nlohmann::json& j) { print(j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"); }

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Shows mushin's backends: where plugins are searched, what became of each file, and the devices they drive."};
  bool json = false, closed = false;
  std::string ops_of;
  app.add_flag("--json", json, "print JSON");
  app.add_flag("--no-open", closed, "judge plugins from outside only; load none");
  app.add_option("--ops", ops_of, "show who computes each op on a device")->type_name("DEVICE");
  app.set_version_flag("--version", mushin::version());
  CLI11_PARSE(app, argc, argv);
  try {
    if (!ops_of.empty()) {
      const mushin::Device d = mushin::device(ops_of.c_str());
      json ? print(info::ops_as_json(d)) : print(info::ops_as_text(d));
    } else {
      const info::Report r = info::look(!closed);
      json ? print(info::as_json(r)) : print(info::as_text(r));
    }
  } catch (const std::exception& e) {
    std::fprintf(stderr, "mushin-info: %s\n", e.what());
    return 1;
  }
  return 0;
}
