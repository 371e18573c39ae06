// A recording's runs as a graph of their device, where its plugin has the extension mushin.graph: a replay is then one call.
#pragma once
#include <cstdint>
#include <vector>

#include "core/node.hpp"
#include "mushin/plugin_graph.h"
#include "mushin/tensor/core/capture.hpp"

namespace mushin::core {

class Graph {
 public:
  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();

  /// The view of that index lies elsewhere from now on.
  void moved(std::uint32_t view) {
    if (handle_) moved_.push_back(view);
  }
  /// Gives all runs of the recording to their device in one call, which is made ready for it at first. False: they must be given one by
  /// one, since the device has no graphs, or not for all of the runs' plans.
  bool launch(const Recording::Contents&);

 private:
  mu_code capture_runs(const Recording::Contents&, mu_error&);
  bool instantiate(const Recording::Contents&);
  bool follow(const Recording::Contents&);
  mu_code give(const Recording::Contents&, mu_error&);
  void drop() noexcept;

  mu_graph* handle_ = nullptr;
  Device* device_ = nullptr;
  Block* workspace_ = nullptr;        // shared by the runs, which are in order
  std::vector<std::uint32_t> moved_;  // views, since the graph was told
  bool refused_ = false;
};

}  // namespace mushin::core
