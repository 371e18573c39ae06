// A plugin's tables, judged and made whole.
#pragma once
#include <string>
#include <string_view>

#include "mushin/plugin.h"
#include "mushin/plugin_collectives.h"
#include "mushin/plugin_graph.h"
#include "mushin/plugin_many.h"

namespace mushin::core {

/// Copies of what a plugin gave; missing tails are zero.
struct Backend {
  mu_plugin plugin{};
  mu_device_table device{};
  mu_memory_table memory{};  // all NULL where the plugin has none
  mu_stream_table stream{};
  mu_compute_table compute{};
  mu_graph_table graph{};  // of the extensions; all NULL where the plugin has none
  mu_collectives_table collectives{};
  mu_many_table many{};
};

/// Returns what is wrong, naming the field; nothing when all that is required is there. `expected_name` is the note's.
std::string read_tables(const mu_plugin* from, std::string_view expected_name, Backend& to);
/// What a device with memory of its own needs besides.
std::string check_memory_table(const mu_memory_table&);

/// `error`'s text, made safe: "MU_UNAVAILABLE: no driver (native code 35)".
std::string describe(mu_code, const mu_error&);
/// An error to be handed to a plugin.
mu_error empty_error();

}  // namespace mushin::core
